"""Runs with their journal on a real PostgreSQL server."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from safelight.engine.records import tables
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import ALL_FEATURES, Case, Warm
from tests.engine.records.servers import Postgres, pgbouncer

MakeCase = Callable[..., Case]
Expected = Callable[[Any], dict[str, Any]]


@pytest.mark.parametrize("n", range(1, 53, 6))
def test_killed_and_resumed(warm: Warm, make_case: MakeCase, expected: Expected, postgres_url: str, n: int) -> None:
    """Killed after any commit and resumed, a run on PostgreSQL has the frames of an undisturbed one."""
    case = make_case(ALL_FEATURES, journal=postgres_url)
    whole = expected(ALL_FEATURES)
    assert warm.do(case.job("run", at={"what": "commit", "n": n, "do": "kill"})).killed
    ended = warm.do(case.job("resume"))
    if not rows_of(case.journal, tables.runs):
        assert ended.outcome == "RunRefused"
        ended = warm.do(case.job("run"))
    assert ended.outcome == "done"
    assert_whole(case, ended.answer["run"], whole["good"])


def test_the_server_throws_the_run_out(warm: Warm, case: Case, postgres_url: str) -> None:
    """A run that loses its server faults with its lamps off, and is resumed when the server is back."""
    case = replace(case, journal=postgres_url, speed=60)
    warm.begin(case.job("run", tell=True))
    warm.until("state.started", kind="lamp-warmup")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    ended = warm.end()
    assert ended.outcome == "faulted", ended
    assert "journal" in str(ended.answer["reason"])
    assert case.burning() == []
    assert postgres_url not in str(ended.answer)
    again = warm.do(replace(case, speed="max").job("resume"))
    assert again.outcome == "done"
    assert_whole(case, again.answer["run"], again.answer["good"])
    assert sorted(again.answer["good"]) == ["Quartz-120s-001", "bias-001"]


def test_through_pgbouncer(warm: Warm, make_case: MakeCase, postgres: Postgres, postgres_url: str) -> None:
    """Runs go through pgbouncer in transaction mode, one after the other over the same few connections, and resume."""
    database = postgres_url.partition("@/")[2].partition("?")[0]
    with pgbouncer(postgres) as pool:
        case = make_case(journal=pool.url(database), speed=60)
        runs = [warm.do(case.job("run")).answer["run"] for _ in range(2)]
        assert warm.do(case.job("run", at={"what": "commit", "n": 20, "do": "kill"})).killed
        runs.append(warm.do(case.job("resume")).answer["run"])
        for run in runs:
            assert_whole(case, run, ["bias-001", "Quartz-120s-001"])


def test_two_homes_one_journal(warm: Warm, make_case: MakeCase, postgres_url: str, small: Any) -> None:
    """Several homes share one server: each run is found by its name, and both are whole."""
    cases = [make_case(journal=postgres_url) for _ in range(2)]
    runs = [warm.do(case.job("run")).answer["run"] for case in cases]
    for case, run in zip(cases, runs, strict=True):
        assert_whole(case, run, ["bias-001", "Quartz-120s-001"])
