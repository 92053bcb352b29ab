"""A user who is signed in, and a page of somebody else: in a real browser, over HTTPS.

A browser sends a user's password with a form of any page; that these tests see it go out is what makes the 403 a proof.
"""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chromium import Tab, browser
from endpoints import USERS, Access, Endpoint, rapier
from lab.luxi import ask

pytestmark = pytest.mark.browser

CREDENTIALS = "Basic " + base64.b64encode(f"admin:{USERS['admin']}".encode()).decode()
REBOOT = "/2/instances/web1/reboot"


def sending_form(url: str) -> str:
    """A script that sends a form, as a click would."""
    return f"""
        const form = document.createElement("form");
        form.method = "post"; form.action = "{url}"; form.enctype = "text/plain";
        document.body.append(form); form.submit();
    """


@contextmanager
def site(script: str, access: Access | None = None) -> Iterator[str]:
    """Another web site, over TLS where it has a certificate; its only page runs the script. Its origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!doctype html><body><p>Kittens</p><script>{script}</script>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing of interest."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        if access is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(access.certificate, access.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{'http' if access is None else 'https'}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def jobs(endpoint: Endpoint) -> list[int]:
    """The ids of all jobs."""
    return [row[0] for row in ask(endpoint.luxi_socket, "QueryJobs", [None, ["id"]])]


@pytest.fixture
def signed_in(rapier_embedded: Endpoint, tmp_path: Path) -> Iterator[Tab]:
    """A browser whose user has been at Rapier's page."""
    host, port = rapier_embedded.address
    with browser(tmp_path / "profile") as tab:
        tab.visit(f"https://admin:{USERS['admin']}@{host}:{port}/2/info")
        assert '"software_version"' in tab.text()
        yield tab


@pytest.mark.parametrize(("scheme", "site_is"), [("http", "cross-site"), ("https", "same-site")])
def test_a_form_of_another_page_carries_the_password_and_does_nothing(
    rapier_embedded: Endpoint, access: Access, signed_in: Tab, scheme: str, site_is: str
) -> None:
    before = jobs(rapier_embedded)
    url = rapier_embedded.url + REBOOT
    with site(sending_form(url), access if scheme == "https" else None) as origin:
        signed_in.visit(f"{origin}/")
        status, sent = signed_in.answer_to("POST", url)
    assert sent["authorization"] == CREDENTIALS
    assert (sent["origin"], sent["sec-fetch-site"]) == (origin, site_is)
    assert status == 403
    assert jobs(rapier_embedded) == before


def test_a_form_that_hides_whose_it_is_does_nothing_either(rapier_embedded: Endpoint, signed_in: Tab) -> None:
    before = jobs(rapier_embedded)
    url = rapier_embedded.url + REBOOT
    hiding = "document.head.innerHTML = '<meta name=referrer content=no-referrer>';"
    with site(hiding + sending_form(url)) as origin:
        signed_in.visit(f"{origin}/")
        status, sent = signed_in.answer_to("POST", url)
    assert (sent["authorization"], sent["origin"]) == (CREDENTIALS, "null")
    assert status == 403
    assert jobs(rapier_embedded) == before


def test_the_same_form_on_our_own_page_is_carried_out(rapier_embedded: Endpoint, signed_in: Tab) -> None:
    before = jobs(rapier_embedded)
    url = rapier_embedded.url + REBOOT
    signed_in.run(sending_form(url))
    status, sent = signed_in.answer_to("POST", url)
    assert (sent["origin"], sent["sec-fetch-site"]) == (rapier_embedded.url, "same-origin")
    assert status == 200
    assert len(jobs(rapier_embedded)) == len(before) + 1


def test_a_form_of_a_configured_site_is_carried_out(rapier_embedded: Endpoint, access: Access, tmp_path: Path) -> None:
    """The very request that is 403 above: nothing but the rule stops it."""
    with site("") as origin:
        options = ["--allowed-origins", origin]
        with (
            rapier("rapier-of-the-site", rapier_embedded.luxi_socket, access, *options) as endpoint,
            browser(tmp_path / "profile") as tab,
        ):
            host, own = endpoint.address
            tab.visit(f"https://admin:{USERS['admin']}@{host}:{own}/2/info")
            before = jobs(endpoint)
            tab.visit(f"{origin}/")
            tab.run(sending_form(endpoint.url + REBOOT))
            status, sent = tab.answer_to("POST", endpoint.url + REBOOT)
    assert (sent["authorization"], sent["sec-fetch-site"], status) == (CREDENTIALS, "cross-site", 200)
    assert len(jobs(rapier_embedded)) == len(before) + 1
