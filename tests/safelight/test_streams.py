"""Exit codes, alarms and lamps do not depend on what becomes of standard output and standard error."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import load_observatory
from safelight.engine.guard.status_files import guards
from tests.warm_process import WarmProcess

STUCK = """
- {device: lamps.Quartz, verb: 'off', what: lie, times: forever}
- {device: lamps, verb: all_off, what: lie, times: forever}
"""
"""No off command is obeyed; the first one of a run does not matter, because the lamp is dark then."""

KINDS = ("full", "closed", "broken")
BROKEN = [("full", ""), ("broken", ""), ("closed", "closed"), ("", "full"), ("full", "full"), ("broken", "broken")]
"""Standard output, standard error, or both; an empty word is a healthy stream."""

TELLING_THE_INSTRUMENT = {
    "run": ("run", "demo", "--speed", "max"),
    "run unsafe": ("run", "demo", "--speed", "max", "--faults", "stuck.yaml"),
    "run json": ("run", "demo", "--speed", "max", "--faults", "stuck.yaml", "--json"),
    "resume": ("resume", "--speed", "max"),
    "resume --dry-run": ("resume", "--dry-run"),
    "lamps on": ("lamps", "on", "Argon", "--speed", "max", "--for", "1"),
    "lamps off": ("lamps", "off", "--speed", "max"),
    "lamps status": ("lamps", "status", "--speed", "max"),
    "point": ("point", "park", "--speed", "max"),
    "fibsel": ("fibsel", "P1-3", "--speed", "max"),
    "expose": ("expose", "0", "--flavour", "bias", "--speed", "max"),
    "guard status": ("guard", "status"),
    "abort": ("abort",),
    "pause": ("pause",),
}
ON_PAPER = {
    "runs": ("runs",),
    "show": ("show",),
    "report": ("report",),
    "log": ("log",),
    "plan": ("plan", "demo"),
    "check": ("check", "demo"),
    "graph": ("graph", "demo"),
    "sequences": ("sequences",),
    "schema": ("schema",),
    "wrong words": ("fly",),
    "wrong sequence": ("check", "nope"),
    "help": ("plan", "--help"),
}

Ended = tuple[int, str, str]
"""Exit code, standard output, standard error."""
Do = Callable[..., Ended]


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmProcess]:
    """Yield the warm process."""
    with WarmProcess.started(Path(__file__).with_name("streams_cli.py")) as process:
        yield process


@pytest.fixture
def do(warm: WarmProcess, tmp_path: Path, home: Path) -> Do:
    """Run a command with streams that are broken in some way."""

    def run(words: tuple[str, ...], out: str = "", err: str = "") -> Ended:
        files = [tmp_path / "stdout", tmp_path / "stderr"]
        for file in files:
            file.unlink(missing_ok=True)
            file.touch()
        streams = [what or str(file) for what, file in zip((out, err), files, strict=True)]
        environment = {"SAFELIGHT_HOME": str(home)}
        warm.begin({"words": words, "environment": environment, "folder": str(tmp_path), "streams": streams})
        code = int(warm.hear()["status"])
        return code, files[0].read_text(), files[1].read_text()

    return run


@pytest.fixture(scope="module")
def used(warm: WarmProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a run has faulted."""
    folder = tmp_path_factory.mktemp("used")
    (folder / "stuck.yaml").write_text(STUCK)
    (folder / "broken.yaml").write_text("- {device: fibsel, verb: move, what: error, times: forever}\n")
    job = {
        "words": ("run", "demo", "--speed", "max", "--faults", "broken.yaml"),
        "environment": {"SAFELIGHT_HOME": str(folder / "home")},
        "folder": str(folder),
        "streams": [str(folder / "stdout"), str(folder / "stderr")],
    }
    warm.begin(job)
    assert warm.hear()["status"] == 3
    return folder


@pytest.fixture
def fresh(used: Path, tmp_path: Path, home: Path) -> Callable[[], None]:
    """Put everything back to how it was after that run. Guards that are left from the last command are ended."""

    def renew() -> None:
        end_guards(home)
        for name in ("home", "frames"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        shutil.copytree(used, tmp_path, dirs_exist_ok=True)

    renew()
    return renew


def end_guards(home: Path) -> None:
    """End the guards that are left in a home, by their process numbers."""
    for guard in guards(home):
        with suppress(ProcessLookupError):
            os.kill(guard["pid"], signal.SIGKILL)


@pytest.mark.parametrize("name", [*TELLING_THE_INSTRUMENT, *ON_PAPER])
def test_exit_codes_depend_on_no_stream(do: Do, fresh: Callable[[], None], home: Path, name: str) -> None:
    """Every command ends with the same code, whatever its streams are. Only a text that is lost to a full disk is 1."""
    words = (TELLING_THE_INSTRUMENT | ON_PAPER)[name]
    expected, out, err = do(words)
    assert "Traceback" not in err
    for bad_out, bad_err in BROKEN:
        fresh()
        lost = name in ON_PAPER and out and bad_out == "full"
        code, _, told = do(words, bad_out, bad_err)
        assert code == (1 if lost and not expected else expected), (bad_out, bad_err, told)
        assert "Traceback" not in told
        if not bad_err and expected == 10:
            assert "UNSAFE: Quartz is NOT confirmed off" in told
        if not bad_err and out and bad_out == "full":
            assert "standard output" in told
    end_guards(home)


@pytest.mark.parametrize(("out", "err"), BROKEN)
def test_a_lamp_that_stays_on_is_ten(do: Do, fresh: Callable[[], None], home: Path, out: str, err: str) -> None:
    """`lamps off` and `guard status` end with 10 and an alarm on standard error, whatever standard output is."""
    assert do(("run", "demo", "--speed", "max", "--faults", "stuck.yaml", "--json"))[0] == 10
    for words in (("lamps", "off", "--speed", "max", "--faults", "stuck.yaml"), ("guard", "status")):
        code, _, told = do(words, out, err)
        assert code == 10
        assert err or "UNSAFE: Quartz is NOT confirmed off" in told
    end_guards(home)


@pytest.mark.parametrize("out", [*KINDS, "json"])
def test_an_abort_that_is_unsafe_is_ten(
    do: Do, lamp_run: Callable[..., Any], faults: Callable[[str], Path], home: Path, out: str
) -> None:
    """`abort` ends with 10 and an alarm on standard error where the run can't switch its lamp off."""
    running = lamp_run("--faults", str(faults(STUCK)))
    running.wait_for("state.started", "expose", "Quartz-100s-001")
    code, _, told = do(("abort", "--json"), "" if out == "json" else out)
    assert code == 10
    assert "UNSAFE: Quartz is NOT confirmed off" in told
    assert running.end() == 10
    end_guards(home)


def test_other_letters_are_written_as_escapes(environment: dict[str, str], home: Path, tmp_path: Path) -> None:
    """A terminal that knows no other letters than ASCII's gets escapes, never an error."""
    ended = subprocess.run(
        [sys.executable, "-m", "safelight", "point", "park", "--speed", "max"],
        env=environment | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )
    assert ended.returncode == 0
    assert "\\xb0" in ended.stdout


# ---- several observatories


def another(folder: Path, name: str) -> Path:
    """Return the simulated observatory under another name, with a lamp that is called as the observatory."""
    plain = load_observatory("simulated").model_dump(mode="json") | {"name": name}
    units = plain["lamps"]["units"]
    # Both are on the simulated switch of one home, which holds one set of outlets.
    plain["lamps"]["units"] = dict.fromkeys(("Argon", "East", "West"), units["Argon"])
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False))
    return path


@pytest.mark.parametrize(("out", "err"), BROKEN)
def test_all_lamps_of_all_observatories_first(do: Do, home: Path, tmp_path: Path, out: str, err: str) -> None:
    """Where two observatories are watched in one home, no stream keeps the second one's lamps from being commanded."""
    paths = [another(tmp_path, name) for name in ("east", "west")]
    for path in paths:
        assert do(("lamps", "on", path.stem, "--observatory", str(path)))[0] == 0
    assert do(("lamps", "off"), out, err)[0] == 0
    for path in paths:
        _, told, _ = do(("lamps", "status", "--observatory", str(path), "--json"))
        assert set(json.loads(told)["lamps"].values()) == {"off"}


def test_one_observatory_that_is_gone_delays_no_other(do: Do, home: Path, tmp_path: Path) -> None:
    """A document that can't be read any more is reported, after the lamps of the other observatory are off."""
    paths = [another(tmp_path, name) for name in ("east", "west")]
    for path in paths:
        assert do(("lamps", "on", path.stem, "--observatory", str(path)))[0] == 0
    paths[0].unlink()
    code, told, complaint = do(("lamps", "off"))
    assert code == 2
    assert "West off" in told
    assert "east.yaml" in complaint
    assert set(json.loads(do(("lamps", "status", "--observatory", str(paths[1]), "--json"))[1])["lamps"].values()) == {
        "off"
    }


def test_each_outlet_has_guards_of_its_own(do: Do, home: Path, tmp_path: Path) -> None:
    """A lamp that is lit takes no guards from another one. Those of its outlet leave it to later ones."""
    east, west = (str(another(tmp_path, name)) for name in ("east", "west"))
    assert do(("lamps", "on", "East", "--observatory", east))[0] == 0
    assert do(("lamps", "on", "West", "--observatory", west))[0] == 0
    assert sorted(guard["observatory"] for guard in guards(home)) == ["east", "east", "west", "west"]
    assert do(("lamps", "on", "East", "--observatory", west))[0] == 0
    assert {guard["observatory"] for guard in guards(home)} == {"west"}
    assert do(("lamps", "status", "--observatory", east))[1].count(" ON ") == 2
    assert do(("lamps", "off"))[0] == 0
    assert do(("lamps", "status", "--observatory", east))[1].count(" off") == 3
