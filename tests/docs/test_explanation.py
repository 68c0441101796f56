"""Numbers that the explanations tell are those of the code."""

from itertools import pairwise
from typing import Any

import pytest

from safelight.devices import Observatory, load_observatory
from safelight.engine import Plan, make_plan, site_of
from safelight.engine.guard import process, safing
from safelight.engine.records import lock, tenure
from safelight.engine.run import segment
from safelight.sequences import load
from tests.docs.blocks import DOCS


def page(name: str) -> str:
    """Return the words of a page, on one line."""
    return " ".join((DOCS / "explanation" / name).read_text(encoding="utf-8").split())


@pytest.fixture
def observatory() -> Observatory:
    """Return the simulated one."""
    return load_observatory("simulated")


def planned(name: str | dict[str, Any], observatory: Observatory) -> Plan:
    """Return a sequence of the library, or a document."""
    return make_plan(load(name, site_of(observatory)), observatory)


def test_patience_is_as_told(observatory: Observatory) -> None:
    """Rounds, heartbeats and second looks are those that the promises speak of."""
    words = page("promise.md")
    assert "six in the shipped observatories" in words
    assert {load_observatory(name).retries.of("safing").attempts for name in ("simulated", "lvm")} == {6}
    assert f"after {observatory.guard.silence_s:g} s without a heartbeat" in words
    assert f"once more {safing._LATE_S:g} s later, and the guards check for another minute" in words
    assert f"`watch_s` ({observatory.lamps.watch_s:g} s)" in words
    assert "a fifth too little" in words
    assert observatory.fibsel is not None
    assert observatory.fibsel.dwell_tolerance == 0.2
    assert f"cut off from it for {tenure.LEASE_S - tenure.MARGIN_S:g} s" in words
    assert f"after {tenure.TAKE_S:g} s another machine may take the observatory over" in words
    assert segment._LINGER_S == process._LATE_S == lock._SILENT_S == 60.0


def test_a_light_tight_shutter_costs_no_light(observatory: Observatory) -> None:
    """Beside the long dark of `normal` LDLS is on for as long as without it, and as the page says."""
    shutters = observatory.spectrographs.model_copy(update={"light_tight_shutter": True})
    tight = observatory.model_copy(update={"spectrographs": shutters})
    minutes = [planned("normal", site).schedule.lamp_on_s["LDLS"] / 60 for site in (tight, observatory)]
    assert minutes[0] == pytest.approx(minutes[1], abs=0.02)
    assert f"LDLS is on for {minutes[0]:.1f} minutes, as long as without" in page("overlap.md")


def test_a_short_warm_up_is_as_told(observatory: Observatory) -> None:
    """A lamp with a short warm-up beside a readout is on for as long as the page says."""
    blocks = {lamp: {"warmup": 10, "exposure_time": 20} for lamp in ("Neon", "Argon")}
    on_s = planned({"lamps": blocks}, observatory).schedule.lamp_on_s["Argon"]
    at_once_s = on_s - 10 + observatory.spectrographs.readout_s
    assert f"a lamp is on for {on_s:.0f} s instead of {at_once_s:.0f} s" in page("overlap.md")


def test_the_critical_path_is_as_told(observatory: Observatory) -> None:
    """In `normal` six readouts, the slew and the mask's move lie beside something longer, and nothing else does."""
    plan = planned("normal", observatory)
    lanes = [slot for slot in plan.schedule.slots if slot.lane != "run" and slot.state.kind in ("readout", "point")]
    beside = [
        slot.state.id for slot in lanes if slot.lane.startswith(("handover", "overlap")) and "darks" not in slot.lane
    ]
    assert sum(name.startswith("readout") for name in beside) == 6
    assert sum(name.startswith("point") for name in beside) == 1
    assert "Six readouts, the slew and the mask's moves" in page("overlap.md")


def test_the_sweep_that_forgets_its_moves_is_as_told(observatory: Observatory) -> None:
    """An open-loop sweep of `demo` lights nine fibres fully, one for 3 s and two not at all. Ours lights all alike."""
    sweep = planned("demo", observatory).expansion.frames[-1].sweep
    assert sweep is not None
    assert observatory.fibsel is not None
    site, left_s, lit = site_of(observatory), 120.0, []
    moves = [0.0, *(site.move_s(one, other) for one, other in pairwise(sweep.fibres))]
    for move_s in moves:
        lit.append(max(0.0, min(10.0, left_s - move_s)))
        left_s -= move_s + 10.0
    assert [round(seconds) for seconds in lit] == [10] * 9 + [3, 0, 0]
    assert f"the moves take {sum(moves):.0f} s" in page("overlap.md")
    assert f"{sweep.dwell_s[0]:.1f} s for each of the twelve" in page("overlap.md")
