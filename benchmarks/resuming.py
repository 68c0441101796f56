"""How soon a run with many finished frames continues: from the start of the process to the first device command."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from benchmarks.references.ask import ROOT, seconds_of
from benchmarks.rows import Row, Table, median, ratio, scratch
from safelight.devices import load_observatory
from safelight.engine.planning.plan import Plan, make_plan, site_of
from safelight.engine.planning.request import Request
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.stored_run import write_run
from safelight.engine.run.start import page_of
from safelight.sequences import load

__all__ = ["table"]

SIZES = (100, 1000, 10_000)
CAMERAS = tuple(f"{camera}{spectrograph}" for spectrograph in "123" for camera in "brz")
MOMENT = "2026-01-01T00:00:00.000+00:00"
BYTES = 2880
REFERENCE = "benchmarks.references.dbos_steps"


def table(rounds: int) -> Table:
    """Both in turns; the journals are made once."""
    imports: list[float] = []
    looks: list[float] = []
    with scratch() as folder:
        for size in SIZES:
            make_run(folder / f"ours-{size}", size)
            _make_workflow(folder / f"dbos-{size}", size)
        ours: dict[int, list[float]] = {size: [] for size in SIZES}
        theirs: dict[int, list[float]] = {size: [] for size in SIZES}
        for _ in range(rounds):
            for size in SIZES:
                ours[size].append(seconds_to_first_command(folder / f"ours-{size}"))
                theirs[size].append(_seconds_to_next_step(folder / f"dbos-{size}", size))
            imports.append(
                seconds_of(sys.executable, "-c", "import safelight.commands.resume, safelight.engine.resume.resumption")
            )
            looks.append(_seconds_to_look(folder / f"ours-{SIZES[-1]}" / "frames" / "bench"))
    our, their = ({size: median(values) for size, values in found.items()} for found in (ours, theirs))
    slope, their_slope = ((found[10_000] - found[100]) / 9900 for found in (our, their))
    rows = [
        Row(f"{size:,} finished frames", "<= 0.6 s" if size == SIZES[-1] else "", f"{our[size]:.2f} s",
            f"DBOS, {size:,} finished steps {their[size]:.2f} s", ratio(our[size], their[size]),
            holds=our[size] <= 0.6 if size == SIZES[-1] else None)
        for size in SIZES
    ]  # fmt: skip
    slopes = f"{slope * 1e6:.0f} us per frame", f"DBOS {their_slope * 1e6:.0f} us per step"
    rows.append(Row("slope", "<= 25 us per frame", *slopes, ratio(slope, their_slope), holds=slope <= 25e-6))
    rows.append(
        Row(
            "of it: Python with everything imported",
            "<= 0.35 s",
            f"{median(imports):.2f} s",
            holds=median(imports) <= 0.35,
        )
    )
    rows.append(Row("of it: 90,000 files, each asked for its size and nothing else", "", f"{median(looks):.2f} s"))
    words = (
        "Process start to the announcement of the first lamp-off, for a run whose frames are nine files each: the "
        "journal is read, every file is looked for and its size compared, the rest is compiled and proved. DBOS reads "
        "back the results of its steps; it has no files to look at. The last two rows are the floor: what libraries "
        "take to be imported, and what the operating system takes to tell the sizes; an observatory's machine that is "
        "faster is faster in both. The spectrographs are asked what they hold before the frames are looked at."
    )
    return Table("Resume", tuple(rows), words)


def make_run(home: Path, frames: int) -> None:
    """A run of one frame more than that, killed before its last."""
    request = Request({"biases": {"count": frames + 1}}, home=home, frames=home / "frames")
    observatory = load_observatory("simulated")
    plan = make_plan(load(request.sequence, site_of(observatory)), observatory)
    folder = home / "frames" / "bench"
    folder.mkdir(parents=True)
    journal = Journal(default_url(home))
    write_run(journal, page_of(plan, request, "bench", folder))
    segment = {"segment": 1, "graph_hash": "", "observatory_hash": "", "host": "bench", "pid": 1, "version": "0"}
    journal.write(sa.insert(tables.segments), {"run": "bench", "started": MOMENT} | segment)
    _write_frames(journal, plan, frames, folder)
    journal.commit()
    journal.close()


def _write_frames(journal: Journal, plan: Plan, count: int, folder: Path) -> None:
    frames, states = [], []
    for number, frame in enumerate(plan.expansion.frames[:count], 1):
        files = [(f"{number:08d}-{frame.id}-{camera}.fits", BYTES, "0" * 64) for camera in CAMERAS]
        for name, _, _ in files:
            (folder / name).write_bytes(bytes(BYTES))
        common = {"run": "bench", "segment": 1, "frame": frame.id, "attempt": 1}
        frames.append(common | {"number": number, "exposure_no": number, "verdict": "good", "reason": None,
                                "kept": MOMENT, "files": json.dumps(files)})  # fmt: skip
        states += [
            common | {"number": 3 * number + place, "state": f"{kind}/{frame.id}", "kind": kind, "intended": MOMENT,
                      "ended": MOMENT, "outcome": "done", "duration_s": 1.0, "error": None, "note": None}
            for place, kind in enumerate(("ready", "expose", "readout"))
        ]  # fmt: skip
    journal.write(sa.insert(tables.frames), frames)
    journal.write(sa.insert(tables.states), states)


def seconds_to_first_command(home: Path) -> float:
    """Resume it, and kill it as soon as it moves; the journal is left as it was."""
    kept = (home / "journal.sqlite").read_bytes()
    words = ["resume", "--home", str(home), "--speed", "20", "--json"]
    command = [sys.executable, "-m", "safelight", *words]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        moved = any(json.loads(line)["event"] == "state.started" for line in process.stdout)
        took = time.perf_counter() - began
        process.send_signal(signal.SIGKILL)
    if not moved:
        raise RuntimeError("the run did not begin")
    for leftover in home.glob("journal.sqlite-*"):
        leftover.unlink()
    (home / "journal.sqlite").write_bytes(kept)
    return took


def _seconds_to_look(folder: Path) -> float:
    """What the operating system takes for the size of every file, in the order in which they were written."""
    names = sorted(os.listdir(folder))  # noqa: PTH208 - names, not 90,000 paths
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    began = time.perf_counter()
    total = sum(os.stat(name, dir_fd=opened).st_size for name in names)
    took = time.perf_counter() - began
    os.close(opened)
    assert total
    return took


def _make_workflow(folder: Path, steps: int) -> None:
    folder.mkdir()
    command = [sys.executable, "-m", REFERENCE, "die-after", str(steps), str(folder), "wal"]
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True)


def _seconds_to_next_step(folder: Path, steps: int) -> float:
    copy = folder.with_suffix(f".{os.getpid()}")
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", REFERENCE, "recover", str(steps), str(copy), "wal"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    took = time.perf_counter() - began
    for file in copy.iterdir():
        file.unlink()
    copy.rmdir()
    return took
