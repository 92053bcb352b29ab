"""The Authorization header of HTTP Basic."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapier.access.basic import read_basic

_names = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=":"), min_size=1)
_passwords = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@given(_names, _passwords, st.sampled_from(["Basic", "basic", "BASIC"]), st.sampled_from([" ", "   "]))
def test_what_a_client_encodes_is_what_is_read(user: str, password: str, scheme: str, gap: str) -> None:
    header = f"{scheme}{gap}{base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    assert read_basic(header) == (user, password.encode())
    assert read_basic(header.encode()) == (user, password.encode())


@given(st.one_of(st.binary(), st.binary().map(lambda token: b"Basic " + token), st.text()))
def test_no_header_whatever_raises(header: bytes | str) -> None:
    read_basic(header)


@given(st.binary())
def test_no_token_whatever_raises_and_no_name_holds_a_colon(decoded: bytes) -> None:
    credentials = read_basic(b"Basic " + base64.b64encode(decoded))
    assert credentials is None or (credentials.user and ":" not in credentials.user)


def _encoded(decoded: bytes) -> str:
    return base64.b64encode(decoded).decode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Bearer " + _encoded(b"joe:secret"),
        "Basic\t" + _encoded(b"joe:secret"),
        "Basic " + _encoded(b"joe"),
        "Basic " + _encoded(b":secret"),
        "Basic " + _encoded(b"joe:sec\0ret"),
        "Basic " + _encoded(b"jo\ne:secret"),
        "Basic " + _encoded("jö:secret".encode("latin-1")),
        "Basic " + _encoded(b"joe:secret") + "=",
        "Basic " + _encoded(b"joe:secrets").rstrip("="),
        "Basic am9lO*nNlY3JldA==",
        "Basic " + _encoded(b"joe:secret") + ", Basic " + _encoded(b"joe:secret"),
        "Bäsic x",
    ],
)
def test_what_rfc_7617_does_not_allow_names_nobody(header: str | None) -> None:
    assert read_basic(header) is None


def test_a_password_may_hold_colons_and_be_empty_and_need_not_be_utf8() -> None:
    assert read_basic("Basic " + _encoded(b"joe:a:b:")) == ("joe", b"a:b:")
    assert read_basic("Basic " + _encoded(b"joe:")) == ("joe", b"")
    assert read_basic("Basic " + _encoded(b"joe:\xe9")) == ("joe", b"\xe9")
