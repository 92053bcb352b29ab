"""What `rapier serve` is told: a TOML file, with the command line's options over it."""

from __future__ import annotations

import ipaddress
import logging
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from rapier.errors import ConfigurationError
from rapier.observation.formats import LogFormat

DEFAULT_PORT = 5080


class Configuration(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    """The members of the TOML file, under the names of the options. `limits` are those of `rapier.server.Limits`."""

    luxi_socket: str = "/var/run/ganeti/socket/ganeti-query"
    luxi_deadline_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    listen: list[str] = []
    htpasswd: str | None = None
    ganeti_users: str | None = None
    anonymous_reads: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    workers: Annotated[int, msgspec.Meta(ge=1)] = 1
    insecure_http: bool = False
    allowed_origins: list[str] = []
    cluster_alias: str | None = None
    demand_preconditions: bool = False
    metrics_listen: list[str] = []
    trusted_proxy: list[str] = []
    log_format: LogFormat = LogFormat.AUTO
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log: bool = True
    limits: dict[str, Any] = {}


# Given together, since a certificate of one place has no key of another
_TLS = frozenset({"tls-cert", "tls-key", "insecure-http"})


def level_of(configuration: Configuration) -> int:
    """`log_level`, as `logging` has it."""
    return logging.getLevelNamesMapping()[configuration.log_level.upper()]


def load(file: Path | None, options: dict[str, Any], found: dict[str, Any] | None = None) -> Configuration:
    """The configuration in `file`, and over it the options that were given (those that are not `None` or empty).

    `found` counts for what neither says: members of `Configuration` by name.
    Raises `ConfigurationError` that names the file and what is wrong in it.
    """
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = msgspec.toml.decode(file.read_bytes())
        except OSError as problem:
            raise ConfigurationError(f"cannot read the configuration: {problem}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise ConfigurationError(f"{file} is no TOML: {problem}") from None
    given = {name: value for name, value in options.items() if value is not None and value != []}
    values |= {name.replace("_", "-"): value for name, value in given.items()}
    said = values.keys() | (_TLS if _TLS & values.keys() else set())
    values |= {key: value for name, value in (found or {}).items() if (key := name.replace("_", "-")) not in said}
    try:
        return msgspec.convert(values, Configuration)
    except msgspec.ValidationError as problem:
        raise ConfigurationError(f"{file or 'the command line'}: {problem}") from None


def address_and_port(text: str, option: str = "--listen") -> tuple[str, int]:
    """`127.0.0.1:5080`, `[::1]:5080`, or an address alone, which takes Ganeti's port. Raises `ConfigurationError`."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.startswith("[")):
        host, port = text, str(DEFAULT_PORT)
    host = host.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise ConfigurationError(f"{option} takes an address and a port, as 127.0.0.1:5080 or [::1]:5080, not {text!r}")
    return str(address), number


def metrics_address(text: str) -> tuple[str, int]:
    """As `address_and_port`; a port alone, `9180`, is one of the loopback address. Raises `ConfigurationError`."""
    return address_and_port(f"127.0.0.1:{text}" if text.isascii() and text.isdigit() else text, "--metrics-listen")
