"""What each command answers, within this process."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits
from typer.main import get_command
from typer.testing import Result

from safelight.cli import app
from safelight.commands.output import complain
from safelight.devices import ObservatoryError, shipped_observatories
from safelight.engine import Request, RunRefused, perform, plan_of
from safelight.engine.errors import DrawingError
from safelight.sequences import library_names
from safelight.sequences.json_schema import SCHEMA_FILE
from tests.engine.shutter_bench import behind_shutters

Inside = Callable[..., Result]


def _every(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group of the program, as it is built."""
    if words:
        yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from _every(inner, (*words, name))


COMMANDS = tuple(_every(get_command(app)))


def test_every_command_is_looked_at() -> None:
    """The list that the tests go through is the program's own: the design's commands, and those that came later."""
    told = {" ".join(words) for words in COMMANDS}
    asked = "run resume pause abort runs show report log plan check graph sequences schema point fibsel expose serve"
    assert set(asked.split()) <= told
    assert {"lamps status", "lamps on", "lamps off", "guard status"} <= told


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help(inside: Inside, words: tuple[str, ...]) -> None:
    """Every command says what it is for, and what each option means."""
    told = inside(*words, "--help")
    assert told.exit_code == 0
    assert len(told.output.splitlines()) > 4
    options = re.findall(r"^  (?:-\w, )?--[\w-]+(?: \S+)?(.*)$", told.output, re.MULTILINE)
    assert options


WRONG_EFFECTS = {
    "a key": ({"laeks": 0.5}, "Th.laeks: unknown key 'laeks': one of passes, width, dispersion, leaks, shift", 56),
    "a lamp": (
        {"passes": {"Thh": 0.5}},
        "Th.passes.Thh: unknown lamp 'Thh': one of Lamp, Th, U; did you mean 'Th'?",
        57,
    ),
    "a number": (3, "Th: expected a mapping such as {passes: 0.5}, got 3", 55),
    "a text": ({"width": "wide"}, "Th.width: expected a number from 0.1 to 10, got 'wide'", 56),
}
"""What a position of a simulated selector can't mean, what is said of it, and the line."""


@pytest.mark.parametrize("wrong", WRONG_EFFECTS)
def test_every_command_refuses_wrong_effects(inside: Inside, tmp_path: Path, wrong: str) -> None:
    """A position of a simulated selector whose value is no effect is refused before anything is planned or moved."""
    value, said, line = WRONG_EFFECTS[wrong]
    path = behind_shutters(tmp_path)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain["selectors"]["units"]["octagon"]["positions"]["Th"] = value
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    sequence = tmp_path / "some.yaml"
    sequence.write_text("name: some\nsteps: [{lamps: [U], exposure_time: 5}]\n", encoding="utf-8")
    for words in (
        ("plan", str(sequence)),
        ("check", str(sequence)),
        ("graph", str(sequence), "--format", "json"),
        ("run", str(sequence), "--speed", "max"),
        ("queue", "add", str(sequence)),
        ("lamps", "status"),
        ("lamps", "on", "U"),
        ("expose", "3", "--flavour", "arc"),
    ):
        told = inside(*words, "--observatory", str(path))
        assert isinstance(told.exception, ObservatoryError), (words, told.output)
        assert f"behind.yaml:{line}: selectors.units.octagon.positions.{said}" in str(told.exception), words


# ---- plan


@pytest.mark.parametrize("name", library_names())
def test_a_plan_keeps_its_word(inside: Inside, tmp_path: Path, name: str) -> None:
    """A run in virtual time takes what `plan --json` says, and no more than half a per cent above the bound."""
    planned = json.loads(inside("plan", name, "--json").stdout)
    request = Request(name, home=tmp_path / "home", frames=tmp_path / "frames", speed="max")
    result = asyncio.run(perform(request, guarded=False))
    assert result.outcome == "done"
    assert len(result.frames) == planned["frames"]
    assert result.elapsed_s == pytest.approx(planned["total_s"], abs=0.5)
    assert planned["total_s"] <= 1.005 * planned["bound_s"]


def test_plan_json(inside: Inside) -> None:
    """The JSON of a plan has total, bound, lamps, warnings and states with id, kind, start, duration and region."""
    planned = json.loads(inside("plan", "normal", "--json").stdout)
    assert {"total_s", "bound_s", "lamp_on_s", "warnings", "states"} <= planned.keys()
    assert all({"id", "kind", "start_s", "duration_s", "region"} <= state.keys() for state in planned["states"])
    ends = [state["start_s"] + state["duration_s"] for state in planned["states"]]
    assert max(ends) == pytest.approx(planned["total_s"])


def test_plan_for_people(inside: Inside) -> None:
    """The table shows every state, and the lines below it total, bound, lamps, frames and warnings."""
    told = inside("plan", "normal", "--detail", "states").stdout
    for words in ("expose dark-900s-001", "│ warm up Quartz", "0:44:00", "shortest", "Quartz 6 min 32 s", "12 (5 bias"):
        assert words in told
    assert "note     Quartz-270s: 12 fibres" in told


def test_plan_options(inside: Inside) -> None:
    """Parking adds a state, staying takes the slew away, and one thing after the other takes longer."""
    kinds = {
        option: [state["kind"] for state in json.loads(inside("plan", "demo", option, "--json").stdout)["states"]]
        for option in ("--park", "--no-point", "--no-overlap")
    }
    assert "park" in kinds["--park"]
    assert "point" not in kinds["--no-point"]
    assert "point" in kinds["--no-overlap"]
    serial = json.loads(inside("plan", "normal", "--no-overlap", "--json").stdout)["total_s"]
    assert serial > plan_of(Request("normal")).total_s


# ---- check


def test_check_tells_all_that_is_wrong(inside: Inside, tmp_path: Path) -> None:
    """Good documents are reported with what was proved, bad ones with every problem, and one bad one makes it 2."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("biases: {count: 0}\ndarks: {exposure_time: -1}\n")
    told = inside("check", "normal", bad, "--explain")
    assert told.exit_code == 2
    assert "normal: ok, 12 frames in 0:44:00" in told.output
    assert "promises checked in" in told.output
    assert "configurations" in told.output
    assert "checked: every frame is read out once" in told.output
    assert f"{bad}:1: biases.count" in told.output
    assert f"{bad}:2: darks.exposure_time" in told.output


def test_check_json(inside: Inside) -> None:
    """The same as one object. A library that is all good ends with 0."""
    told = inside("check", *library_names(), "--json")
    assert told.exit_code == 0
    found = json.loads(told.stdout)
    assert found["ok"] is True
    assert [one["sequence"] for one in found["documents"]] == list(library_names())
    assert all(one["configurations"] > 1 and one["promises"] for one in found["documents"])
    wrong = json.loads(inside("check", "nope", "--json").stdout)
    assert wrong["ok"] is False
    assert wrong["documents"][0]["problems"][0]["text"]


# ---- graph, sequences, schema


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("mermaid", "stateDiagram-v2"),
        ("dot", "digraph"),
        ("json", "{"),
        ("scxml", "<?xml"),
        ("promela", "/* bias"),
    ],
)
def test_graph(inside: Inside, tmp_path: Path, form: str, first: str) -> None:
    """A graph comes out on standard output, or whole into a file that it replaces."""
    told = inside("graph", "bias", "--format", form)
    assert told.exit_code == 0
    assert told.stdout.startswith(first)
    path = tmp_path / "graph.txt"
    path.write_text("old")
    assert inside("graph", "bias", "--format", form, "-o", path).stdout == ""
    assert path.read_text() == told.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["graph.txt"]


def test_sequences(inside: Inside) -> None:
    """The library is listed with frames, time and purpose."""
    found = json.loads(inside("sequences", "--json").stdout)["sequences"]
    assert [one["name"] for one in found] == list(library_names())
    assert all(one["frames"] and one["total_s"] and one["description"] for one in found)
    told = inside("sequences").stdout
    assert "normal" in told
    assert "0:44:00" in told


def test_schema(inside: Inside) -> None:
    """The schema is printed as it is published."""
    assert inside("schema").output == SCHEMA_FILE.read_text()


# ---- by hand


def test_lamps_on_and_off(inside: Inside) -> None:
    """A lamp is lit, seen lit by the next command, and switched off. Names match in any case."""
    lit = inside("lamps", "on", "argon", "--speed", "max")
    assert lit.exit_code == 0
    assert "Argon is on, as read back" in lit.output
    assert "switch it off at" in lit.output
    seen = json.loads(inside("lamps", "status", "--json").stdout)
    assert seen["lamps"]["Argon"] == "on"
    assert seen["since"]["Argon"]
    assert {"observatory", "time"} <= seen.keys()
    assert "Argon   ON  since " in inside("lamps", "status").output
    assert inside("lamps", "off", "ARGON").stdout == "Argon off\n"
    assert set(json.loads(inside("lamps", "off", "--json").stdout)["lamps"].values()) == {"off"}


def test_lamps_off_unconfirmed_is_ten(inside: Inside, faults: Callable[[str], Path]) -> None:
    """Off that can't be confirmed ends with 10 and says so loudly."""
    inside("lamps", "on", "Neon", "--speed", "max")
    path = faults("- {device: lamps.Neon, verb: 'off', what: error, times: forever}\n")
    told = inside("lamps", "off", "neon", "--speed", "max", "--faults", path)
    assert told.exit_code == 10
    assert "UNSAFE: Neon is NOT confirmed off" in told.output


def test_lamps_status_unknown_is_three(inside: Inside, faults: Callable[[str], Path]) -> None:
    """What can't be read is `unknown`, never `off`, and ends with 3."""
    path = faults("- {device: lamps, verb: status, what: error, times: forever}\n")
    told = inside("lamps", "status", "--json", "--faults", path)
    assert told.exit_code == 3
    assert set(json.loads(told.stdout)["lamps"].values()) == {"unknown"}


def test_a_lamp_that_does_not_light_is_switched_off(inside: Inside, faults: Callable[[str], Path]) -> None:
    """An on-command without an answer is followed by an off-command."""
    path = faults("- {device: lamps.Neon, verb: 'on', what: timeout, seconds: 60}\n")
    assert inside("lamps", "on", "Neon", "--speed", "max", "--faults", path).exit_code != 0
    assert json.loads(inside("lamps", "status", "--json").stdout)["lamps"]["Neon"] == "off"


def test_point_and_fibsel(inside: Inside) -> None:
    """Telescopes and mask go where they are sent and are read back there."""
    at = json.loads(inside("point", "CALIBRATION", "--speed", "max", "--json").stdout)
    assert at["position"] == "calibration"
    assert at["telescopes"]["spec"]["alt_deg"] == pytest.approx(56.414, abs=0.05)
    mask = json.loads(inside("fibsel", "p1-3", "--speed", "max", "--json").stdout)
    assert (mask["fibre"], mask["steps"]) == ("P1-3", 16610)
    assert "P1-3" in inside("fibsel", "P1-3", "--speed", "max").output


def test_expose(inside: Inside, tmp_path: Path) -> None:
    """One frame with the instrument as it stands: nine files whose header says so."""
    inside("fibsel", "P1-3", "--speed", "max")
    inside("lamps", "on", "Neon", "--speed", "max")
    told = inside("expose", 5, "--flavour", "arc", "--speed", "max", "--frames", tmp_path / "f", "--json")
    found = json.loads(told.stdout)
    assert found["lamps"] == ["Neon"]
    assert len(found["files"]) == 9
    for file in found["files"]:
        header = fits.getheader(file["path"])
        assert (header["IMAGETYP"], header["EXPTIME"], header["NEON"], header["CALIBFIB"]) == ("arc", 5.0, "ON", "P1-3")
        assert header["RUNID"] == found["run"]
    assert (Path(found["folder"]) / "manifest.json").is_file()


@pytest.mark.parametrize(
    "words",
    [
        ("0", "--flavour", "arc"),
        ("-5", "--flavour", "arc"),
        ("nan", "--flavour", "arc"),
        ("5", "--flavour", "bias"),
        ("5", "--flavour", "selfie"),
    ],
)
def test_expose_refuses(inside: Inside, words: tuple[str, ...]) -> None:
    """What makes no sense is not exposed."""
    options = words[1:]
    refused = inside("expose", *options, "--speed", "max", "--", words[0])
    assert isinstance(refused.exception, RunRefused)


def test_expose_takes_no_dark_beside_a_lamp(inside: Inside) -> None:
    """A lit lamp beside a dark is an error that says what to do, and nothing is switched behind one's back."""
    inside("lamps", "on", "Neon", "--speed", "max")
    refused = inside("expose", 5, "--flavour", "dark", "--speed", "max")
    assert "lamps off" in str(refused.exception)
    assert json.loads(inside("lamps", "status", "--json").stdout)["lamps"]["Neon"] == "on"


# ---- real devices


def test_real_devices_are_not_hurried(inside: Inside, tmp_path: Path) -> None:
    """A speed is refused where a device is real, before its driver is even looked for."""
    text = shipped_observatories()["simulated"].read_text()
    site = tmp_path / "site.yaml"
    site.write_text(text.replace("spectrographs:\n  driver: simulated", "spectrographs:\n  driver: real"))
    for words in (("run", "bias"), ("expose", "0", "--flavour", "bias")):
        hurried = inside(*words, "--observatory", site, "--speed", "10")
        assert isinstance(hurried.exception, RunRefused)
        assert "spectrographs" in str(hurried.exception)
    assert isinstance(inside("run", "bias", "--observatory", site).exception, ObservatoryError)


# ---- files that are written


@pytest.mark.parametrize(
    "words",
    [("graph", "demo", "-o"), ("plan", "demo", "--timeline"), ("report", "-o")],
    ids=["graph", "timeline", "report"],
)
def test_where_nothing_can_be_written(inside: Inside, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A folder that is missing, and a kind of file that nobody knows, are reported by name. Nothing is written."""
    assert inside("run", "bias", "--speed", "max").exit_code == 0
    suffix = ".html" if words[0] == "report" else ".svg"
    for name in (f"missing/x{suffix}", "x.pdf"):
        refused = inside(*words, tmp_path / name)
        assert isinstance(refused.exception, DrawingError)
        assert name in str(refused.exception)
        assert complain(refused.exception) == 2
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["SIMPLE", "EXPTIME", "CAMERA", "SPECALT"])
def test_a_lamp_takes_nobodys_keyword(inside: Inside, tmp_path: Path, name: str) -> None:
    """A lamp whose card would be another one's is refused. One with a keyword of its own is not."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["lamps"]["units"][name] = document["lamps"]["units"].pop("Neon")
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    refused = inside("check", "bias", "--observatory", path)
    assert isinstance(refused.exception, ObservatoryError)
    said = str(refused.exception)
    assert "own.yaml:" in said
    assert f"lamps.units.{name}" in said
    assert f"the FITS keyword {name} has another meaning" in said
    document["lamps"]["units"][name]["keyword"] = "LAMP7"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert inside("check", "bias", "--observatory", path).exit_code == 0
