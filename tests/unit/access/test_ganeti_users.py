"""The users file of stock ganeti-rapi: what is read in it, by itself and beside Ganeti's own code."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path

import pytest

from lab import with_ganetis_python
from rapier.access.basic import REALM
from rapier.access.ganeti_users import parse_users
from rapier.access.htpasswd import Users
from rapier.access.schemes import matches
from rapier.api.v2.rights import needed
from rapier.errors import UsersFileError


def ha1(user: str, password: str, realm: str = REALM) -> str:
    """What `echo -n USER:REALM:PASSWORD | openssl md5` prints, as ganeti-rapi(8) has it."""
    return hashlib.md5(f"{user}:{realm}:{password}".encode()).hexdigest()


def admitted(users: Users, user: str, password: str) -> set[str] | None:
    """The user's rights where the password is right."""
    if user in users.hashes and matches(users.hashes[user], password.encode()):
        return set(users.rights[user])
    return None


@pytest.mark.parametrize(
    ("line", "rights"),
    [
        ("joe secret", set()),
        ("joe secret read", {"read"}),
        ("joe secret write", {"write"}),
        ("joe secret read,write", {"read", "write"}),
        ("joe\tsecret \t read ,  write ", {"read", "write"}),
        ("  joe {CLEARTEXT}secret write", {"write"}),
        ("joe {cleartext}secret write", {"write"}),
        (f"joe {{HA1}}{ha1('joe', 'secret')} write", {"write"}),
        (f"joe {{ha1}}{ha1('joe', 'secret').upper()}", set()),
        ("joe first write\njoe secret", set()),
        ("joe first\n\n# joe second write\njoe secret write\r\n", {"write"}),
    ],
)
def test_a_user_comes_in_with_what_the_options_say(line: str, rights: set[str]) -> None:
    users = parse_users(line.encode(), "users")
    assert admitted(users, "joe", "secret") == rights
    assert admitted(users, "joe", "first") is None
    assert admitted(users, "joe", "Secret") is None
    assert admitted(users, "joe", "") is None


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("joe", "one word alone"),
        ("joe {CLEARTEXT} write", "the password is empty"),
        ("joe {HA1} write", "32 hexadecimal digits"),
        (f"joe {{HA1}}{ha1('joe', 'secret')[1:]} write", "32 hexadecimal digits"),
        ("joe {SHA}5en6G6MezRroT3XKqkdPOmY/BfQ= write", "what begins with {"),
        ("joe {secret write", "what begins with {"),
        ("joe {}secret write", "what begins with {"),
        ("joe secret write\njoe {MD5}secret write", "what begins with {"),
    ],
)
def test_a_line_that_no_password_matches_lets_nobody_in_and_is_remarked(line: str, remark: str) -> None:
    users = parse_users(line.encode(), "/etc/users")
    assert not users.hashes
    assert not users.rights
    said = users.remarks[-1]
    assert said.startswith("users file /etc/users, line ")
    assert remark in said
    assert "secret" not in said


def test_a_hash_of_another_users_or_of_another_realm_is_none_of_this_user() -> None:
    content = f"joe {{HA1}}{ha1('anna', 'secret')}\nanna {{HA1}}{ha1('anna', 'secret', 'Other')}\n"
    users = parse_users(content.encode(), "users")
    assert admitted(users, "joe", "secret") is None
    assert admitted(users, "anna", "secret") is None


@pytest.mark.parametrize("options", ["Write", "write read", "@admin", "write;", "writes", "all", "write # all"])
def test_an_option_that_is_none_of_the_two_gives_no_right_and_is_remarked_without_its_text(options: str) -> None:
    users = parse_users(f"joe my {options}".encode(), "users")
    assert admitted(users, "joe", "my") == set()
    [remark] = users.remarks
    assert remark == "users file users, line 1, user 'joe': an option that is neither read nor write gives no right"


def test_what_is_no_text_is_no_users_file() -> None:
    with pytest.raises(UsersFileError, match="users file users is not UTF-8"):
        parse_users(b"joe secret write\n\xff\xfe\n", "users")


def test_a_clear_text_that_looks_like_an_apache_hash_is_a_password_and_not_a_hash() -> None:
    stored = "$apr1$TO/4A.A/$sjEHj3123/oqODcXLpGET0"
    users = parse_users(f"joe {stored} write".encode(), "users")
    assert admitted(users, "joe", stored) == {"write"}


# -- beside Ganeti's own code ----------------------------------------------------------------------------------------

NAMES = ["joe", "anna", "#joe", "j#", "joe:x", "jo,e"]
PASSWORDS = ["secret", "{CLEARTEXT}secret", "{cleartext}secret", "{HA1}", "{}", "{", "{}x", "{HA1", "{SHA}x", "a}b"]
OPTIONS = ["", "read", "write", "read,write", "write, read", "Write", ",", "write,", "x,write", "write x", "@admin"]
SPACES = [" ", "\t", "  ", "\x0b", "\u00a0", "\u2003"]
ENDS = ["\n", "\r\n", "\n\n", "\x0c", "\x85", "\u2028", " \n"]
TRIES = [(name, password) for name in NAMES for password in ("secret", "", "x", "a}b", "{", "{}", "{}x", "{HA1}")]


def made_files(number: int) -> list[str]:
    """Users files of a few lines, put together by chance from what occurs and what is odd."""
    chance = random.Random(6)

    def line() -> str:
        name = chance.choice(NAMES)
        hashes = [f"{{HA1}}{ha1(name, 'secret')}", f"{{hA1}}{ha1(name, 'x').upper()}"]
        words = [name, chance.choice(PASSWORDS + 4 * hashes), chance.choice(OPTIONS)][: chance.choice((1, 2, 3, 3, 3))]
        return chance.choice(("", "", " ", "# ")) + chance.choice(SPACES).join(words)

    return ["".join(line() + chance.choice(ENDS) for _ in range(chance.randint(1, 5))) for _ in range(number)]


@pytest.mark.real
def test_each_file_admits_whom_it_admits_in_stock_with_the_same_rights_and_each_method_needs_stocks_rights() -> None:
    files = made_files(3_000)
    command = with_ganetis_python(Path(__file__).with_name("stock.py"))
    asked = json.dumps([[content, TRIES] for content in files])
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=120, check=True)
    judged = json.loads(done.stdout)
    come_in = 0
    for content, answers in zip(files, judged["users"], strict=True):
        users = parse_users(content.encode(), "users")
        for (name, password), options in zip(TRIES, answers, strict=True):
            wanted = None if options is None or not password else {"read", "write"}.intersection(options)
            assert admitted(users, name, password) == wanted, (content, name, password)
            come_in += wanted is not None
    assert come_in > 1_000
    methods = {key: key.split(" ") for key in judged["rights"]}
    assert len(methods) > 80
    assert {key: set(needed(*words)) for key, words in methods.items()} == {
        key: set(wanted) for key, wanted in judged["rights"].items()
    }
