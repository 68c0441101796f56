"""What holds for every test."""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.warm_commands import WarmCommands
from tests.warm_guards import WarmGuards

# Under nohup, and under some services, SIGHUP is ignored, behind a `&` of a shell SIGINT and SIGQUIT, and children
# inherit that; safelight respects it. The tests want to see what a closed terminal and Ctrl-C do, whoever started them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Thousands of tests and their modules stay for as long as the process does: look through them seldom.
gc.set_threshold(50_000, 20, 100)

# The same examples every time: a test that fails only sometimes is no help to anybody. How long an example takes says
# nothing on a machine that has other work.
settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

_ACTORS = "tests/devices/clu/"
_FIRST = (
    _ACTORS,
    "tests/matrix/test_matrix.py",
    "tests/docs/test_pages.py",
    "tests/engine/records/test_kills.py",
    "tests/packaging/test_wheel.py",
    "tests/web/",
    "tests/devices/",
    "tests/testing/",
    "tests/engine/guard/",
    "tests/matrix/",
)
"""Order of the tests. The actors' come first: they wait more than they work, and are done by two processes while others
compute. Then what takes longest, so that no process ends alone with it.
"""


_REAL_GUARDS = ("tests/engine/guard/", "tests/devices/")
"""Tests whose guards are started as a run starts them."""


_BY_FILE = (
    "tests/packaging/test_wheel.py",
    "tests/web/",
    "tests/show/",
    "tests/engine/planning/",
    "tests/devices/clu/test_contract_clu.py",
)
"""Tests of which those in one file share what takes long to make."""


class _Benches(LoadScopeScheduling):
    """Hands out each test alone, but those together that share what takes long to make, as a browser or a broker."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(_BY_FILE):
            return nodeid.partition("::")[0]
        return _ACTORS if nodeid.startswith(_ACTORS) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Benches:
    """Choose who hands out the tests."""
    return _Benches(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests."""
    items.sort(key=lambda item: next((n for n, path in enumerate(_FIRST) if item.nodeid.startswith(path)), len(_FIRST)))


def pytest_collection_finish() -> None:
    """Leave all that was collected out of every later look for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def warm_guards() -> Iterator[WarmGuards]:
    """Process from which the guards of runs in this process are forked."""
    guards = WarmGuards()
    yield guards
    guards.close()


@pytest.fixture(scope="session")
def warm_safelight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Program `safelight` that starts quickly."""
    commands = WarmCommands(tmp_path_factory.mktemp("warm"))
    yield commands.program
    commands.close()


@pytest.fixture(autouse=True)
def forked_guards(request: pytest.FixtureRequest, warm_guards: WarmGuards) -> Iterator[None]:
    """Start guards quickly, but for tests that are about them. No guard outlives its test."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    real = request.node.nodeid.startswith(_REAL_GUARDS)
    with nullcontext() if real else warm_guards.in_use():
        yield
    if folder is not None:
        end_guards(folder)


def end_guards(folder: Path) -> None:
    """End the guards of every home in a folder: they go on for ever where lamps can't be read."""
    from safelight.engine.guard.status_files import guards  # noqa: PLC0415 - slow

    for pages in folder.rglob("guards"):
        for guard in guards(pages.parent):
            with suppress(ProcessLookupError):
                os.kill(guard["pid"], signal.SIGKILL)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the guards of homes that several tests share."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None:
        end_guards(factory.getbasetemp())
