"""A reader in a folder that looks like a fresh checkout."""

import os
import select
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from safelight.engine.guard.status_files import guards
from tests.docs.blocks import ROOT
from tests.docs.reader import Reader
from tests.engine.records.servers import Postgres, postgres_server

__all__ = ["at_the_server", "until_gone"]

_UNSEEN = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "frames")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the project's folder, in which `make setup` has been done."""
    place = tmp_path / "safelight"
    shutil.copytree(ROOT, place, ignore=_UNSEEN)
    (place / ".venv").symlink_to(sys.prefix)
    return place


@pytest.fixture
def environment(tmp_path: Path, warm_safelight: Path) -> dict[str, str]:
    """Return what a reader's shell knows: the program, and a home of its own."""
    kept = {name: os.environ[name] for name in ("LANG", "TMPDIR", "TZ") if name in os.environ}
    (tmp_path / "user").mkdir()
    (tmp_path / "installed").mkdir()
    return {
        **kept,
        "PATH": os.pathsep.join([str(warm_safelight.parent), f"{sys.prefix}/bin", os.environ["PATH"]]),
        "HOME": str(tmp_path / "user"),
        "SAFELIGHT_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(tmp_path / "installed"),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",  # in the order of a terminal
    }


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a private PostgreSQL server."""
    with postgres_server() as server:
        yield server


def at_the_server(server: Postgres) -> dict[str, str]:
    """Return what PostgreSQL's own programs and its library look for."""
    return {"PGHOST": str(server.socket), "PGUSER": server.user}


@pytest.fixture
def reader(folder: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Reader]:
    """Yield a reader. The lamps that a page has left on go off, and its guards end."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    one = Reader(folder, environment, scratch)
    yield one
    one.close()
    for switch in tmp_path.rglob("simulated/switch.json"):
        home = switch.parents[1]
        with suppress(FileNotFoundError):
            switch.unlink()
        assert all(until_gone(guard["pid"]) for guard in guards(home))


def until_gone(pid: int) -> bool:
    """Return whether a process ends within 20 s."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20.0)[0])
    finally:
        os.close(handle)
