"""The format of the users file, as Apache writes and reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_peers import SCHEMES, Htpasswd
from rapier.access.htpasswd import parse_users, with_user, without_user
from rapier.access.schemes import make_hash, matches
from rapier.errors import UsersFileError

HASHES = {
    "-B": "$2y$05$MHA18kqJTnRTFiUG8NCqTux9UgTnEpiDPp/KUadkT17HC6EHJUuwe",
    "-m": "$apr1$TO/4A.A/$sjEHj3123/oqODcXLpGET0",
    "-s": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "-d": "xKlGRCBk9KyLc",
    "-2": "$5$ce26Vsxt7v34BSCW$QPixX2I0s1lQ.ihcZ9YWeucU8BcFEleQ.JPQSkmcrDC",
    "-5": "$6$SKpu.yBwAHoAtudK$ytSe.rYGdFQ61arZdNQSwcb/o60jxCD57aD.dTf7ejU6BRAejdQH6J9oOqbDKdyFgWuIjNFnnRke4da3BHzhV0",
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("password", ["secret", "pässwörd ☃", "with:colon", " ", "a" * 72])
def test_each_scheme_of_apaches_htpasswd_is_understood(
    htpasswd: Htpasswd, path: Path, scheme: str, password: str
) -> None:
    htpasswd("-cb", scheme, path, "joe", password)
    [(user, stored)] = parse_users(path.read_bytes(), str(path)).hashes.items()
    assert user == "joe"
    assert matches(stored, password.encode())
    assert not matches(stored, b"x" + password.encode())
    assert not matches(stored, b"")


@pytest.mark.parametrize("scheme", ["-2", "-5"])
def test_rounds_that_the_administrator_chose_are_understood(htpasswd: Htpasswd, path: Path, scheme: str) -> None:
    htpasswd("-cb", scheme, "-r", "6000", path, "joe", "secret")
    stored = parse_users(path.read_bytes(), str(path)).hashes["joe"]
    assert "rounds=6000" in stored
    assert matches(stored, b"secret")


def test_plain_text_is_refused_with_its_line_and_user_but_never_shown(htpasswd: Htpasswd, path: Path) -> None:
    htpasswd("-cbB", path, "anna", "good")
    htpasswd("-bp", path, "joe", "open-sesame")
    with pytest.raises(UsersFileError) as refusal:
        parse_users(path.read_bytes(), str(path))
    text = str(refusal.value)
    assert f"users file {path}: line 2, user 'joe': the password is in plain text" in text
    assert f"rapier passwd {path} USER" in text
    assert "sesame" not in text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_hash_of_which_a_part_is_missing_is_refused_wherever_it_was_cut(scheme: str) -> None:
    stored = HASHES[scheme]
    for length in range(len(stored)):
        with pytest.raises(UsersFileError):
            parse_users(f"joe:{stored[:length]}\n".encode(), "users")
    with pytest.raises(UsersFileError):
        parse_users(f"joe:{stored}x\n".encode(), "users")


def test_13_letters_are_des_only_if_a_des_hash_can_end_so() -> None:
    assert (
        parse_users(b"joe:abcdefghijklM\n", "users").remarks[0].startswith("users file users, line 1, user 'joe': DES")
    )
    with pytest.raises(UsersFileError, match="plain text"):
        parse_users(b"joe:abcdefghijklm\n", "users")


def test_only_eight_bytes_count_in_des_and_the_administrator_is_told(htpasswd: Htpasswd, path: Path) -> None:
    htpasswd("-cbd", path, "joe", "12345678")
    users = parse_users(path.read_bytes(), str(path))
    assert matches(users.hashes["joe"], b"12345678 and more")
    assert "first 8 bytes" in users.remarks[0]


@pytest.mark.parametrize(
    "line",
    [
        "joe:$1$abc$Dcg9WJ1gzNUwPWfFuTgZm/",
        "joe:$y$j9T$abc$def",
        "joe:{HA1}0123",
        "joe:{cleartext}secret",
        "joe:$2x$05$MHA18kqJTnRTFiUG8NCqTux9UgTnEpiDPp/KUadkT17HC6EHJUuwe",
    ],
)
def test_kinds_of_hashes_that_apache_does_not_write_are_refused_as_such(line: str) -> None:
    with pytest.raises(UsersFileError, match="a kind of hash that Apache's htpasswd does not write"):
        parse_users(line.encode(), "users")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"joe\n", "line 1: no colon"),
        (b"# a file\n\n:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", "line 3, user '': a user's name cannot be empty"),
        (b"jo\x01e:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", "control characters"),
        (b"j\xf6rg:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", "not UTF-8"),
        (b"joe:\n", "line 1, user 'joe': no password hash"),
        (b"joe:$2y$31$MHA18kqJTnRTFiUG8NCqTux9UgTnEpiDPp/KUadkT17HC6EHJUuwe\n", "damaged bcrypt hash"),
    ],
)
def test_a_line_that_says_nothing_clear_is_refused_by_number(content: bytes, message: str) -> None:
    with pytest.raises(UsersFileError) as refusal:
        parse_users(content, "users")
    assert message in str(refusal.value)


def test_a_line_without_colon_may_be_a_password_and_is_not_shown() -> None:
    with pytest.raises(UsersFileError) as refusal:
        parse_users(b"open-sesame\n", "users")
    assert "sesame" not in str(refusal.value)


def test_of_many_bad_lines_the_first_are_named_and_the_rest_counted() -> None:
    with pytest.raises(UsersFileError, match=r"line 5, user 'u5': .*; and 3 lines more"):
        parse_users(b"".join(b"u%d:plain\n" % number for number in range(1, 9)), "users")


def test_comments_blank_lines_further_members_and_line_ends_are_read_as_apache_reads_them() -> None:
    stored = HASHES["-m"]
    content = f"# who\n\n  # more\r\nanna:{stored}\r\njoe:{stored}:Joe of Accounting\nlast:{stored}".encode()
    assert parse_users(content, "users").hashes == {"anna": stored, "joe": stored, "last": stored}


def test_of_two_lines_of_a_user_the_first_counts_as_in_apache(htpasswd: Htpasswd, path: Path) -> None:
    first = htpasswd("-nbB", "joe", "first").stdout.strip()
    second = htpasswd("-nbB", "joe", "second").stdout.strip()
    path.write_text(f"{first}\n{second}\n")
    users = parse_users(path.read_bytes(), str(path))
    assert matches(users.hashes["joe"], b"first")
    assert "line 2, user 'joe': named before" in users.remarks[0]


def test_bcrypt_matches_nothing_over_72_bytes_though_apache_cuts_it_off(htpasswd: Htpasswd, path: Path) -> None:
    htpasswd("-cbB", path, "joe", "a" * 72)
    stored = parse_users(path.read_bytes(), str(path)).hashes["joe"]
    assert matches(stored, b"a" * 72)
    assert not matches(stored, b"a" * 73)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("password", [b"sec\0ret", b"x" * 100_000, b"\xff\xfe"])
def test_what_a_scheme_cannot_take_is_no_match_and_no_exception(scheme: str, password: bytes) -> None:
    assert not matches(HASHES[scheme], password)


_users = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters=":#"), min_size=1)


@given(st.dictionaries(_users, st.sampled_from(list(HASHES.values()))), _users, st.booleans())
def test_setting_and_removing_a_user_leaves_every_other_line_as_it_was(
    others: dict[str, str], user: str, ends_in_newline: bool
) -> None:
    others.pop(user, None)
    content = "# kept\n\n" + "\n".join(f"{name}:{stored}" for name, stored in others.items())
    before = (content + "\n" * ends_in_newline).encode()
    stored = HASHES["-s"]
    there = with_user(before, user, stored)
    assert parse_users(there, "users").hashes == {**others, user: stored}
    changed = with_user(there, user, HASHES["-m"])
    assert parse_users(changed, "users").hashes == {**others, user: HASHES["-m"]}
    assert without_user(changed, user) == before + b"\n" * (not before.endswith(b"\n"))


def test_a_user_who_is_named_twice_is_removed_twice() -> None:
    twice = f"joe:{HASHES['-m']}\nanna:{HASHES['-m']}\njoe:{HASHES['-s']}\n".encode()
    assert without_user(twice, "joe") == f"anna:{HASHES['-m']}\n".encode()
    assert with_user(twice, "joe", HASHES["-d"]) == f"joe:{HASHES['-d']}\nanna:{HASHES['-m']}\n".encode()


def test_a_hash_we_make_is_one_that_apache_would_make() -> None:
    stored = make_hash(b"secret")
    assert stored.startswith("$2y$10$")
    assert matches(stored, b"secret")
