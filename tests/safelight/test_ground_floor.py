"""Files that are written whole, and processes that are looked up: what every package shares."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from safelight.files import write_atomically
from safelight.processes import process_exists, process_runs, process_started


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole(tmp_path: Path, durable: bool) -> None:  # noqa: FBT001
    """A reader that has the old file open goes on reading the old one, and nothing is left beside the new one."""
    path = tmp_path / "status.json"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new", durable=durable)
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_lies_in_the_place_of_the_draft_is_not_written_to(tmp_path: Path) -> None:
    """A link in the draft's place is removed, and what it points to stays as it is."""
    path, target = tmp_path / "token", tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / f".token.{os.getpid()}-{threading.get_ident()}.part").symlink_to(target)
    write_atomically(path, b"new", mode=0o600)
    assert (path.read_bytes(), target.read_bytes()) == (b"new", b"precious")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_replaced_leaves_no_draft(tmp_path: Path) -> None:
    """A folder has the file's name: the error is raised, and the draft is removed."""
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        write_atomically(tmp_path / "taken", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_process_is_told_from_others_with_its_number() -> None:
    """A process exists while it runs, has one start and one command line, and is gone when it has been waited for."""
    command = [sys.executable, "-c", "print(flush=True); input()", "a.module"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the system lists a command line only a moment after the process has begun
        assert process_exists(process.pid)
        started = process_started(process.pid)
        assert started == process_started(process.pid) != process_started(os.getpid())
        assert process_runs(process.pid, "a.module")
        assert not process_runs(process.pid, "another.module")
    assert not process_exists(process.pid)
    assert process_started(process.pid) == ""
    assert not process_runs(process.pid, "a.module")


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**70])
def test_what_is_no_number_of_a_process_is_no_process(number: int) -> None:
    """Numbers that stand for groups of processes, or for nothing, come from a file and are refused."""
    assert not process_exists(number)
    assert process_started(number) == ""
