"""A configuration of gort becomes an observatory of ours; what is left out is said."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from safelight.cli import app
from safelight.devices import AltAz, ObservatoryError, load_observatory
from safelight.devices.clu.gort import import_gort

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
    assert (specs.units, specs.options["detectors"]) == (("sp1",), {"sp1": "lvmscp.one"})
    assert (specs.options["data_root"], specs.options["counter"]) == ("/data/spectro", "next")
    checked = CliRunner().invoke(app, ["check", str(sequences / "short.yaml"), "--observatory", str(out)])
    assert checked.exit_code == 0, checked.output
    left_out = [line.split()[2] for line in result.stderr.splitlines() if line.startswith("left out")]
    assert left_out == [
        "telescopes.devices.sci.kmirror",
        "telescopes.timeouts",
        "nps.devices.calib",
        "specs.calibration.defaults.fibsel.initial_position",
        "guiders",
    ]


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
