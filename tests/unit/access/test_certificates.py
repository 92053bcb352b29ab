"""Certificates that `rapier cert` makes, judged by those who have to trust them."""

from __future__ import annotations

import http.server
import ipaddress
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography import x509

from rapier.access.certificates import CertificateFiles, fingerprint, make_certificate_files
from rapier.errors import CertificateError

RAPIER = [sys.executable, "-c", "from rapier.cli import main; main()"]
ADDRESSES = ["127.0.0.1", "localhost", "[::1]"]


def ipv6_works() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return make_certificate_files(tmp_path / "tls", ["api.example.org", "192.0.2.77"])


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        pass


class DualStackServer(http.server.ThreadingHTTPServer):
    """On the loopback addresses of IPv4 and IPv6, where there is one."""

    address_family = socket.AF_INET6 if ipv6_works() else socket.AF_INET

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


@pytest.fixture
def port(files: CertificateFiles) -> Iterator[int]:
    """An HTTPS server with that certificate."""
    server = DualStackServer(("::" if ipv6_works() else "127.0.0.1", 0), Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def skip_without_ipv6(host: str) -> None:
    if host == "[::1]" and not ipv6_works():
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize("host", ADDRESSES)
@pytest.mark.parametrize("program", ["curl", "wget"])
def test_curl_and_wget_trust_it_as_its_own_anchor(files: CertificateFiles, port: int, program: str, host: str) -> None:
    """curl is built with OpenSSL, Debian's wget with GnuTLS."""
    skip_without_ipv6(host)
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    url = f"https://{host}:{port}/"
    options = {"curl": ["-sS", "--cacert"], "wget": ["-qO-", "--no-proxy", "--no-hsts", "--ca-certificate"]}[program]
    done = subprocess.run([program, *options, str(files.certificate), url], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "hello"), done.stderr
    without = subprocess.run([program, *options[:1], *options[1:-1], url], capture_output=True, text=True)
    assert without.returncode in (60, 5)


@pytest.mark.parametrize("host", ADDRESSES)
@pytest.mark.parametrize("strict", [False, True])
def test_httpx_and_pythons_ssl_trust_it_with_verification_on(
    files: CertificateFiles, port: int, host: str, strict: bool
) -> None:
    """Strict is what Python 3.13 does by default."""
    skip_without_ipv6(host)
    context = ssl.create_default_context(cafile=str(files.certificate))
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    with httpx.Client(verify=context, trust_env=False) as client:
        assert client.get(f"https://{host}:{port}/").text == "hello"


def test_it_is_good_for_no_other_name(files: CertificateFiles, port: int) -> None:
    context = ssl.create_default_context(cafile=str(files.certificate))
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'other'"),
    ):
        context.wrap_socket(plain, server_hostname="other")


@pytest.mark.parametrize("name", ["api.example.org", socket.gethostname()])
def test_openssl_verifies_it_by_name(files: CertificateFiles, name: str) -> None:
    judge = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(files.certificate)]
    done = subprocess.run([*judge, "-verify_hostname", name, str(files.certificate)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    other = [*judge, "-verify_hostname", "other", str(files.certificate)]
    assert subprocess.run(other, capture_output=True).returncode != 0


def test_it_names_the_host_its_addresses_and_what_was_asked_for(files: CertificateFiles) -> None:
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = named.get_values_for_type(x509.DNSName)
    assert {"localhost", socket.gethostname(), "api.example.org"} <= set(names)
    addresses = named.get_values_for_type(x509.IPAddress)
    assert len(addresses) == len(set(addresses))
    of_the_host = {
        ipaddress.ip_address(address.address)
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family == socket.AF_INET
    }
    asked_for = {ipaddress.ip_address(text) for text in ("127.0.0.1", "::1", "192.0.2.77")}
    assert of_the_host | asked_for <= set(addresses)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 825


def test_who_trusts_it_trusts_no_certificate_that_its_key_signs(files: CertificateFiles) -> None:
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_only_the_owner_can_read_the_key_and_one_file_may_hold_both(files: CertificateFiles, tmp_path: Path) -> None:
    assert files.key.stat().st_mode & 0o777 == 0o600
    both = tmp_path / "both.pem"
    both.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(both)
    assert fingerprint(both) == fingerprint(files.certificate)


def test_the_fingerprint_is_the_one_that_openssl_prints(files: CertificateFiles) -> None:
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(files.certificate)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert printed.partition("=")[2] == fingerprint(files.certificate) == fingerprint(files.certificate.read_bytes())


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"-----BEGIN CERTIFICATE-----\nAAA", b"\xff"])
def test_what_holds_no_certificate_has_no_fingerprint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pem").write_bytes(content)
    with pytest.raises(CertificateError, match="no certificate can be read"):
        fingerprint(tmp_path / "bad.pem")


@pytest.mark.parametrize("name", ["", "a b", "a..b", "-a", "x" * 64, "host:80", "https://host", "*", "a.*.b", "::1/64"])
def test_what_is_no_name_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(CertificateError, match="neither a host's name nor an address"):
        make_certificate_files(tmp_path / "tls", [name])
    assert not (tmp_path / "tls").exists()


def test_names_in_other_scripts_and_wildcards_are_named_as_dns_writes_them(tmp_path: Path) -> None:
    files = make_certificate_files(tmp_path, ["bücher.example", "*.example.org", "api.example.org.", "2001:db8::1"])
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert named.get_values_for_type(x509.DNSName)[-3:] == ["xn--bcher-kva.example", "*.example.org", "api.example.org"]


def cert(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RAPIER, "cert", *map(str, arguments)], capture_output=True, text=True)


def test_the_command_prints_the_paths_and_the_fingerprint(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "tls"
    done = cert(folder, "--name", "api.example.org", "--name", "192.0.2.1", "--days", "30")
    assert done.returncode == 0, done.stderr
    certificate = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 30
    for text in (str(folder / "cert.pem"), str(folder / "key.pem"), fingerprint(folder / "cert.pem")):
        assert text in done.stdout


def test_what_is_there_is_overwritten_only_by_force_and_then_is_private_again(tmp_path: Path) -> None:
    assert cert(tmp_path).returncode == 0
    before = (tmp_path / "key.pem").read_bytes()
    (tmp_path / "key.pem").chmod(0o644)
    refused = cert(tmp_path)
    assert refused.returncode == 1
    assert "would be overwritten" in refused.stderr
    assert (tmp_path / "key.pem").read_bytes() == before
    assert cert(tmp_path, "--force").returncode == 0
    assert (tmp_path / "key.pem").read_bytes() != before
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = cert(tmp_path / "file" / "tls")
    assert refused.returncode == 1
    assert f"{tmp_path}/file/tls: Not a directory" in refused.stderr
