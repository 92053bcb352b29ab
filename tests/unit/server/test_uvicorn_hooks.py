"""What we rely on inside uvicorn, which promises nothing about it: a version that changes it fails here, by name."""

from __future__ import annotations

import asyncio
import inspect

import pytest
import uvicorn
from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from rapier.server.exchange import Exchange
from rapier.server.protocol import Connection


def test_the_version_is_the_one_that_was_read() -> None:
    assert uvicorn.__version__.startswith("0.54.")


@pytest.mark.parametrize(
    ("callable_", "parameters"),
    [
        (HttpToolsProtocol.__init__, ["self", "config", "server_state", "app_state", "_loop"]),
        (HttpToolsProtocol.connection_made, ["self", "transport"]),
        (HttpToolsProtocol.connection_lost, ["self", "exc"]),
        (HttpToolsProtocol.data_received, ["self", "data"]),
        (HttpToolsProtocol.pause_writing, ["self"]),
        (HttpToolsProtocol.resume_writing, ["self"]),
        (HttpToolsProtocol.on_message_begin, ["self"]),
        (HttpToolsProtocol.on_url, ["self", "url"]),
        (HttpToolsProtocol.on_header, ["self", "name", "value"]),
        (HttpToolsProtocol.on_headers_complete, ["self"]),
        (HttpToolsProtocol.on_body, ["self", "body"]),
        (HttpToolsProtocol.on_message_complete, ["self"]),
        (HttpToolsProtocol.on_response_complete, ["self"]),
        (HttpToolsProtocol._start_asgi_task, ["self", "cycle", "app"]),
        (RequestResponseCycle.run_asgi, ["self", "app"]),
        (RequestResponseCycle.send, ["self", "message"]),
        (RequestResponseCycle.receive, ["self"]),
        (RequestResponseCycle.send_500_response, ["self"]),
        (FlowControl.pause_reading, ["self"]),
        (FlowControl.resume_reading, ["self"]),
        (FlowControl.drain, ["self"]),
        (LifespanOn.startup, ["self"]),
        (LifespanOn.shutdown, ["self"]),
    ],
)
def test_a_hook_is_there_with_its_parameters(callable_: object, parameters: list[str]) -> None:
    assert list(inspect.signature(callable_).parameters) == parameters  # type: ignore[arg-type]


def test_an_exchange_is_made_with_what_a_cycle_takes() -> None:
    assert set(inspect.signature(RequestResponseCycle.__init__).parameters) == {
        "self",
        "scope",
        "transport",
        "flow",
        "logger",
        "access_logger",
        "access_log",
        "default_headers",
        "message_event",
        "expect_100_continue",
        "keep_alive",
        "on_response",
    }


def test_everything_that_is_overridden_was_there() -> None:
    """A method of ours that overrides nothing any more would be a guard that is never called."""
    for ours, theirs, own in (
        (
            Connection,
            HttpToolsProtocol,
            {"drain", "body_is_wanted", "body_is_too_large", "may_read_the_rest_of"},
        ),
        (Exchange, RequestResponseCycle, {"common_lines", "tell"}),
    ):
        public = {name for name, member in vars(ours).items() if callable(member) and not name.startswith("_")}
        assert {name for name in public if not hasattr(theirs, name)} == own


def test_the_attributes_that_we_set_and_read_are_uvicorns() -> None:
    async def app(scope: object, receive: object, send: object) -> None: ...

    config = Config(app, lifespan="on", http=Connection, ws="none", loop="none", log_config=None)
    config.load()
    state = ServerState()
    assert {"total_requests", "connections", "tasks"} <= set(vars(state))
    loop = asyncio.new_event_loop()
    try:
        protocol = HttpToolsProtocol(config, state, {}, loop)
    finally:
        loop.close()
    read = "app app_state client connections cycle expect_100_continue flow headers logger parser pipeline scope tasks"
    assert {*read.split(), "scheme"} <= set(vars(protocol))
    assert {"state", "should_exit", "logger"} <= set(vars(LifespanOn(config)))
    assert HIGH_WATER_LIMIT == 65536
    assert HEADER_RE.search(b"a b")
    assert HEADER_VALUE_RE.search(b"a\nb")
