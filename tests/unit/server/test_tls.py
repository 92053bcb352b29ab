"""Which certificates are taken, and how TLS is spoken with them."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from endpoints import Access
from rapier.errors import CertificateError
from rapier.server.certificate import Certificate
from rude.daemon import Daemon, request, running

PASSWORDLESS = serialization.NoEncryption()
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def self_signed(folder: Path, key: Key, encryption: serialization.KeySerializationEncryption = PASSWORDLESS) -> Path:
    """One file with a key and its certificate for 127.0.0.1, as Ganeti keeps its own."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    file = folder / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ec.generate_private_key(ec.SECP256R1()), id="P-256"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(rsa.generate_private_key(65537, 2048), id="RSA"),
        pytest.param(ed25519.Ed25519PrivateKey.generate(), id="Ed25519"),
    ],
)
def test_each_kind_of_key_is_served(tmp_path: Path, key: Key) -> None:
    with running(self_signed(tmp_path, key)) as daemon:
        assert daemon.get("/scope").json["scheme"] == "https"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(secured: Daemon, access: Access, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(access.certificate))
    context.minimum_version = context.maximum_version = version
    assert Daemon(secured.program, secured.urls, context).get("/").status == 200


def test_tls_1_1_is_refused(secured: Daemon) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on who notices first
        Daemon(secured.program, secured.urls, context).get("/")


def test_a_client_resumes_its_session(secured: Daemon) -> None:
    assert secured.context is not None
    session = None
    for _ in range(2):
        with (
            socket.create_connection(secured.address) as tcp,
            secured.context.wrap_socket(tcp, server_hostname="127.0.0.1", session=session) as sock,
        ):
            sock.sendall(request("GET", "/"))
            sock.recv(1000)  # TLS 1.3 sends its tickets behind the handshake
            reused, session = sock.session_reused, sock.session
    assert reused


def test_a_file_that_is_not_there_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"no\.pem.*No such file.*`rapier cert DIR`"):
        Certificate(tmp_path / "no.pem", None)


def test_a_certificate_without_its_key_is_refused(access: Access) -> None:
    with pytest.raises(CertificateError, match="no private key"):
        Certificate(access.certificate, None)


def test_a_key_without_its_certificate_is_refused(access: Access) -> None:
    with pytest.raises(CertificateError, match="no certificate"):
        Certificate(access.key, None)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, access: Access) -> None:
    other = self_signed(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(CertificateError, match="another certificate"):
        Certificate(access.certificate, other)


def test_a_key_of_another_kind_is_refused(tmp_path: Path, access: Access) -> None:
    other = self_signed(tmp_path, rsa.generate_private_key(65537, 2048))
    with pytest.raises(CertificateError, match="another certificate"):
        Certificate(access.certificate, other)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    encryption = serialization.BestAvailableEncryption(b"secret")
    file = self_signed(tmp_path, ec.generate_private_key(ec.SECP256R1()), encryption)
    with pytest.raises(CertificateError, match="encrypted"):
        Certificate(file, None)


def test_rubbish_between_the_right_lines_is_refused(tmp_path: Path, access: Access) -> None:
    file = tmp_path / "cert.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
    with pytest.raises(CertificateError, match="rapier cert DIR"):
        Certificate(file, access.key)
