"""Which exposure of a dead runner can still be used, from what the journal says and what the spectrographs do."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from safelight.devices import SpectrographStatus
from safelight.engine.resume import interrupted_exposure
from safelight.engine.resume.interrupted_exposure import last_exposure_no, pending_exposure
from safelight.states import CountsWanted, Exposure, Need

JOURNAL: Any = None
DARK = Exposure("dark-001", "dark", 60.0, Need(), "dark")
ARC = Exposure("Neon-5s-001", "arc", 5.0, Need(("Neon",), (30.0,)), "Neon")
COUNTED = replace(ARC, frame="Neon-9adu-001", counts=CountsWanted(9.0, 5.0, 1.0, 0.25, 3))
SWEEP = Exposure("Quartz-60s-001", "flat", 60.0, Need(("Quartz",), (30.0,)), "Quartz", sweep=("P1-1",), dwell_s=(60.0,))


def seen(*activities: str, number: int = 8) -> dict[str, SpectrographStatus]:
    """Return what the spectrographs do."""
    return {
        f"sp{place}": SpectrographStatus(activity, "closed", number)  # type: ignore[arg-type]
        for place, activity in enumerate(activities, start=1)
    }


def left_behind(monkeypatch: pytest.MonkeyPatch, frame: str, outcome: str | None) -> None:
    """The journal ends with an exposure, before which the last number was 7."""
    state = {"exposure_no": 7, "lamps": [["Neon", "on"]], "warm_s": [["Neon", 31.0]], "pointing": [], "fibre_steps": 3}
    row: Mapping[str, Any] = {
        "frame": frame,
        "outcome": outcome,
        "intended": "2026-01-02T03:04:05+00:00",
        "note": json.dumps({"seen": state, "attempt": 2}),
    }
    monkeypatch.setattr(interrupted_exposure, "_last_exposure", lambda *_: row)
    monkeypatch.setattr(interrupted_exposure, "_nobody_lit", lambda *_: True)


@pytest.mark.parametrize(
    ("exposure", "outcome", "activities", "used"),
    [
        (DARK, None, ("integrating", "integrating"), True),
        (DARK, None, ("integrating", "holding"), True),
        (DARK, None, ("idle", "idle"), False),
        (ARC, None, ("integrating", "integrating"), False),
        (ARC, None, ("holding", "holding"), False),
        (ARC, "done", ("holding", "holding"), True),
        (ARC, "done", ("integrating", "holding"), False),
        (ARC, "done", ("reading", "reading"), True),
        (ARC, "done", ("reading", "idle"), True),
        (ARC, "done", ("reading", "holding"), False),
        (ARC, "done", ("idle", "idle"), False),
        (ARC, None, ("reading", "reading"), False),
        (ARC, "failed", ("reading", "reading"), False),
        (ARC, "done", ("reading", "error"), False),
        (SWEEP, "done", ("holding", "holding"), False),
        (SWEEP, "done", ("reading", "reading"), True),
        (COUNTED, "done", ("holding", "holding"), False),
        (COUNTED, "done", ("reading", "reading"), True),
    ],
)
def test_what_can_be_used(
    monkeypatch: pytest.MonkeyPatch, exposure: Exposure, outcome: str | None, activities: tuple[str, ...], *, used: bool
) -> None:
    """Used is a dark in progress, a charge whose lamps were read back, a readout that goes on. Nothing else."""
    left_behind(monkeypatch, exposure.frame, outcome)
    found = pending_exposure(JOURNAL, "run", [exposure], seen(*activities))
    assert (found is not None) is used
    if found is not None:
        assert (found.exposure, found.exposure_no, found.attempt) == (exposure, 8, 2)


@pytest.mark.parametrize(("exposure", "outcome", "used"), [(DARK, None, False), (ARC, "done", True)])
@pytest.mark.parametrize("by_hand", [False, True])
def test_what_a_lamp_may_have_shone_on(
    monkeypatch: pytest.MonkeyPatch, exposure: Exposure, outcome: str | None, *, used: bool, by_hand: bool
) -> None:
    """A dark that nobody watched is left alone where a lamp is on now, or was lit by hand. What had ended is used."""
    left_behind(monkeypatch, exposure.frame, outcome)
    monkeypatch.setattr(interrupted_exposure, "_nobody_lit", lambda *_: not by_hand)
    found = pending_exposure(JOURNAL, "run", [exposure], seen("holding"), dark=by_hand)
    assert (found is not None) is used


def test_another_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else has exposed since is left alone."""
    left_behind(monkeypatch, ARC.frame, "done")
    assert pending_exposure(JOURNAL, "run", [ARC], seen("reading", number=9)) is None
    assert last_exposure_no(JOURNAL, "run") == 8


def test_what_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exposure of a frame that is not asked for any more is left alone."""
    left_behind(monkeypatch, ARC.frame, "done")
    assert pending_exposure(JOURNAL, "run", [DARK], seen("holding")) is None


def test_no_exposure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that never exposed has left nothing in the spectrographs."""
    monkeypatch.setattr(interrupted_exposure, "_last_exposure", lambda *_: None)
    assert pending_exposure(JOURNAL, "run", [ARC], seen("holding")) is None
    assert last_exposure_no(JOURNAL, "run") is None
