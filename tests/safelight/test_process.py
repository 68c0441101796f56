"""The program as others start it: exit codes, streams, signals."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.version import __version__

Command = Callable[..., "subprocess.CompletedProcess[str]"]

NOT_FOR_A_VERSION = {"typer", "pydantic", "rich", "asyncio", "yaml", "numpy", "astropy"}
NOT_FOR_A_PLAN = {"numpy", "astropy", "statemachine", "tenacity", "sqlalchemy"}


def lines_of(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def imported(environment: dict[str, str], *words: str) -> set[str]:
    """Return the top modules that a command imports."""
    command = [sys.executable, "-X", "importtime", "-m", "safelight", *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stderr
    return {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in told.splitlines()}


def test_version_imports_nothing(environment: dict[str, str], safelight: Command) -> None:
    """The version is told, and nothing is imported for it."""
    assert safelight("--version").stdout == f"safelight {__version__}\n"
    assert not NOT_FOR_A_VERSION & imported(environment, "--version")


def test_a_plan_imports_no_engine_of_runs(environment: dict[str, str]) -> None:
    """A plan needs neither FITS nor machine nor database."""
    assert not NOT_FOR_A_PLAN & imported(environment, "plan", "normal")


def test_a_request_to_stop_imports_no_documents() -> None:
    """An abort has to be in the journal soon: it needs the database, but neither states, documents nor tables."""
    code = "import sys, safelight.cli, safelight.engine.records.stop_requests; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "sqlalchemy" in loaded
    assert not {"pydantic", "yaml", "rich", "numpy", "statemachine", "safelight.states"} & set(loaded)


def test_run_tells_json_lines(safelight: Command, tmp_path: Path) -> None:
    """Each line of `run --json` has event, time and run. The last tells outcome, frames and lamps, as on disk."""
    done = safelight("run", "demo", "--speed", "max", "--frames", str(tmp_path / "f"), "--json")
    assert done.returncode == 0
    events = lines_of(done.stdout)
    assert all({"event", "time", "run"} <= event.keys() for event in events)
    assert len({event["run"] for event in events}) == 1
    assert events[0]["event"] == "run.started"
    end = events[-1]
    assert (end["event"], end["outcome"], end["frames"]) == ("run.finished", "done", 2)
    assert set(end["lamps"]) == {"Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon"}
    assert set(end["lamps"].values()) == {"off"}
    manifest = json.loads((Path(end["folder"]) / "manifest.json").read_text())
    assert [frame["frame"] for frame in manifest["frames"]] == ["bias-001", "Quartz-120s-001"]
    assert "done: 2 of 2 frames" in done.stderr


def test_faulted_is_three(safelight: Command, tmp_path: Path) -> None:
    """A device that fails for ever ends the run in `faulted`, exit code 3, lamps off."""
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {device: fibsel, verb: move, what: error, times: forever}\n")
    ended = safelight("run", "demo", "--speed", "max", "--faults", str(faults), "--json")
    assert ended.returncode == 3
    end = lines_of(ended.stdout)[-1]
    assert end["outcome"] == "faulted"
    assert set(end["lamps"].values()) == {"off"}
    assert "Traceback" not in ended.stderr


def test_unsafe_is_ten_and_loud(safelight: Command, tmp_path: Path) -> None:
    """A lamp that can't be confirmed off: exit code 10, the bell, its name, and what to do by hand."""
    faults = tmp_path / "faults.yaml"
    faults.write_text(
        "- {device: lamps.Quartz, verb: 'off', nth: 2, what: error, times: 12}\n"
        "- {device: lamps, verb: all_off, what: error, times: 4}\n"
    )
    ended = safelight("run", "demo", "--speed", "max", "--faults", str(faults), "--json")
    assert ended.returncode == 10
    assert lines_of(ended.stdout)[-1]["lamps"]["Quartz"] != "off"
    for words in ("\a", "UNSAFE: Quartz", "by hand"):
        assert words in ended.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "nope"), "no such sequence"),
        (("run", "demo", "--speed", "fast"), "--speed 'fast'"),
        (("run", "demo", "--observatory", "nope"), "no observatory 'nope'"),
        (("run", "demo", "--faults", "nope.yaml"), "nope.yaml"),
        (("run", "demo", "--nope"), "--nope"),
        (("fly",), "fly"),
        (("lamps", "on", "Argn"), "did you mean 'Argon'"),
    ],
)
def test_invalid_is_two(safelight: Command, home: Path, words: tuple[str, ...], says: str) -> None:
    """Invalid input ends with 2 and one clear sentence on standard error. Nothing is touched."""
    ended = safelight(*words)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert not home.exists()


def test_frames_that_cant_be_written_are_refused_early(safelight: Command, home: Path, tmp_path: Path) -> None:
    """Where frames can't be written, nothing begins."""
    (tmp_path / "file").write_text("")
    ended = safelight("run", "demo", "--speed", "max", "--frames", str(tmp_path / "file" / "f"))
    assert ended.returncode == 2
    assert "can't be written" in ended.stderr
    assert not home.exists()


def start(program: Path, environment: dict[str, str], tmp_path: Path, *more: str) -> "subprocess.Popen[str]":
    """Start a run with JSON lines, both its streams in our hands."""
    words = ["run", *more, "--frames", str(tmp_path / "f"), "--json"]
    command = [program, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment, cwd=tmp_path, **pipes)


def wait_for(process: "subprocess.Popen[str]", event: str, kind: str = "") -> list[str]:
    """Read lines until an event (of a state of that kind) has been told."""
    assert process.stdout is not None
    read: list[str] = []
    for line in process.stdout:
        read.append(line)
        told = json.loads(line)
        if told["event"] == event and told.get("kind", "") == kind:
            return read
    pytest.fail(f"no {event}: {process.communicate()[1]}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_abort(
    warm_safelight: Path, environment: dict[str, str], safelight: Command, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C, SIGTERM and SIGHUP while a lamp is on: exit code 4, every lamp read back as off. More change nothing."""
    (tmp_path / "lamp.yaml").write_text("lamps: {Quartz: {warmup: 1200, exposure_time: 1200}}\n")
    with start(warm_safelight, environment, tmp_path, "lamp.yaml", "--speed", "200") as process:
        read = wait_for(process, "state.started", "lamp-warmup")
        for _ in range(4):
            process.send_signal(number)
        rest, told = process.communicate(timeout=60)
    assert process.returncode == 4, told
    end = lines_of("".join(read) + rest)[-1]
    assert (end["event"], end["outcome"]) == ("run.finished", "aborted")
    assert set(end["lamps"].values()) == {"off"}
    status = safelight("lamps", "status", "--json")
    assert set(json.loads(status.stdout)["lamps"].values()) == {"off"}


def test_a_signal_at_the_start_is_remembered(environment: dict[str, str], home: Path, tmp_path: Path) -> None:
    """A signal that comes before the run exists is obeyed: exit code 4, and no lamp was touched."""
    code = (
        "import os, signal, sys\n"
        "from safelight import __main__, signals\n"
        "watch = signals.Stops.watch\n"
        "signals.Stops.watch = lambda self: (watch(self), os.kill(os.getpid(), signal.SIGTERM))\n"
        "sys.argv = ['safelight', 'run', 'demo', '--speed', 'max']\n"
        "__main__.main()\n"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert ended.returncode == 4, ended.stderr
    assert "before anything was touched" in ended.stderr
    assert not home.exists()


def test_a_reader_that_leaves_stops_nothing(warm_safelight: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Where nobody reads standard output and standard error any more, the run goes on to its end."""
    with start(warm_safelight, environment, tmp_path, "normal", "--speed", "max") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        process.stderr.close()
        assert process.wait(timeout=60) == 0
    (manifest,) = (tmp_path / "f").glob("*/manifest.json")
    assert len(json.loads(manifest.read_text())["frames"]) == 12


def test_a_reader_that_sleeps_holds_nothing(warm_safelight: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Where a reader does not read, the run goes on to its end. Then the program waits for it, or for a signal."""
    with start(warm_safelight, environment, tmp_path, "long-term", "--speed", "max") as process:
        manifests: list[Path] = []
        for _ in range(600):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
            manifests = list((tmp_path / "f").glob("*/manifest.json"))
            if manifests:
                break
        assert len(json.loads(manifests[0].read_text())["frames"]) == 55
        assert process.poll() is None
        for _ in range(200):
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)
                break
        assert process.returncode == 0


def test_streams_that_were_never_open(environment: dict[str, str], tmp_path: Path) -> None:
    """Started without standard streams, a run writes its frames whole, and nothing else into them."""
    command = f"exec {sys.executable} -m safelight run bias --speed max --frames f <&- >&- 2>&-"
    ended = subprocess.run(["/bin/sh", "-c", command], check=False, env=environment, cwd=tmp_path, timeout=60)
    assert ended.returncode == 0
    (manifest,) = (tmp_path / "f").glob("*/manifest.json")
    files = [file for frame in json.loads(manifest.read_text())["frames"] for file in frame["files"]]
    assert all((manifest.parent / file["path"]).stat().st_size == file["bytes"] for file in files)


def test_head_is_quiet(environment: dict[str, str], tmp_path: Path) -> None:
    """`plan ... | head -1` says nothing of a broken pipe."""
    command = f"{sys.executable} -m safelight plan long-term --observatory simulated | head -1"
    ended = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    # Where to find what the short form leaves out, and nothing else.
    assert [line for line in ended.stderr.splitlines() if "--detail" not in line] == []
    assert "long-term" in ended.stdout


def test_a_mistake_of_ours_is_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    """An error nobody thought of ends with 1 and one line; `--debug` shows where."""
    code = (
        "import sys\n"
        "import safelight.sequences\n"
        "from safelight import __main__\n"
        "safelight.sequences.library_names = lambda: 1 / 0\n"
        "sys.argv = ['safelight', *sys.argv[1:], 'sequences']\n"
        "__main__.main()\n"
    )
    for words, traces in (((), 0), (("--debug",), 1)):
        command = [sys.executable, "-c", code, *words]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
        assert ended.returncode == 1
        assert "please report it: ZeroDivisionError" in ended.stderr
        assert ended.stderr.count("Traceback") == traces


def test_the_process_has_no_terminal_to_spoil(environment: dict[str, str]) -> None:
    """The tests' own environment names a home, so that nobody's instrument is touched."""
    assert environment["SAFELIGHT_HOME"] != os.environ.get("SAFELIGHT_HOME")
