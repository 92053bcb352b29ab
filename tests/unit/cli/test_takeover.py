"""What a master's files become, in a folder that stands for the root of one."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from rapier.cli.configuration import load
from rapier.cli.takeover import Found, found
from rapier.errors import ConfigurationError, NotTheMaster
from rapier.ganeti.paths import Paths, paths


class Node:
    """A master's files."""

    def __init__(self, root: Path) -> None:
        self.environment = {"GANETI_ROOTDIR": str(root), "GANETI_HOSTNAME": "node1.example.com"}
        self.paths: Paths = paths(self.environment)
        for path in self.paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.paths.master_node.write_text("node1.example.com\n")
        self.paths.luxi_socket.touch()
        self.paths.defaults.write_text("")

    def with_arguments(self, text: str) -> Found:
        """What is found where the defaults file says this."""
        self.paths.defaults.write_text(text)
        return found(self.paths, self.environment)

    def values(self, arguments: str) -> dict[str, Any]:
        """The configuration with those RAPI_ARGS, where nothing is remarked."""
        seen = self.with_arguments(f'RAPI_ARGS="{arguments}"\n')
        assert seen.remarks == []
        return seen.values


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "node1.example.com")


def test_without_a_root_the_files_are_where_debian_has_them() -> None:
    there = paths({})
    assert [str(path) for path in there] == [
        "/etc/default/ganeti",
        "/var/run/ganeti/socket/ganeti-query",
        "/var/lib/ganeti/rapi/users",
        "/var/lib/ganeti/rapi.pem",
        "/var/lib/ganeti/ssconf_master_node",
        "/var/lib/ganeti/ssconf_primary_ip_family",
        "/var/run/ganeti/ganeti-rapi.pid",
        "/var/log/ganeti/rapi-daemon.log",
    ]


def test_debians_own_defaults_file_is_taken_over_whole(node: Node) -> None:
    seen = node.with_arguments(
        '# Default arguments for Ganeti daemons\nNODED_ARGS=""\nRAPI_ARGS="-b 127.0.0.1 --require-authentication"\n'
    )
    assert seen == Found(
        {
            "luxi_socket": str(node.paths.luxi_socket),
            "ganeti_users": str(node.paths.users),
            "listen": ["127.0.0.1:5080"],
            "tls_cert": str(node.paths.certificate),
            "tls_key": None,
            "insecure_http": False,
            "anonymous_reads": False,
        },
        [],
    )


@pytest.mark.parametrize(
    ("arguments", "member", "value"),
    [
        ("", "listen", ["0.0.0.0:5080"]),
        ("", "anonymous_reads", True),
        ("-f --require-authentication", "anonymous_reads", False),
        ("--require-auth", "anonymous_reads", False),  # stock takes beginnings of words, too
        ("-p 5443", "listen", ["0.0.0.0:5443"]),
        ("-p5443 -b127.0.0.1", "listen", ["127.0.0.1:5443"]),
        ("--port=5443 --bind ::1", "listen", ["[::1]:5443"]),
        ("--port=5443 --bind ::", "listen", ["[::]:5443", "0.0.0.0:5443"]),
        ("--bind=localhost", "listen", ["127.0.0.1:5080"]),
        ("-i lo", "listen", ["127.0.0.1:5080"]),
        ("-i lo -b 0.0.0.0", "listen", ["127.0.0.1:5080"]),
        ("--no-ssl -b 127.0.0.1", "insecure_http", True),
        ("-C /a/cert.pem -K /a/key.pem", "tls_cert", "/a/cert.pem"),
        ("-C /a/cert.pem -K /a/key.pem", "tls_key", "/a/key.pem"),
        ("--ssl-cert=/a/both.pem --ssl-key=/a/both.pem", "tls_key", None),
    ],
)
def test_each_argument_of_stock_becomes_ours(
    node: Node, monkeypatch: pytest.MonkeyPatch, arguments: str, member: str, value: object
) -> None:
    monkeypatch.setattr(socket, "getservbyname", lambda *_: 5080)  # some machine may have it otherwise
    assert node.values(arguments)[member] == value


def test_a_certificate_alone_has_its_key_in_stocks_file(node: Node) -> None:
    assert node.values("-C /a/cert.pem")["tls_key"] == str(node.paths.certificate)


def test_a_cluster_that_talks_ipv6_is_served_on_both(node: Node) -> None:
    node.paths.address_family.write_text("10\n")
    assert node.values("-p 1")["listen"] == ["[::]:1", "0.0.0.0:1"]


def test_the_port_is_that_of_the_services_database(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getservbyname", lambda name, kind: 5081 if name == "ganeti-rapi" else 0)
    assert node.values("")["listen"] == ["0.0.0.0:5081"]


@pytest.mark.parametrize(
    "text",
    [
        "ADDRESS=127.0.0.9\nRAPI_ARGS=\"-b $ADDRESS $( [ -n '' ] || echo --require-authentication )\"\n",
        "if true; then\n  RAPI_ARGS='-b 127.0.0.9'\nfi\nEXTRA_RAPI_ARGS=--require-authentication\necho noise\n",
    ],
)
def test_the_defaults_file_is_read_as_the_shell_script_that_it_is(node: Node, text: str) -> None:
    seen = node.with_arguments(text)
    assert (seen.values["listen"], seen.values["anonymous_reads"]) == (["127.0.0.9:5080"], False)


@pytest.mark.parametrize(
    ("arguments", "remark"),
    [
        ("--max-clients 50", "--max-clients is not taken over"),
        ("-d", "--debug is not taken over"),
        ("--syslog=yes", "--syslog is not taken over"),
        ("--new-in-ganeti=4 -z", "not understood in RAPI_ARGS of {defaults}, and ignored: --new-in-ganeti=4 -z"),
    ],
)
def test_what_is_not_taken_over_is_said(node: Node, arguments: str, remark: str) -> None:
    seen = node.with_arguments(f"RAPI_ARGS='{arguments} --require-authentication'\n")
    [said] = seen.remarks
    assert said.startswith(remark.format(defaults=node.paths.defaults))
    assert seen.values["anonymous_reads"] is False


def test_without_a_defaults_file_everybody_is_asked_for_a_password(node: Node) -> None:
    node.paths.defaults.unlink()
    node.paths.luxi_socket.unlink()
    seen = found(node.paths, node.environment)
    assert seen.values["anonymous_reads"] is False
    assert [remark.partition(":")[0] for remark in seen.remarks] == [
        f"there is no {node.paths.defaults}",
        f"there is no {node.paths.luxi_socket}",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RAPI_ARGS='-p many'\n", "RAPI_ARGS in {defaults}: argument -p/--port: invalid int value: 'many'"),
        ("RAPI_ARGS='-b'\n", "RAPI_ARGS in {defaults}: argument -b/--bind: expected one argument"),
        ("RAPI_ARGS='-b no.such.host.invalid'\n", "RAPI_ARGS in {defaults}: -b no.such.host.invalid is no address"),
        ("RAPI_ARGS='-i eth99'\n", "RAPI_ARGS in {defaults}: -i eth99 has no address"),
        (
            "RAPI_ARGS='-i lo -b 127.0.0.1'\n",
            "RAPI_ARGS in {defaults}: either -b or -i may say where to listen, not both",
        ),
        ("RAPI_ARGS='\n", "bash cannot read {defaults}: "),
        ("false\n", "bash cannot read {defaults}: "),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_files_name(node: Node, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        node.with_arguments(text)
    assert str(refusal.value).startswith(said.format(defaults=node.paths.defaults))


def test_a_folder_in_place_of_the_defaults_file_is_refused_by_name(node: Node) -> None:
    node.paths.defaults.unlink()
    node.paths.defaults.mkdir()
    with pytest.raises(ConfigurationError, match=f"cannot read {node.paths.defaults}: Is a directory"):
        found(node.paths, node.environment)


def test_a_node_that_is_not_the_master_or_in_no_cluster_is_told_so(node: Node) -> None:
    node.paths.master_node.write_text("node2.example.com\n")
    with pytest.raises(NotTheMaster, match=r"this node, node1\.example\.com, is not the master: node2\.example\.com"):
        found(node.paths, node.environment)
    node.paths.master_node.unlink()
    with pytest.raises(ConfigurationError, match=f"{node.paths.master_node}: No such file"):
        found(node.paths, node.environment)


def test_the_file_and_the_command_line_go_over_what_is_found(node: Node, tmp_path: Path) -> None:
    values = node.values("-b 127.0.0.1 -K /a/key.pem")
    assert load(None, {}, values).tls_key == "/a/key.pem"
    config = tmp_path / "rapier.toml"
    config.write_text('htpasswd = "/etc/rapier/users"\nanonymous-reads = false\n')
    told = load(config, {"tls_cert": "/b/both.pem", "listen": ["127.0.0.1:1"]}, values)
    assert (told.tls_cert, told.tls_key, told.insecure_http) == ("/b/both.pem", None, False)
    assert (told.listen, told.anonymous_reads) == (["127.0.0.1:1"], False)
    assert (told.htpasswd, told.ganeti_users) == ("/etc/rapier/users", str(node.paths.users))
