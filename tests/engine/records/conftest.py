"""Homes of their own, runs that die when they are told to, and a PostgreSQL server where there is one."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.check import cards_of
from tests.crash.crashes import ALL_FEATURES, Case, Warm, small_observatory
from tests.engine.records.servers import Postgres, postgres_server

MakeCase = Callable[..., Case]

ROOM = 200_000_000
LAMPS = ("ARGON", "NEON", "LDLS", "QUARTZ", "HGNE", "XENON")


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Yield the warm process, which forks a child for each run."""
    with Warm.ready() as process:
        yield process


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the simulated observatory with one camera."""
    return small_observatory(tmp_path_factory.mktemp("observatory"))


@pytest.fixture(scope="session")
def expected(warm: Warm, small: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], dict[str, Any]]:
    """Return the result of an undisturbed run of a sequence: good frames, their cards, how often each moment came."""
    answers: dict[str, dict[str, Any]] = {}

    def answer(sequence: Any) -> dict[str, Any]:
        key = str(sequence)
        if key not in answers:
            ended = warm.do(Case.at(tmp_path_factory.mktemp("undisturbed"), small, sequence).job("run"))
            assert ended.outcome == "done"
            answers[key] = dict(ended.answer) | {"cards": cards_of(Path(ended.answer["folder"]), LAMPS)}
        return answers[key]

    return answer


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """Yield a folder in memory, where there is room: who dies of a kill, not of a power cut, needs no disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    with tempfile.TemporaryDirectory(
        prefix="safelight-test-", dir=memory if room else None, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


@pytest.fixture
def make_case(quick_folder: Path, small: Path) -> MakeCase:
    """Cases in folders of their own."""
    count = iter(range(10_000))

    def make(sequence: Any = "demo", observatory: Path = small, **changes: Any) -> Case:
        folder = quick_folder / f"case-{next(count)}"
        folder.mkdir()
        return Case.at(folder, observatory, sequence, **changes)

    return make


@pytest.fixture
def case(make_case: MakeCase) -> Case:
    """Return the demo on the small observatory."""
    return make_case()


@pytest.fixture(params=["demo", ALL_FEATURES], ids=["demo", "all-features"])
def sequence(request: pytest.FixtureRequest) -> Any:
    """Return the demo, and everything."""
    return request.param


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a private PostgreSQL server."""
    with postgres_server() as server:
        yield server


def new_database(server: Postgres) -> str:
    """Return an empty database. Its URL."""
    name = f"journal_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.url(name)


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """Return an empty database of one's own."""
    return new_database(postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a journal may be made: both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.sqlite'}"
    made: str = request.getfixturevalue("postgres_url")
    return made
