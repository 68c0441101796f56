"""A lamp that would be on for too long: the place in the document, the time, and advice that helps."""

from pathlib import Path

import pytest

from safelight.devices import Observatory, load_observatory
from safelight.engine.errors import LampOnTooLong
from safelight.engine.planning.plan import Plan, make_plan, site_of
from safelight.sequences import load_text

APF = """\
name: apf
lamps:
  units:
    ThAr: {warmup_s: 60.0, flavour: arc, longest_on_s: 3600.0}
    Quartz: {warmup_s: 60.0, flavour: flat, longest_on_s: 3600.0}
  on_s: 0.2
  off_s: 0.1
  all_off_s: 0.1
  status_s: 0.1
spectrographs:
  units: [apf]
  cameras: [ccd]
  readout_s: 40.0
  lead_s: 1.0
  tail_s: 1.1
  abort_s: 0.9
  reset_s: 0.02
  status_s: 0.02
"""
STANDARD = """\
darks: {count: 2, exposure_time: 100}
lamps:
  - {lamps: [ThAr], exposure_time: 60}
  - {lamps: [Quartz], exposure_time: 50, count: 50}
  - {lamps: [Quartz], exposure_time: 40, count: 11}
"""
NAMED = "lamps:\n  ThAr: {exposure_time: 60}\n  Quartz:\n    exposure_time: 50\n    count: COUNT\n"


@pytest.fixture
def apf(tmp_path: Path) -> Observatory:
    """Return an observatory whose lamps may be on for an hour, as at Lick's APF."""
    path = tmp_path / "apf.yaml"
    path.write_text(APF)
    return load_observatory(path)


def planned(text: str, observatory: Observatory) -> Plan:
    """Return the plan of a document."""
    return make_plan(load_text(text, site_of(observatory), origin="list.yaml"), observatory)


def test_place_time_and_advice(apf: Observatory) -> None:
    """The block in which the stretch begins is named, with the whole time that the lamp would be on."""
    with pytest.raises(LampOnTooLong) as caught:
        planned(STANDARD, apf)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == ("list.yaml", 4, "lamps.1")
    (broken,) = caught.value.broken
    assert (broken.lamp, len(broken.frames), broken.longest_s) == ("Quartz", 61, 3600.0)
    # 60 s of warm-up, and 61 frames one after the other, each with its overheads; the last is not read out.
    assert broken.on_s == pytest.approx(60 + 50 * 92.2 + 11 * 82.2 - 40 + 61 * 0.1, abs=15)
    assert f"Quartz would be on for {broken.on_s:.0f} s without a break (61 frames)" in str(problem)


def test_the_advice_helps(apf: Observatory) -> None:
    """As many frames as the message says fit. With one more the lamp would be on for too long."""
    with pytest.raises(LampOnTooLong) as caught:
        planned(NAMED.replace("COUNT", "61"), apf)
    (broken,) = caught.value.broken
    assert caught.value.problems[0].line == 3
    assert caught.value.problems[0].path == "lamps.Quartz"
    assert f"{broken.fitting} of these frames fit" in str(caught.value)
    assert planned(NAMED.replace("COUNT", str(broken.fitting)), apf).schedule.lamp_on_s["Quartz"] <= 3600.0
    with pytest.raises(LampOnTooLong):
        planned(NAMED.replace("COUNT", str(broken.fitting + 1)), apf)
    divided = (
        "lamps:\n"
        f"- {{lamps: [Quartz], exposure_time: 50, count: {broken.fitting}}}\n"
        "- {lamps: [ThAr], exposure_time: 1}\n"
        f"- {{lamps: [Quartz], exposure_time: 50, count: {61 - broken.fitting}}}\n"
    )
    assert len(planned(divided, apf).graph.exposures) == 62


def test_every_stretch_is_told(apf: Observatory) -> None:
    """Two stretches that are too long are two problems. A frame that can't fit at all is not advised to be split."""
    with pytest.raises(LampOnTooLong) as caught:
        planned("lamps:\n  ThAr: {exposure_time: 50, count: 60}\n  Quartz: {exposure_time: 4000}\n", apf)
    first, second = caught.value.problems
    assert (first.line, second.line) == (2, 3)
    assert "not even one of these frames fits" in str(second)
