"""What every suite shares: a real cluster, the daemons under test, and how long each suite took.

Several processes of pytest-xdist may run the tests; each has a cluster and daemons of its own.

RAPIER_LAB=NAME uses a cluster that is up already (`python -m lab up NAME` in tests/) instead of making one.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

import chromium
import processes
from endpoints import Access, Endpoint, embedded_master, make_access, rapier
from lab import LabError, Relay, VirtualCluster, install_ganeti, why_unavailable
from lab.cluster import remove_leftovers

TESTS = Path(__file__).parent
LAB_VARIABLE = "RAPIER_LAB"
Figures = Callable[..., None]
_seconds: defaultdict[str, float] = defaultdict(float)
_lengths: dict[int, int] = {}
_figures: defaultdict[str, dict[str, str]] = defaultdict(dict)


# -- the real cluster ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def lab() -> Iterator[VirtualCluster]:
    """A real cluster of four nodes, made at its first use and removed at the end."""
    if name := os.environ.get(LAB_VARIABLE):
        cluster = VirtualCluster(name)
        if not cluster.is_up():
            raise LabError(f"{LAB_VARIABLE}={name}, but there is no such lab: in tests/, run python -m lab up {name}")
        yield cluster
        return
    remove_leftovers()
    cluster = VirtualCluster(f"test-{os.getpid()}")
    try:
        cluster.up(owner=os.getpid())
        yield cluster
    finally:
        cluster.down()


@pytest.fixture(scope="session")
def stock(lab: VirtualCluster) -> Iterator[Endpoint]:
    """Stock ganeti-rapi on the real cluster."""
    with Relay(lab.name, lab.rapi_address) as relay:
        yield Endpoint(f"https://127.0.0.1:{relay.port}", lab.luxi_socket, log=lab.rapi_log)


class WholeModules(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """What one process of several has to run as a whole: a module; the suite of conformance.

    What is recorded there before its tests takes long, and its last test looks at what all the others have seen.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "conformance" if nodeid.startswith("tests/conformance/") else nodeid.split("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeModules:
    """Deals the tests out to several processes."""
    return WholeModules(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The modules that ask a real cluster come first: the short ones are left to even the processes out."""
    slow = {item.path for item in items if item.get_closest_marker("real")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_runtestloop(session: pytest.Session) -> None:
    """Installs Ganeti and Chromium before the first test that needs them, since no test's time is enough for that."""
    wanted = any(item.get_closest_marker("real") for item in session.items)
    if wanted and not session.config.option.collectonly and why_unavailable() is None:
        install_ganeti()
    if not session.config.option.collectonly and any(item.get_closest_marker("browser") for item in session.items):
        chromium.why_unavailable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leaves the tests of the real cluster out where there can be none, and those in a browser likewise."""
    if item.get_closest_marker("real") and (reason := why_unavailable()):
        pytest.skip(reason)
    if item.get_closest_marker("browser") and (reason := chromium.why_unavailable()):
        pytest.skip(reason)


# -- the daemons -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> Access:
    """Users and a certificate for Rapier."""
    return make_access(tmp_path_factory.mktemp("access"))


@pytest.fixture(scope="session")
def rapier_real(lab: VirtualCluster, access: Access) -> Iterator[Endpoint]:
    """Rapier on the real cluster."""
    with rapier("rapier-real", lab.luxi_socket, access) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def rapier_embedded(tmp_path_factory: pytest.TempPathFactory, access: Access) -> Iterator[Endpoint]:
    """Rapier on an embedded master with four nodes and no instance."""
    with (
        embedded_master(tmp_path_factory.mktemp("embedded")) as luxi_socket,
        rapier("rapier-embedded", luxi_socket, access) as endpoint,
    ):
        yield endpoint


@pytest.fixture
def figures() -> Figures:
    """Takes what was measured: `figures("seconds to 401", stock="0.8", rapier="0.01")`, in one test or in two.

    The run ends with all of them, stock's beside Rapier's.
    """

    def take(what: str, **measured: str) -> None:
        _figures[what] |= measured
        print(what, measured)

    return take


# -- reports ---------------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart() -> None:
    """Remembers how much each daemon has said before the test."""
    _lengths.clear()
    _lengths.update(processes.log_lengths())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Adds what the daemons said to the report of a failure, and the time to that of its suite.

    First of all, since of several processes one sends its report away.
    """
    _seconds[_suite(report.nodeid)] += report.duration
    if report.failed:
        report.sections += [(f"{name} said", text[-5000:]) for name, text in processes.logs_since(_lengths)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One process of several hands over what it measured."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["figures"] = dict(_figures)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes what one process of several measured."""
    for what, measured in getattr(node, "workeroutput", {}).get("figures", {}).items():
        _figures[what] |= measured


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured, and how long each suite took."""
    if _figures:
        terminalreporter.section("stock beside Rapier")
        width = max(map(len, _figures))
        terminalreporter.write_line(f"{'':{width}}  {'stock':>24}  {'Rapier':>24}")
        for what, measured in _figures.items():
            row = "  ".join(f"{measured.get(name, '-'):>24}" for name in ("stock", "rapier"))
            terminalreporter.write_line(f"{what:{width}}  {row}")
    if _seconds:
        terminalreporter.section("seconds in each suite")
        for suite, seconds in sorted(_seconds.items()):
            terminalreporter.write_line(f"{seconds:8.1f}  {suite}")


def _suite(nodeid: str) -> str:
    """The folder under tests/; for conformance with the daemon that was asked."""
    file = nodeid.split("::")[0].split("/")
    suite = file[1] if len(file) > 2 else file[-1]
    if suite == "conformance" and "[" in nodeid:
        suite += " " + next(
            (one for one in ("stock", "rapier-real", "rapier-embedded") if one in nodeid.partition("[")[2]), ""
        )
    return suite
