"""Which observatory is meant where none is named: one rule for commands, Python and what is done by hand."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from safelight.devices import ObservatoryError, shipped_observatories
from safelight.engine import Request, VirtualClock, calibrate, perform
from safelight.engine.command_hints import CommandHints
from safelight.engine.default_observatory import choose_observatory, forget_default, stored, use
from safelight.engine.manual.bench import open_bench

Inside = Callable[..., Result]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a small simulated observatory called `own`."""
    return named(tmp_path, "own")


def named(folder: Path, name: str) -> Path:
    """Write a small simulated observatory of that name."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = name
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "readout_s": 1.0}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's state folder, of this test alone. No observatory is named."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SAFELIGHT_HOME", str(folder))
    monkeypatch.delenv("SAFELIGHT_OBSERVATORY", raising=False)
    return folder


def test_the_order(home: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named counts before the variable, that before the default, and that before the simulated one."""
    assert choose_observatory(None).why == "assumed"
    use(own)
    assert (choose_observatory(None).source, choose_observatory(None).why) == (str(own), "default")
    other = str(named(tmp_path, "other"))
    monkeypatch.setenv("SAFELIGHT_OBSERVATORY", other)
    assert (choose_observatory(None).source, choose_observatory(None).why) == (other, "variable")
    assert (choose_observatory("lvm").source, choose_observatory("lvm").why) == ("lvm", "named")
    monkeypatch.setenv("SAFELIGHT_OBSERVATORY", "")
    assert choose_observatory(None).why == "default"
    forget_default()
    assert choose_observatory(None).source == "simulated"


def test_every_entry_obeys_the_variable(
    home: Path, own: Path, tmp_path: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python, plans, checks, runs and what is done by hand take the same observatory."""
    monkeypatch.setenv("SAFELIGHT_OBSERVATORY", str(own))
    _all_take("own", tmp_path, inside, home)


def test_every_entry_obeys_the_default(home: Path, own: Path, tmp_path: Path, inside: Inside) -> None:
    """The same of the default that `safelight use` has stored, by its path wherever the command is typed."""
    assert inside("use", own).exit_code == 0
    _all_take("own", tmp_path, inside, home)


def _all_take(name: str, folder: Path, inside: Inside, home: Path) -> None:
    planned = inside("plan", "bias", "--json")
    assert json.loads(planned.stdout)["observatory"] == name
    assert "SIMULATED" not in planned.stderr
    result = asyncio.run(calibrate({"biases": {"count": 1}}, speed="max", frames=folder / "frames"))
    assert result.outcome == "done"
    assert len(list(result.folder.glob("*.fits"))) == 1, "the shipped observatory has nine cameras"
    for words in (("lamps", "status"), ("lamps", "off"), ("expose", "0", "--flavour", "bias", "--speed", "max")):
        told = inside(*words, "--json")
        assert json.loads(told.stdout)["observatory"] == name, words
        assert "SIMULATED" not in told.stderr

    async def by_hand() -> str:
        async with open_bench(home=home) as bench:
            return bench.observatory.name

    assert asyncio.run(by_hand()) == name


def test_by_hand_after_a_run(home: Path, own: Path, tmp_path: Path, inside: Inside) -> None:
    """After a run on one observatory all that is done by hand takes that one, and says so where it acts."""
    run = inside("run", "bias", "--observatory", own, "--speed", "max", "--frames", tmp_path / "frames")
    assert run.exit_code == 0, run.output
    for words in (
        ("lamps", "status"),
        ("point", "park", "--speed", "max"),
        ("fibsel", "P1-2", "--speed", "max"),
        ("expose", "0", "--flavour", "bias", "--speed", "max", "--frames", tmp_path / "frames"),
        ("lamps", "off"),
    ):
        told = inside(*words, "--json")
        assert told.exit_code == 0, told.output
        assert json.loads(told.stdout)["observatory"] == "own", words
        assert "own.yaml" in told.stderr or words[0] == "lamps"


@pytest.mark.parametrize(
    "words", [("check", "bias"), ("plan", "bias"), ("graph", "bias"), ("sequences",), ("lamps", "status")]
)
def test_the_simulated_one_is_said_first(home: Path, inside: Inside, words: tuple[str, ...]) -> None:
    """Where nobody has chosen, the first line on standard error says that it is the simulated observatory."""
    told = inside(*words)
    assert told.exit_code == 0
    assert told.stderr.startswith("SIMULATED OBSERVATORY")
    assert "SIMULATED OBSERVATORY" not in inside(*words, "--observatory", "simulated").stderr


def test_a_run_notes_it(home: Path, tmp_path: Path) -> None:
    """The events of a run that was given no observatory say so. Those of one that was named do not."""
    for observatory, said in ((None, True), ("simulated", False)):
        events: list[Any] = []
        request = Request({"biases": {"count": 1}}, observatory, home, tmp_path / f"frames-{said}")
        asyncio.run(perform(request, clock=VirtualClock(), listeners=[events.append], guarded=False))
        (started,) = (event for event in events if event["event"] == "run.started")
        assert any("SIMULATED OBSERVATORY" in words for words in started["warnings"]) is said


def test_python_says_it_in_a_script(home: Path, tmp_path: Path) -> None:
    """A script without a terminal gets the line too."""
    script = "import asyncio; from safelight.engine import calibrate; "
    script += "print(asyncio.run(calibrate({'biases': {'count': 1}}, speed='max')).outcome)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "done"
    assert done.stderr.startswith("SIMULATED OBSERVATORY")


def test_use(home: Path, own: Path, inside: Inside) -> None:
    """`use` refuses what can't be read, stores a path that holds everywhere, says what counts, and forgets."""
    assert isinstance(inside("use", "nowhere.yaml").exception, ObservatoryError)
    assert stored() is None
    assert str(own) in inside("use", os.path.relpath(own)).stdout
    assert json.loads(inside("use", "--json").stdout) == {"observatory": str(own), "why": "default"}
    assert json.loads(inside("use", "--forget", "--json").stdout) == {"observatory": "simulated", "why": "assumed"}
    assert inside("use", own, "--forget").exception is not None


def test_use_refuses_what_no_run_could_use(home: Path, own: Path, inside: Inside) -> None:
    """An option that only the driver knows is missing. The default stays as it was."""
    document = yaml.safe_load(own.read_text(encoding="utf-8"))
    del document["spectrographs"]["options"]["lamp_adu_per_s"]
    own.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert "lamp_adu_per_s: missing" in str(inside("use", str(own)).exception)
    assert choose_observatory(None).why == "assumed"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"observatory": 3}', b"\xff\xfe", b"[" * 5000, b" " * 20_000])
def test_a_spoilt_default(home: Path, inside: Inside, content: bytes) -> None:
    """A spoilt default is reported with its file, never taken for the simulated observatory. A new one mends it."""
    home.mkdir()
    path = home / "default-observatory.json"
    path.write_bytes(content)
    with pytest.raises(ObservatoryError, match=r"default-observatory\.json: expected .*; found .*\. Set it again"):
        choose_observatory(None)
    assert isinstance(inside("lamps", "status").exception, ObservatoryError)
    assert inside("use", "simulated").exit_code == 0
    assert inside("lamps", "status").exit_code == 0


def test_a_default_that_is_no_file(home: Path) -> None:
    """A pipe in the place of the default is refused, and nobody waits at it."""
    home.mkdir()
    os.mkfifo(home / "default-observatory.json")
    with pytest.raises(ObservatoryError, match=r"default-observatory\.json"):
        choose_observatory(None)


def test_words_name_the_simulated_one_where_a_default_is_set(home: Path, own: Path) -> None:
    """The commands that a message names reach the lamps that it means, whatever the default is."""
    assert "--observatory" not in CommandHints.at("simulated", None).lamps("off")
    use(own)
    assert "--observatory simulated" in CommandHints.at("simulated", home).lamps("off")
