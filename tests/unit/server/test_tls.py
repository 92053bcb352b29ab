"""Which certificates are taken, and how TLS is spoken with them."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from endpoints import Access
from key_pairs import KINDS, key_pair
from rapier.errors import CertificateError
from rapier.server.certificate import Certificate
from rude.daemon import Daemon, request, running


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_is_served(tmp_path: Path, kind: str) -> None:
    with running(key_pair(kind).in_one_file(tmp_path)) as daemon:
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
    other = key_pair().in_one_file(tmp_path)
    with pytest.raises(CertificateError, match="another certificate"):
        Certificate(access.certificate, other)


def test_a_key_of_another_kind_is_refused(tmp_path: Path, access: Access) -> None:
    other = key_pair("RSA").in_one_file(tmp_path)
    with pytest.raises(CertificateError, match="another certificate"):
        Certificate(access.certificate, other)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    file = key_pair(encryption=serialization.BestAvailableEncryption(b"secret")).in_one_file(tmp_path)
    with pytest.raises(CertificateError, match="encrypted"):
        Certificate(file, None)


def test_rubbish_between_the_right_lines_is_refused(tmp_path: Path, access: Access) -> None:
    file = tmp_path / "cert.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
    with pytest.raises(CertificateError, match="rapier cert DIR"):
        Certificate(file, access.key)
