"""`rapier serve` as an administrator meets it: what it is told, what it refuses, how it ends."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from endpoints import Access, Endpoint, rapier
from processes import RAPIER, Program


def refused(*options: str | Path) -> str:
    """What a daemon says that does not start."""
    done = subprocess.run([*RAPIER, "serve", *map(str, options)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_without_users_it_refuses_and_names_the_command_that_makes_them() -> None:
    assert "rapier passwd FILE USER" in refused()


def test_a_users_file_that_is_not_there_is_refused_and_the_command_named(tmp_path: Path, access: Access) -> None:
    said = refused("--htpasswd", tmp_path / "nobody", "--tls-cert", access.certificate, "--tls-key", access.key)
    assert f"rapier passwd {tmp_path}/nobody USER" in said


def test_without_a_certificate_it_refuses_and_names_the_command_that_makes_one(access: Access) -> None:
    assert "rapier cert DIR" in refused("--htpasswd", access.users)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, access: Access) -> None:
    subprocess.run([*RAPIER, "cert", str(tmp_path)], check=True, capture_output=True, timeout=20)
    said = refused("--htpasswd", access.users, "--tls-cert", access.certificate, "--tls-key", tmp_path / "key.pem")
    assert str(access.certificate) in said


def test_plain_http_is_refused_but_on_loopback(access: Access) -> None:
    said = refused("--htpasswd", access.users, "--insecure-http", "--listen", "0.0.0.0:0")
    assert "loopback" in said


def test_plain_http_answers_on_loopback_when_asked_for(access: Access, nobody: Path) -> None:
    options: list[str | Path] = [
        "--htpasswd",
        access.users,
        "--insecure-http",
        "--log-format",
        "text",
        "--listen",
        "127.0.0.1:0",
        "--luxi-socket",
        nobody,
    ]
    with Program("rapier-plain", [*RAPIER, "serve", *options]) as program:
        url = program.wait_for(r'serving (http://[^"\s]+)')[1]
        with Endpoint(url, nobody).client() as client:
            assert client.get("/version").json() == 2


def test_an_address_that_is_none_is_refused(access: Access) -> None:
    said = refused("--htpasswd", access.users, "--insecure-http", "--listen", "localhost:5080")
    assert "'localhost:5080'" in said


def test_an_address_that_is_taken_is_said(access: Access) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in refused("--htpasswd", access.users, "--insecure-http", "--listen", address)


def test_a_file_tells_all_and_options_go_over_it(tmp_path: Path, access: Access, nobody: Path) -> None:
    both = tmp_path / "rapi.pem"  # as Ganeti keeps its own: certificate and key in one file
    both.write_bytes(access.key.read_bytes() + access.certificate.read_bytes())
    config = tmp_path / "rapier.toml"
    config.write_text(
        f'luxi-socket = "{nobody}"\nlisten = ["127.0.0.1:1"]\nhtpasswd = "{access.users}"\ntls-cert = "{both}"\n'
        "workers = 2\n[limits]\nhead_seconds = 3\n"
    )
    options: list[str | Path] = ["--config", config, "--listen", "127.0.0.1:0", "--listen", "[::1]:0"]
    with Program("rapier-configured", [*RAPIER, "serve", *options]) as program:
        first, second = program.wait_for(
            r"serving (https://127\.0\.0\.1:\d+)[^/]*serving (https://\[::1\]:\d+)"
        ).groups()
        for url in (first, second):
            with Endpoint(url, nobody, access.certificate).client() as client:
                assert client.get("/version").json() == 2
        assert program.stop() == 0


def test_a_deadline_of_zero_is_refused_and_not_forgotten(access: Access) -> None:
    given: list[str | Path] = ["--htpasswd", access.users, "--tls-cert", access.certificate, "--tls-key", access.key]
    assert "luxi-deadline-seconds" in refused(*given, "--listen", "127.0.0.1:0", "--luxi-deadline-seconds", "0")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("luxi-sokcet = 'x'", "luxi-sokcet"),
        ("workers = 'many'", "workers"),
        ("workers = 0", "workers"),
        ("luxi-deadline-seconds = 0", "luxi-deadline-seconds"),
        ("[limits]\nstalled_seconds = inf", "stalled_seconds"),
        ("[limits]\nhead_secs = 3", "head_secs"),
        ("[limits]\nhead_seconds = -1", "head_seconds"),
        ("listen = ", "rapier.toml"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, access: Access, text: str, named: str) -> None:
    config = tmp_path / "rapier.toml"
    config.write_text(text)
    given: list[str | Path] = ["--htpasswd", access.users, "--tls-cert", access.certificate, "--tls-key", access.key]
    assert named in refused("--config", config, "--listen", "127.0.0.1:0", *given)


def test_a_changed_password_counts_at_once_and_a_broken_file_changes_nothing(
    tmp_path: Path, access: Access, nobody: Path
) -> None:
    users = tmp_path / "users"
    users.write_bytes(access.users.read_bytes())
    own = replace(access, users=users)
    with rapier("rapier-users", nobody, own) as endpoint, endpoint.client() as client:
        assert client.get("/2/features").status_code == 200
        subprocess.run([*RAPIER, "passwd", str(users), "admin"], input="another\n", text=True, check=True)
        assert client.get("/2/features").status_code == 401
        assert client.get("/2/features", auth=("admin", "another")).status_code == 200
        users.write_text("admin:in clear text\n")
        assert client.get("/2/features", auth=("admin", "another")).status_code == 200
        assert client.get("/2/features", auth=("admin", "in clear text")).status_code == 401


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A socket that is not there: enough for what needs no master."""
    return tmp_path / "no-master"


def test_the_readme_names_every_option_and_no_other() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = [line.split("|")[1] for line in readme.splitlines() if line.startswith("| `--")]
    named = re.findall(r"--[a-z-]+", " ".join(rows))
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    said = subprocess.run([*RAPIER, "serve", "--help"], capture_output=True, text=True, env=environment, timeout=20)
    there = re.findall(r"^\W*(--[a-z-]+)", said.stdout, re.MULTILINE)
    assert len(named) > 8
    assert sorted(named) == sorted(set(there) - {"--help"})
