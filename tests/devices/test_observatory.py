"""The observatory document: what is accepted, what is refused and how, and what it costs to import."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from safelight import devices
from safelight.devices import Observatory, ObservatoryError, Timekeeper, load_observatory, open_devices
from safelight.devices.observatory.observatory import Deadlines, shipped_observatories
from safelight.devices.schema import observatory_schema
from safelight.devices.simulated import load_faults

Edit = Callable[[str, str], Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """Return the shipped document with one text replaced by another, in a file of its own."""

    def edit(old: str, new: str) -> Path:
        text = shipped_observatories()["simulated"].read_text()
        assert old in text
        path = tmp_path / "own.yaml"
        path.write_text(text.replace(old, new, 1))
        return path

    return edit


def test_shipped(observatory: Observatory) -> None:
    """The simulated observatory has LVM's devices and positions."""
    assert observatory.telescopes is not None
    assert observatory.fibsel is not None
    assert set(observatory.telescopes.units) == {"sci", "spec", "skye", "skyw"}
    assert list(observatory.lamps.units) == ["Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon"]
    assert observatory.lamps.keyword("HgNe") == "HGNE"
    assert len(observatory.fibsel.fibres) == 24
    assert observatory.targets("calibration")["skyw"].az_deg == 101.327
    assert observatory.spectrographs.lead_s + observatory.spectrographs.tail_s == pytest.approx(2.1)


def test_frozen(observatory: Observatory) -> None:
    """Nobody changes an observatory after it was loaded."""
    with pytest.raises(ValidationError):
        observatory.name = "other"


def test_hash_is_of_the_content(edited: Edit, observatory: Observatory) -> None:
    """Comments and places don't change the hash, content does."""
    assert load_observatory(edited("# [wire]", "# seen")).hash == observatory.hash
    assert load_observatory(edited("readout_s: 55.0", "readout_s: 54.0")).hash != observatory.hash


def test_policies_are_relative_to_the_document(edited: Edit, tmp_path: Path) -> None:
    """A policy's path is relative to the observatory document."""
    own = load_observatory(edited("policies: []", "policies: [site/short.json]"))
    assert own.policy_paths == (tmp_path / "site/short.json",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "readout_s:",
            "readuot_s:",
            r":64: spectrographs\.readuot_s: unknown key .* did you mean 'readout_s'",
        ),
        ("on_s: 0.2", "on_s: -1", r"own\.yaml:53: lamps\.on_s: expected a number of seconds from 0 to 86400, got -1"),
        ("on_s: 0.2", "on_s: true", "lamps.on_s: expected a number of seconds .*, got true"),
        ("on_s: 0.2", "on_s: .nan", "lamps.on_s: expected a number of seconds .*, got nan"),
        ("on_s: 0.2", "on_s: 1e2", r"lamps.on_s: .*, got '1e2' \(write 100\)"),
        ("on_s: 0.2", "on_s: 20s", r"lamps.on_s: .*, got '20s' \(write 20\)"),
        ("on_s: 0.2", "on_s:", "lamps.on_s: .*, got nothing"),
        ("warmup_s: 300.0", "warmup_s: .inf", "lamps.units.LDLS.warmup_s: expected a number of seconds .*, got inf"),
        (
            "{warmup_s: 120.0,",
            "{warmup: 120,",
            "Argon.warmup: unknown key 'warmup': one of warmup_s, flavour, long",
        ),
        ("{warmup_s: 120.0,", "{", "lamps.units.Argon.warmup_s: missing: a number of seconds from 0 to 86400"),
        ("flavour: arc", "flavour: ark", "flavour: expected one of arc, flat, object, got 'ark'; did you mean 'arc'"),
        (
            "default_position: calibration",
            "default_position: kalibration",
            ":36: default_position: .* 'calibration'",
        ),
        ("default_fibres: P1-", "default_fibres: Q", ":110: fibsel.default_fibres: 'Q' matches no fibre"),
        ("default_fibres: P1-", "default_fibres: '('", "fibsel.default_fibres: .* is not a valid regular expression"),
        ("default_fibres: P1-", "default_fibres: (P+)+", "fibsel.default_fibres: .* may take for ever"),
        ("    Argon:", "    neon:", ":46: lamps.units.Neon: .*differ only in case"),
        ("    Argon:", "    Ar/:", r"lamps.units.Ar/: expected a name of 1 to 60 printable .*slash.*, got 'Ar/'"),
        ("    Argon:", '    "A\\tr":', r"lamps.units.*: expected a name of 1 to 60 printable characters"),
        ("    Argon:", "    ((:", r"lamps.units.\(\(: the name '\(\(' has no letter or digit .*: a `label` for it"),
        (
            "    Argon:",
            "    (Neon):",
            r":46: lamps.units.Neon: the lamps \(Neon\) and Neon have the same label, Neon: a `",
        ),
        (
            "lamps:",
            "selectors: {units: {gcal mirror: {positions: [in]}}}\nlamps:",
            r"'gcal mirror' \(write gcal_mirror\)",
        ),
        (
            "{warmup_s: 300.0, ",
            "{warmup_s: 300.0, rest: {after: 200.0, for: 60.0}, ",
            "LDLS.rest.after: .* warm-up of 300 s uses up its 200 s: more than 300",
        ),
        (
            "  on_s: 0.2",
            "  exclusive: [[Neon]]\n  on_s: 0.2",
            r"exclusive.0: .* at least two lamps, .*, got \['Neon'\]",
        ),
        ("  on_s: 0.2", "  watch_s: 0.001\n  on_s: 0.2", "lamps.watch_s: .* every 0.001 s .*: 0, or 0.1 or more"),
        ("lamps:", "name: twice\nlamps:", r"own.yaml:39: name: key given twice \(first in line 7\)"),
        ("P1-1: 1650", "P1-1: 1650.5", "fibsel.fibres.P1-1: expected a whole number .*, got 1650.5"),
        ("sci: {alt_deg: 70.804", "sky: {alt_deg: 70.804", "positions.calibration.sky: unknown telescope 'sky'"),
        ("skyw: {alt_deg: 42.311, az_deg: 101.327}", "", "positions.calibration: the telescope 'skyw' is missing"),
        ("    lamp-off:", "    lamps-off:", "lamps-off: expected one of ready, .*; did you mean 'lamp-off'"),
        ("lamp-off: {factor: 1.0,", "lamp-off: {fctor: 1.0,", "lamp-off.fctor: unknown key .*; did you mean 'factor'"),
        ("lamps:", "lamps: [", "not valid YAML"),
        ("  units: [sp1, sp2, sp3]", "\tunits: [sp1]", ":62: a tab at the beginning of the line"),
        ("cameras: [b, r, z]", "cameras: []", r"spectrographs.cameras: expected a list \(at least one, each a name"),
        (
            "cameras: [b, r, z]",
            "cameras: b",
            r"spectrographs.cameras: expected a list \(at least one, each .*got 'b'",
        ),
        (
            "heartbeat_s: 0.5, silence_s: 2.0",
            "heartbeat_s: 5, silence_s: 0.001",
            "guard.silence_s: expected a number",
        ),
        ("heartbeat_s: 0.5, silence_s: 2.0", "heartbeat_s: 5, silence_s: 6", ":138: guard.silence_s: .*10 or more"),
        ("silence_s: 2.0", "silence_s: 1e9", "guard.silence_s: expected a number of seconds from 0.01 to 60"),
        ("silence_s: 2.0", "silence_s: 1000000000.0", "guard.silence_s: expected a number of seconds from 0.01 to 60"),
        ("longest_on_s: 14400.0", "longest_on_s: 100.0", "LDLS.longest_on_s: the lamp's warm-up of 300 s uses up"),
        (
            "longest_on_s: 14400.0",
            "longest_on_s: 1.0e+9",
            "longest_on_s: expected a number of seconds above 0, at most",
        ),
        ("first_wait_s: 1.0", "first_wait_s: 31.0", "retries.default.longest_wait_s: .*: 31 or more"),
        ("slew_deg_per_s: 4.0", "slew_deg_per_s: 0", "slew_deg_per_s: expected a number of degrees per second from"),
    ],
)
def test_bad_documents(old: str, new: str, words: str, edited: Edit) -> None:
    """A wrong document is refused with file, line, path, value and what is allowed."""
    with pytest.raises(ObservatoryError, match=words):
        load_observatory(edited(old, new))


def test_all_faults_at_once(edited: Edit) -> None:
    """All that is wrong is reported, not only the first."""
    path = edited("on_s: 0.2", "on_s: -1")
    path.write_text(path.read_text().replace("abort_s: 0.9", "abort_s: -1"))
    with pytest.raises(ObservatoryError) as caught:
        load_observatory(path)
    assert len(str(caught.value).splitlines()) == 2


def test_unknown_name() -> None:
    """An unknown name is refused with the nearest."""
    with pytest.raises(ObservatoryError, match="did you mean 'simulated'"):
        load_observatory("simulate")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"text"])
def test_not_an_observatory(content: bytes, tmp_path: Path) -> None:
    """Something else than a mapping is refused."""
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(ObservatoryError):
        load_observatory(path)


def test_missing_file(tmp_path: Path) -> None:
    """A file that isn't there is refused."""
    with pytest.raises(ObservatoryError, match=r"none\.yaml: no such file"):
        load_observatory(tmp_path / "none.yaml")


def test_smallest(tmp_path: Path, clock: Timekeeper, observatory: Observatory) -> None:
    """An observatory needs only lamps and spectrographs."""
    plain = yaml.safe_load(shipped_observatories()["simulated"].read_text())
    small = {key: plain[key] for key in ("name", "lamps", "spectrographs")}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small))
    opened = open_devices(load_observatory(path), clock=clock, home=tmp_path)
    assert opened.telescopes is None
    assert opened.fibsel is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("driver: simulated", "driver: simulatd", r"own\.yaml:11: telescopes\.driver: .* did you mean 'simulated'"),
        ("options: {}", "options: {}\nfoo: 1", "unknown key 'foo'"),
        (
            "image: [128, 208]",
            "image: [64, 208]",
            r":73: spectrographs\.options\.image: 30 traces need 124 rows",
        ),
        (
            "image: [128, 208]",
            "image: [128, 0]",
            "options.image.1: expected a whole number above 0, .*, got 0",
        ),
        (
            "image: [128, 208]",
            "image: big",
            "image: expected a list of 2 values, each a whole number .*, got 'big'",
        ),
        ("image: [128, 208]", "fame: 1", r"own\.yaml:72: spectrographs\.options\.image: missing: a list of 2"),
        ("bias_adu: 1000.0", "bias: 1000.0", r"own\.yaml:75: .*options\.bias: unknown key .* did you mean 'bias_adu'"),
        ("mask_telescope: spec", "mask_telescope: spex", r"own\.yaml:80: .*unknown telescope 'spex'.*'spec'"),
        ("{home_steps: 0}", "{home_step: 0}", r"own\.yaml:117: fibsel\.options\.home_step: .* 'home_steps'"),
        ("{home_steps: 0}", "{home_steps: far}", "fibsel.options.home_steps: expected a whole number .*, got 'far'"),
        (
            "second_path: null",
            "second_path: {driver: dli}",
            "lamps.second_path.options.host: missing: a text",
        ),
        (
            "second_path: null",
            "second_path:\n    driver: dli\n    options:\n      host: plug\n      outlets: {Agron: 1}",
            r"own\.yaml:62: lamps\.second_path\.options\.outlets\.Agron: unknown lamp 'Agron': .* did you mean 'Argon'",
        ),
        ("second_path: null", "second_path: {driver: dli, options: {host: a, port: 99999}}", "options.port: .* 65535"),
        ("second_path: null", "second_path: {driver: clu}", "the driver 'clu' has no second_lamps"),
    ],
)
def test_unusable_drivers(old: str, new: str, words: str, edited: Edit, clock: Timekeeper, tmp_path: Path) -> None:
    """An unknown driver, or options that a driver can't use, are refused with file, line, path and the right key."""
    with pytest.raises(ObservatoryError, match=words):
        open_devices(load_observatory(edited(old, new)), clock=clock, home=tmp_path)


def test_a_sentence_that_begins_with_a_path(edited: Edit) -> None:
    """An error of another package's driver, a sentence that begins with a path, gets file and line."""
    path = edited("name", "name")
    found = load_observatory(path).located(ObservatoryError("lamps.options.relays lacks Neon"))
    assert str(found.problems[0]) == f"{path}:57: lamps.options.relays: lacks Neon"
    aside = ObservatoryError("faults: lamps has no part 'x'")
    assert load_observatory(path).located(aside) is aside


def test_all_drivers_at_once(edited: Edit, clock: Timekeeper, tmp_path: Path) -> None:
    """What several drivers refuse is reported at once."""
    path = edited("bias_adu: 1000.0", "bias: 1000.0")
    path.write_text(path.read_text().replace("home_steps", "home_step"))
    with pytest.raises(ObservatoryError) as caught:
        open_devices(load_observatory(path), clock=clock, home=tmp_path)
    assert {problem.path for problem in caught.value.problems} == {
        "spectrographs.options.bias",
        "spectrographs.options.bias_adu",
        "fibsel.options.home_step",
    }
    assert {problem.file for problem in caught.value.problems} == {str(path)}


def test_no_wording_of_a_library(edited: Edit) -> None:
    """A document in which every value is wrong is answered in our words alone, each with a line."""
    plain = yaml.safe_load(edited("name", "name").read_text())

    def spoilt(node: object) -> object:
        if isinstance(node, dict):
            return {key: spoilt(value) for key, value in node.items()}
        return object if node is None else {"odd": ["value"]}

    path = edited("name", "name")
    path.write_text(yaml.safe_dump(json.loads(json.dumps(spoilt(plain), default=lambda _: "odd"))))
    with pytest.raises(ObservatoryError) as caught:
        load_observatory(path)
    assert len(caught.value.problems) > 50
    for problem in caught.value.problems:
        assert problem.line is not None
        ours = ("expected ", "unknown ", "missing", "and ")
        assert problem.message.startswith(ours), problem
        assert "another value" not in problem.message, problem


def test_merge_keys(edited: Edit) -> None:
    """A YAML merge key takes in another mapping. A key of the mapping's own wins."""
    path = edited("    Argon: {", "    Argon: &pen {")
    path.write_text(
        path.read_text().replace("Neon: {warmup_s: 120.0, flavour: arc,", "Neon: {<<: *pen, warmup_s: 90.0,")
    )
    units = load_observatory(path).lamps.units
    assert (units["Neon"].warmup_s, units["Neon"].flavour) == (90.0, "arc")


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "huge", "missing"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path) -> None:
    """A FIFO, a folder, a device, a huge file and a missing one are refused at once, whatever reads the document."""
    path = {"folder": tmp_path, "device": Path("/dev/zero")}.get(kind, tmp_path / "own.yaml")
    if kind == "fifo":
        os.mkfifo(path)
    if kind == "huge":
        with path.open("wb") as file:
            file.truncate(100_000_000)
    words = {"huge": "too large", "missing": "no such file"}.get(kind, "not a regular file")
    for reading in (load_observatory, load_faults):
        with pytest.raises(ObservatoryError, match=words):
            reading(path)


def test_schema() -> None:
    """The published schema accepts the shipped documents, and refuses a wrong key, number or option."""
    schema = observatory_schema()
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator(schema)
    for path in shipped_observatories().values():
        checker.validate(yaml.safe_load(path.read_text()))
    plain = yaml.safe_load(shipped_observatories()["lvm"].read_text())
    for section, key, value in (
        ("lamps", "on_ss", 1.0),
        ("lamps", "on_s", -1.0),
        ("lamps", "options", {"dead_men": True}),
        ("fibsel", "options", {"cache_s": "long"}),
    ):
        assert not checker.is_valid({**plain, section: {**plain[section], key: value}})


def test_deadlines() -> None:
    """A deadline is factor times expected plus margin, or a fixed time, by kind."""
    rules = Deadlines.model_validate(
        {"factor": 1.5, "margin_s": 10.0, "kinds": {"park": 90, "safing": {"factor": 1.0, "margin_s": 3.0}}}
    )
    assert rules.deadline_s("expose", 100.0) == 160.0
    assert rules.deadline_s("park", 100.0) == 90.0
    assert rules.deadline_s("safing", 1.0) == 4.0


def test_import_is_light() -> None:
    """Importing the room and opening an observatory's devices loads neither numpy nor astropy."""
    script = (
        "import sys; import safelight.devices;"
        "assert not {'yaml', 'numpy', 'astropy'} & set(sys.modules);"
        "from safelight.devices import *; from safelight.engine.clock import Clock; from pathlib import Path;"
        "open_devices(load_observatory('simulated'), clock=Clock(), home=Path('nowhere'));"
        "assert not {'numpy', 'astropy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_public_names() -> None:
    """`__all__` is sorted, and every name in it is there."""
    assert sorted(devices.__all__) == devices.__all__
    assert all(hasattr(devices, name) for name in devices.__all__)


def test_default_fibre(edited: Edit, observatory: Observatory) -> None:
    """A default fibre is one of the mask's. Documents without one keep the hash that they had before there was one."""
    given = load_observatory(edited("  steps_per_s:", "  default_fibre: P1-3\n  steps_per_s:"))
    assert given.fibsel is not None
    assert given.fibsel.default_fibre == "P1-3"
    assert given.hash != observatory.hash
    assert Observatory.model_validate_json(given.model_dump_json()).hash == given.hash
    assert "default_fibre" not in observatory.model_dump(mode="json")["fibsel"]
    with pytest.raises(ObservatoryError, match="P1-33"):
        load_observatory(edited("  steps_per_s:", "  default_fibre: P1-33\n  steps_per_s:"))


@pytest.mark.parametrize(
    ("part", "rules", "line"),
    [
        ("deadlines", {"kinds": {"safing": 0.05}}, "deadlines.kinds.safing: a lamp has 0.05 s to be switched off"),
        (
            "deadlines",
            {"kinds": {"safing": {"factor": 0.0, "margin_s": 1e-9}}},
            "deadlines.kinds.safing: a lamp has 1e-09",
        ),
        ("deadlines", {"factor": 0.0, "margin_s": 0.1}, "deadlines: a lamp has 0.1 s to be switched off"),
        ("deadlines", {"kinds": {"safing": 301.0}}, "above 0.1 s, and at most 300 s"),
        ("retries", {"kinds": {"safing": {"first_wait_s": 61.0, "longest_wait_s": 61.0}}}, "after up to 61 s"),
        ("retries", {"default": {"longest_wait_s": 3600.0}}, "retries.default: a lamp that is not off"),
    ],
)
def test_lamps_go_off_in_time(observatory: Observatory, tmp_path: Path, part: str, rules: Any, line: str) -> None:
    """A deadline within which no lamp can be switched off, or a day between two tries, is refused, with its place."""
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump(observatory.model_dump(mode="json") | {part: rules}, sort_keys=False))
    with pytest.raises(ObservatoryError) as raised:
        load_observatory(path)
    assert line in str(raised.value)
    assert "short.yaml:" in str(raised.value)
