"""A configuration of gort becomes an observatory of ours. What is left out is said."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from safelight.cli import app
from safelight.devices import AltAz, ObservatoryError, load_observatory
from safelight.devices.clu.gort_import import import_gort
from safelight.engine import site_of
from safelight.sequences import SequenceSpec, expand, load
from safelight.sequences.steps import BiasStep, LampStep

GORT = Path(__file__).parent / "gort.yaml"


def test_import(tmp_path: Path) -> None:
    """The command writes an observatory and sequences that our own loaders read, and names what it left out."""
    out, sequences = tmp_path / "o.yaml", tmp_path / "sequences"
    result = CliRunner().invoke(app, ["import-gort", str(GORT), "-o", str(out), "--sequences", str(sequences)])
    assert result.exit_code == 0, result.output
    found = load_observatory(out)
    assert found.default_position == "screen"
    assert found.targets("park") == {"sci": AltAz(-60.0, 90.0), "spec": AltAz(-60.0, 90.0)}
    assert found.targets("screen")["sci"] == AltAz(70.804, 130.183)
    assert found.fibsel is not None
    assert (found.fibsel.fibres["P2-1"], found.fibsel.default_fibres) == (15885, "P2-")
    assert found.fibsel.options["actor"] == "lvm.spec.mask"
    assert found.lamps.options["actor"] == "lvmnps.lamps"
    assert {unit.warmup_s for unit in found.lamps.units.values()} == {100.0}
    assert found.lamps.units["Argon"].flavour == "flat"
    specs = found.spectrographs
    assert (specs.names, specs.options["detectors"]) == (("sp1",), {"sp1": "lvmscp.one"})
    assert (specs.options["data_root"], specs.options["counter"]) == ("/data/spectro", "next")
    checked = CliRunner().invoke(app, ["check", str(sequences / "short.yaml"), "--observatory", str(out)])
    assert checked.exit_code == 0, checked.output
    left_out = [line.split()[2] for line in result.stderr.splitlines() if line.startswith("left out")]
    assert left_out == [
        "telescopes.devices.sci.kmirror",
        "specs.calibration.defaults.fibsel.initial_position",
        "telescopes.timeouts",
        "nps.devices.calib",
        "guiders",
    ]


def imported(folder: Path, change: dict[str, Any]) -> tuple[Path, Path, str]:
    """Import the small configuration with some sections replaced. The observatory, its sequences, and what was said."""
    plain = yaml.safe_load(GORT.read_text(encoding="utf-8")) | change
    (folder / "gort.yml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    out, sequences = folder / "o.yaml", folder / "sequences"
    words = ["import-gort", str(folder / "gort.yml"), "-o", str(out), "--sequences", str(sequences)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return out, sequences, result.stderr


def calibrating(**sequences: Any) -> dict[str, Any]:
    """Write the section of the spectrographs with these sequences."""
    mask = {"positions": "P1-", "initial_position": "P1-2"}
    calibration = {"position": "screen", "defaults": {"fibsel": mask}, "sequences": sequences}
    return {"specs": {"devices": {"sp1": {"actor": "lvmscp.sp1"}}, "calibration": calibration}}


def loaded(out: Path, sequence: Path) -> SequenceSpec:
    """Load a sequence that was imported, at the observatory that was imported with it."""
    return load(sequence, site_of(load_observatory(out))).spec


def test_times_of_the_first_versions(tmp_path: Path) -> None:
    """`exposure_times`, as the first versions of gort have it, becomes `exposure_time`, for lamps and for darks."""
    old = {"lamps": {"Quartz": {"warmup": 20, "exposure_times": [120, 60], "flavour": "flat"}}, "biases": {"count": 1}}
    out, sequences, _ = imported(tmp_path, calibrating(old=old | {"darks": {"count": 1, "exposure_times": [900]}}))
    spec = loaded(out, sequences / "old.yaml")
    assert spec.lamps[0].exposure_time == (120.0, 60.0)
    assert spec.darks is not None
    assert spec.darks.exposure_time == (900.0,)


def test_sweeps_begin_where_gort_begins(tmp_path: Path) -> None:
    """A sweep that leaves its first fibre open gets the one of gort's defaults. One that names its own keeps it."""
    times = {"exposure_time": 60}
    lamps = {"Quartz": times | {"fibsel": True}, "Argon": times | {"fibsel": {"initial_position": "P1-1"}}}
    out, sequences, said = imported(tmp_path, calibrating(sweep={"lamps": lamps}))
    swept = {block.lamps[0]: block.fibsel for block in loaded(out, sequences / "sweep.yaml").lamps}
    assert {lamp: fibsel and fibsel.initial_position for lamp, fibsel in swept.items()} == {
        "Quartz": "P1-2",
        "Argon": "P1-1",
    }
    assert "initial_position" not in said


BROKEN: list[tuple[dict[str, Any], list[str], bool]] = [
    ({"lamps": {"Argonn": {"exposure_time": 10}}}, ["lamps.Argonn (unknown lamp 'Argonn'", "sequence mine ("], False),
    ({"lamps": {"Argon": {"exposure_time": 10, "colour": "red"}}}, ["lamps.Argon.colour (unknown key"], True),
    ({"lamps": {"Argonn": {"exposure_time": 1}}, "biases": {"count": 2}}, ["lamps.Argonn (unknown lamp"], True),
    ({"biases": {"count": -1}}, ["sequence mine (biases.count"], False),
    ({"biases": 3}, ["sequence mine (biases"], False),
]


@pytest.mark.parametrize(("sequence", "words", "written"), BROKEN)
def test_what_does_not_load_is_not_written(
    tmp_path: Path, *, sequence: dict[str, Any], words: list[str], written: bool
) -> None:
    """Unknown lamps and keys are reported and not written. A sequence that would be refused is not written at all."""
    out, sequences, said = imported(tmp_path, calibrating(mine=sequence))
    for each in words:
        assert f"left out: {each}" in said or f": {each}" in said
    assert (sequences / "mine.yaml").exists() is written
    if written:
        loaded(out, sequences / "mine.yaml")


@pytest.mark.parametrize("name", ["../outside", "a b", ""])
def test_a_sequence_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    """A sequence whose name is no file's name is left out, and nothing is written elsewhere."""
    _, sequences, said = imported(tmp_path, calibrating(**{name: {"biases": {"count": 1}}}))
    assert "can't be a file's name" in said
    assert list(tmp_path.rglob("*.yaml")) == [tmp_path / "o.yaml"]
    assert not sequences.exists()


def test_recipes_with_parameters(tmp_path: Path) -> None:
    """The long-term recipe becomes a sequence with its own numbers. Others are left out with their reason."""
    recipe = {"n_biases": 3, "quartz_exp_time": 20, "ldls_exp_time": 150, "arc_exp_times": [10, 50], "moons": 1}
    recipes = {"long_term_calibrations": recipe, "twilight_flats": {"min_exp_time": 1}}
    out, sequences, said = imported(tmp_path, {"recipes": recipes})
    spec = loaded(out, sequences / "long_term_calibrations.yaml")
    biases, *lit = spec.steps
    assert isinstance(biases, BiasStep)
    assert biases.biases.count == 3
    assert [(step.times, step.warmup) for step in lit if isinstance(step, LampStep)] == [
        ((20.0,), 120.0),
        ((150.0,), 300.0),
        ((10.0, 50.0), 180.0),
    ]
    site = site_of(load_observatory(out))
    arcs = [frame for frame in expand(spec, site).frames if frame.flavour == "arc"]
    # Both times on one fibre, then the next fibre.
    assert [frame.exposure_s for frame in arcs] == [10.0, 50.0] * (len(arcs) // 2)
    assert len({frame.fibre for frame in arcs[:2]}) == 1
    assert {frame.fibre for frame in arcs} == {fibre for fibre in site.fibres if fibre.startswith("P1-")}
    left_out = {line.split()[2]: line for line in said.splitlines() if line.startswith("left out")}
    assert "sun" in left_out["recipes.twilight_flats"]
    assert "recipes.long_term_calibrations.moons" in left_out
    assert not any("n_biases" in path for path in left_out)


def test_cameras_of_one_spectrograph(tmp_path: Path) -> None:
    """A configuration without sp1 gives the cameras of those that it has."""
    section = calibrating()
    section["specs"]["devices"] = {"sp2": {"actor": "lvmscp.sp2"}}
    out, _, _ = imported(tmp_path, section)
    assert load_observatory(out).spectrographs.every_camera == ("b2", "r2", "z2")


def test_unknown_lamps_of_the_defaults(tmp_path: Path) -> None:
    """A flavour for a lamp that is not there is reported."""
    section = calibrating()
    section["specs"]["calibration"]["defaults"]["flavours"] = {"krypton": "arc", "argon": "flat"}
    out, _, said = imported(tmp_path, section)
    assert "left out: specs.calibration.defaults.flavours.krypton (unknown lamp" in said
    assert load_observatory(out).lamps.units["Argon"].flavour == "flat"


@pytest.mark.parametrize("plain", [None, [], {}, {"telescopes": {}}, {"telescopes": {"devices": 3}, "specs": {}}])
def test_not_gort(plain: object) -> None:
    """What is no configuration of gort is refused."""
    with pytest.raises(ObservatoryError, match="gort"):
        import_gort(plain, load_observatory("lvm").model_dump(mode="json"))


def test_shipped_document() -> None:
    """Gort's numbers and ours agree: importing what stands in `lvm` changes nothing."""
    ours = load_observatory("lvm").model_dump(mode="json", exclude_none=True)
    gort = {
        "telescopes": {
            "named_positions": {
                name: {unit: {"alt": at["alt_deg"], "az": at["az_deg"]} for unit, at in where.items()}
                for name, where in ours["positions"].items()
            },
            "mask_positions": ours["fibsel"]["fibres"],
        },
        "specs": {},
    }
    assert import_gort(gort, ours).observatory == ours
    assert yaml.safe_load(yaml.safe_dump(ours)) == ours


@pytest.mark.parametrize("bypassed", [True, False])
def test_local_mode_is_asked_unless_gort_bypasses_it(*, bypassed: bool) -> None:
    """Where gort is told to ignore the enclosure's local mode, so are we. Otherwise it is asked."""
    ours = load_observatory("lvm").model_dump(mode="json", exclude_none=True)
    gort = {"telescopes": {}, "specs": {}, "enclosure": {"bypass_local_mode": bypassed}}
    options = import_gort(gort, ours).observatory["telescopes"]["options"]
    assert ("enclosure" in options) is not bypassed
