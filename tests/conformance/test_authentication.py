"""Who may come in. Few wrong tries: a daemon may slow them down."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from conformance.client import Answer, Api


def header(text: str, scheme: str = "Basic") -> dict[str, str]:
    """An Authorization header for `user:password`."""
    return {"Authorization": f"{scheme} {base64.b64encode(text.encode()).decode()}"}


def assert_unauthorized(answer: Answer) -> None:
    """The 401, to its last member."""
    assert answer.refusal() == (401, "Unauthorized")
    assert answer.headers.get_list("www-authenticate") == ['Basic realm="Ganeti Remote API"']


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/version"),
        ("GET", "/2/info"),
        ("GET", "/2/nope"),
        ("GET", "/2/"),
        ("PATCH", "/2/info"),
        ("POST", "/2/instances"),
        ("DELETE", "/2/jobs/1"),
    ],
)
def test_a_stranger_learns_nothing(api: Api, method: str, path: str) -> None:
    assert_unauthorized(api.request(method, path, user=None))


def test_a_strangers_body_is_not_looked_at(api: Api) -> None:
    headers = {"Content-Type": "text/plain"}
    assert_unauthorized(api.request("POST", "/2/instances", content=b"{bad", headers=headers, user=None))


@pytest.mark.parametrize(
    "headers",
    [
        header("admin:wrong"),
        header("nobody:secret"),
        header("Admin:secret"),
        header("admin"),
        header("admin:secret", scheme="Bearer"),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Digest username=admin"},
    ],
    ids=["password", "user", "capital", "no colon", "scheme", "no base64", "digest"],
)
def test_what_does_not_identify_a_user_is_401(api: Api, headers: dict[str, str]) -> None:
    assert_unauthorized(api.get("/version", headers=headers, user=None))


def test_a_scheme_without_credentials_is_400(api: Api) -> None:
    answer = api.get("/version", headers={"Authorization": "Basic"}, user=None)
    assert answer.refusal() == (400, "Basic authentication requires credentials")


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
def test_the_scheme_is_read_in_any_letters(api: Api, scheme: str) -> None:
    assert api.get("/version", headers=header("admin:secret", scheme), user=None).value() == 2


def test_words_after_the_credentials(api: Api, differs: Callable[[str], bool]) -> None:
    headers = {"Authorization": header("admin:secret")["Authorization"] + " and more"}
    answer = api.get("/version", headers=headers, user=None)
    if differs("words-after-the-credentials"):
        assert_unauthorized(answer)
    else:
        assert answer.value() == 2


def test_a_user_may_read(api: Api) -> None:
    assert api.get("/version", user="viewer").value() == 2
    assert api.get("/2/nope", user="viewer").refusal() == (404, "Not Found")
    assert api.request("PATCH", "/2/info", user="viewer").status == 501


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/2/instances"), ("GET", "/2/jobs/1/wait"), ("PUT", "/2/instances/a/startup?force=x")],
)
def test_a_user_without_the_right_to_write_may_not(api: Api, method: str, path: str) -> None:
    assert api.request(method, path, user="viewer").refusal() == (403, "Forbidden")
    assert api.request(method, path, user="reader").refusal() == (403, "Forbidden")


@pytest.mark.parametrize("password", ["look", "wrong"])
def test_what_is_not_there_is_said_before_the_password_is_wrong_or_the_right_missing(api: Api, password: str) -> None:
    headers = header(f"viewer:{password}")
    assert api.post("/2/nope", headers=headers, user=None).refusal() == (404, "Not Found")
    answer = api.post("/2/instances/a", headers=headers, user=None)
    assert answer.refusal() == (501, "Method POST is unsupported for path /2/instances/a")


def test_the_right_is_looked_at_before_the_body(api: Api) -> None:
    headers = {"Content-Type": "text/plain"}
    answer = api.request("POST", "/2/instances", content=b"{bad", headers=headers, user="viewer")
    assert answer.refusal() == (403, "Forbidden")
