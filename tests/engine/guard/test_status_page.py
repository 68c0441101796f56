"""Pages of guards that an enemy has written, and files that are none."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from safelight.engine.guard import status_files
from safelight.engine.guard.status_files import GuardStatusFile, guards
from safelight.engine.guard.status_page import guard_page
from safelight.files import append_regular, read_regular

WHOLE: dict[str, Any] = {
    "pid": 4711,
    "run": "a-run",
    "doing": "unsafe",
    "since": "2026-01-02T03:04:05+00:00",
    "told": "2026-01-02T03:04:06+00:00",
    "leases": {"Argon": 12.5},
    "lamps": {"Argon": "on"},
    "observatory": "simulated",
    "source": "simulated",
    "keep": False,
    "why": "the runner is gone",
    "client": "0123456789abcdef",
    "begun": "2026-01-02T03:00:00+00:00",
    "runner_pid": 4700,
    "runner_started": "01234567-4242",
    "orphan": True,
    "in_charge": True,
    "answers_for": {"Argon": "switch/argon"},
}
NONSENSE = [None, True, -1, 1e308, "", "\0", "x" * 5000, [], [1], {"a": {"b": None}}, {"Argon": "NaN"}]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield where a guard that lives has its page."""
    monkeypatch.setattr(status_files, "process_runs", lambda pid, module: True)  # noqa: ARG005
    monkeypatch.setenv("SAFELIGHT_HOME", str(tmp_path))
    (tmp_path / "guards").mkdir()
    yield tmp_path / "guards" / "a-run.4711.json"
    shutil.rmtree(tmp_path / "guards")


def status(page: Path) -> int:
    """Return the exit code of `guard status`, in both forms. It may not fail."""
    from safelight.cli import app  # noqa: PLC0415 - other tests look at what is imported when

    codes = set()
    for words in (["guard", "status"], ["guard", "status", "--json"]):
        ended = CliRunner().invoke(app, words)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        codes.add(ended.exit_code)
    assert len(codes) == 1
    return codes.pop()


def test_a_whole_page(page: Path) -> None:
    """A page as guards write it is read as it is."""
    page.write_text(json.dumps(WHOLE))
    assert guard_page(page) == WHOLE
    assert status(page) == 10


@pytest.mark.parametrize("doing", ["acting", "unsafe"])
def test_lamps_that_are_not_read_back_yet_are_ten(page: Path, doing: str) -> None:
    """While guards act and have confirmed nothing yet, the status is 10. Once all lamps are off it is 0."""
    page.write_text(json.dumps(WHOLE | {"doing": doing, "lamps": {"Argon": "unknown", "Neon": "off"}}))
    assert status(page) == 10
    page.write_text(json.dumps(WHOLE | {"doing": doing, "lamps": {"Argon": "off", "Neon": "off"}}))
    assert status(page) == 0


@pytest.mark.parametrize("field", WHOLE)
def test_fields_that_are_missing_or_nonsense(page: Path, field: str) -> None:
    """Whatever is in a field, or is not, `guard status` ends with a code of its own, and never fails."""
    page.write_text(json.dumps({name: value for name, value in WHOLE.items() if name != field}))
    assert status(page) in (0, 10)
    for value in NONSENSE:
        page.write_text(json.dumps(WHOLE | {field: value}))
        assert status(page) in (0, 10)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_pages_that_are_none(page: Path, content: bytes) -> None:
    """A file that is no page belongs to no guard."""
    page.write_bytes(content)
    assert status(page) == 0


def test_times_in_the_future_are_now(page: Path) -> None:
    """A page cannot have been written in the future."""
    later = datetime.now(UTC) + timedelta(days=3650)  # noqa: TID251 - the page's own time
    page.write_text(json.dumps(WHOLE | {"told": later.isoformat(), "since": "soon"}))
    found = guard_page(page)
    assert found is not None
    assert max(found["told"], found["since"]) < later.isoformat()


def test_files_that_never_end(page: Path) -> None:
    """A FIFO, a device without end, a folder and a huge file are not read."""
    os.mkfifo(page)
    page.with_name("b.1.json").symlink_to("/dev/zero")
    page.with_name("c.1.json").mkdir()
    with page.with_name("d.1.json").open("wb") as huge:
        huge.truncate(10_000_000_000)
    assert list(guards(page.parents[1])) == []
    for name in (page.name, "b.1.json", "c.1.json", "d.1.json"):
        with pytest.raises(OSError, match=r"regular|large|directory|device"):
            read_regular(page.with_name(name))


def test_a_log_that_is_a_fifo_holds_no_guard(page: Path, tmp_path: Path) -> None:
    """A guard writes into regular files only: it waits for no reader of a FIFO in its log's or its page's place."""
    os.mkfifo(tmp_path / "guards" / "a-run.log")
    book = GuardStatusFile(tmp_path, "a-run")
    os.mkfifo(tmp_path / "guards" / f".a-run.{os.getpid()}.json.{os.getpid()}-{threading.get_ident()}.part")
    book.log("acted")
    book.say("watching", {"Argon": 3.0})
    assert [guard["leases"] for guard in guards(tmp_path)] == [{"Argon": 3.0}]
    with pytest.raises(OSError, match=r"regular|large|directory|device"):
        append_regular(tmp_path / "guards" / "a-run.log", b"x")
