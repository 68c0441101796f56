"""What the states know and tell: look, header, graph, together."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.devices import AltAz, TelescopeStatus
from safelight.devices.concurrently import together
from safelight.states import (
    Event,
    Expose,
    Exposure,
    FibselStep,
    Instrument,
    LampOff,
    LampWarmup,
    Need,
    Readout,
    Ready,
    Shape,
    State,
    StateGraph,
    Taken,
    Transition,
)
from safelight.states.graph import plain
from safelight.states.header import header_of
from safelight.states.point import astray
from safelight.states.read_back import read_instrument, wrong_lamps

Make = Callable[..., Instrument]
Do = Callable[..., Any]

NEED = Need(("Neon",), (30.0,), "calibration", "P1-1")
ALL = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon")


# ---- look

states = st.sampled_from(["on", "off", "unknown"])


@given(lamps=st.fixed_dictionaries(dict.fromkeys(ALL, states)), own=st.sets(st.sampled_from(ALL)))
def test_wrong_lamps(lamps: dict[str, Any], own: set[str]) -> None:
    """Own lamps must be read on, all others off: whatever is unknown is wrong either way."""
    foreign, dark = wrong_lamps(Need(tuple(own), (1.0,) * len(own)), lamps)
    assert set(foreign) == {lamp for lamp in ALL if lamp not in own and lamps[lamp] != "off"}
    assert set(dark) == {lamp for lamp in own if lamps[lamp] != "on"}


def test_tolerated_lamps() -> None:
    """A lamp that may warm up behind a light-tight shutter is not wrong, lit or dark."""
    need = Need(tolerated=("Neon",))
    assert wrong_lamps(need, {"Neon": "on", "Argon": "off"}) == ((), ())
    assert wrong_lamps(need, {"Neon": "unknown", "Argon": "on"}) == (("Argon",), ())


def test_a_lamp_that_is_missing_in_the_answer() -> None:
    """A lamp of which nothing is read is not lit."""
    assert wrong_lamps(Need(("Neon",), (1.0,)), {}) == ((), ("Neon",))


def test_look_sees_every_difference(instrument: Instrument, do: Do) -> None:
    """On an instrument that was never used, everything that a flat needs is reported as missing, in words."""
    do(instrument.devices.lamps.on("Xenon"))
    seen = do(read_instrument(NEED, instrument))
    assert seen.foreign == ("Xenon",)
    assert seen.dark == ("Neon",)
    assert "telescope sci points" in str(seen.astray)
    assert seen.mask == "the mask should be at P1-1 (1650 steps) and reads 0"
    assert seen.busy is None
    assert len(seen.problems) == 4
    assert seen.fibre_steps == 0
    assert dict(seen.lamps)["Xenon"] == "on"


def test_look_at_what_does_not_matter(instrument: Instrument, do: Do) -> None:
    """A bias does not mind where telescopes and mask stand. All the same their places are kept."""
    seen = do(read_instrument(Need(), instrument))
    assert seen.problems == ()
    assert len(seen.pointing) == 4


def test_a_cold_lamp(instrument: Instrument, do: Do) -> None:
    """A lamp that is on and is colder than asked counts as dark. One that is warm enough does not."""
    do(LampWarmup(("Neon",), (20.0,)).act(instrument))
    assert do(read_instrument(Need(("Neon",), (30.0,)), instrument)).dark == ("Neon",)
    assert do(read_instrument(Need(("Neon",), (20.0,)), instrument)).dark == ()


def test_a_busy_spectrograph(instrument: Instrument, do: Do) -> None:
    """A spectrograph that holds a charge is not ready for the next one."""
    order = Exposure("bias-001", "bias", 0.0, Need(), "bias").order
    do(instrument.devices.spectrographs.expose(order))
    assert do(read_instrument(Need(), instrument)).busy == "spectrograph sp1 is holding with its shutter closed"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({}, "does not report"),
        ({"sci": TelescopeStatus(None, slewing=False)}, "does not report"),
        ({"sci": TelescopeStatus(AltAz(10, 20), slewing=True)}, "still slews"),
        ({"sci": TelescopeStatus(AltAz(10, 20.2), slewing=False)}, r"points 0.20 degrees away"),
        ({"sci": TelescopeStatus(AltAz(10, 20.04), slewing=False)}, None),
        ({"sci": TelescopeStatus(AltAz(10, 20), slewing=False)}, None),
    ],
)
def test_astray(status: dict[str, TelescopeStatus], words: str | None) -> None:
    """A telescope is astray if it is silent, moves, or stands outside of the tolerance."""
    told = astray({"sci": AltAz(10, 20)}, status, 0.05)
    assert (told is None) == (words is None)
    assert words is None or words in str(told)


# ---- header


def exposed(instrument: Instrument, exposure: Exposure, **changes: Any) -> None:
    """Note an integration."""
    taken = Taken(
        exposure_no=7,
        attempt=2,
        started=datetime(2026, 1, 2, tzinfo=UTC),
        lamps=(("Argon", "off"), ("Neon", "on"), ("Xenon", "unknown")),
        warm_s=(("Neon", 61.26),),
        pointing=(("sci", AltAz(70.80441, 130.18299)), ("skyeast", AltAz(1, 2))),
        fibre_steps=1650,
    )
    instrument.taken[exposure.frame] = replace(taken, **changes)


def plain_header(exposure: Exposure, instrument: Instrument, why: str | None = None) -> dict[str, Any]:
    """Keyword -> value, without comments."""
    header = header_of(exposure, instrument, why)
    return {key: value[0] if isinstance(value, tuple) else value for key, value in header.items()}


FLAT = Exposure("Neon-5s-001", "arc", 5.0, NEED, "Neon", header=(("OBSERVER", "Ada"), ("IMAGETYP", "forged")))


def test_header_of_a_frame(instrument: Instrument) -> None:
    """A header says which run, frame and attempt, what was asked, and each lamp, pointing and mask as read back."""
    exposed(instrument, FLAT)
    head = plain_header(FLAT, instrument)
    assert (
        head
        | {
            "RUNID": "run-1",
            "SEQNAME": "test",
            "FRAMEID": "Neon-5s-001",
            "ATTEMPT": 2,
            "IMAGETYP": "arc",
            "EXPTIME": 5.0,
            "QUALITY": "GOOD",
            "ARGON": "OFF",
            "NEON": "ON",
            "XENON": "UNKNOWN",
            "WNEON": 61.3,
            "WARGON": 0.0,
            "CALIBFIB": "P1-1",
            "FIBSTEPS": 1650,
            "SCIALT": 70.8044,
            "SCIAZ": 130.183,
            "SKYEAALT": 1,
            "OBSERVER": "Ada",
        }
        == head
    )
    assert "BADWHY" not in head


def test_a_document_forges_no_fact(instrument: Instrument) -> None:
    """Cards of the document come last, and change nothing that was read back or asked."""
    exposed(instrument, FLAT)
    assert plain_header(FLAT, instrument)["IMAGETYP"] == "arc"


def test_a_document_may_name_its_object(instrument: Instrument) -> None:
    """OBJECT is what the document says, where it says something, and the lamps otherwise."""
    exposed(instrument, FLAT)
    assert plain_header(FLAT, instrument)["OBJECT"] == "Neon"
    assert plain_header(replace(FLAT, header=(("OBJECT", "autocal"),)), instrument)["OBJECT"] == "autocal"


def test_header_of_a_bad_frame(instrument: Instrument) -> None:
    """A bad frame says so, and why."""
    exposed(instrument, FLAT)
    head = plain_header(FLAT, instrument, "lamp Neon was not lit at the end")
    assert (head["QUALITY"], head["BADWHY"]) == ("BAD", "lamp Neon was not lit at the end")


def test_header_of_a_sweep(instrument: Instrument) -> None:
    """A sweep lists its fibres in order, with the dwell that was measured and the one that was asked."""
    sweep = replace(FLAT, sweep=("P1-1", "P1-2"), dwell_s=(2.0, 2.0), asked_dwell_s=2.5)
    exposed(instrument, sweep)
    instrument.dwells[sweep.frame] = [("P1-1", 2.00049), ("P1-2", 1.9)]
    head = plain_header(sweep, instrument)
    assert (head["CALIBFIB"], head["SWEEPN"], head["DWELLASK"]) == ("SWEEP", 2, 2.5)
    assert (head["FIB001"], head["DWE001"], head["FIB002"], head["DWE002"]) == ("P1-1", 2.0, "P1-2", 1.9)


def test_header_without_mask_and_pointing(instrument: Instrument) -> None:
    """Where nothing was read back of mask and telescopes, nothing is said of them."""
    bias = Exposure("bias-001", "bias", 0.0, Need(), "bias")
    exposed(instrument, bias, pointing=(), fibre_steps=None)
    head = plain_header(bias, instrument)
    assert not head.keys() & {"CALIBFIB", "FIBSTEPS", "SCIALT", "SWEEPN"}
    assert all(len(keyword) <= 8 for keyword in head)


# ---- together


def test_together_in_order(do: Do) -> None:
    """Results come in the order of the works. Nothing at all gives nothing."""

    async def one(value: int) -> int:
        return value

    assert do(together(one(1), one(2), one(3))) == [1, 2, 3]
    assert do(together()) == []


def test_together_fails_alone(instrument: Instrument, do: Do) -> None:
    """The first failure stops the others, waits for them, and comes out bare, however deep it lies."""
    ended: list[str] = []

    async def slow() -> None:
        try:
            await instrument.clock.sleep(100)
        finally:
            ended.append("slow")

    async def fails() -> None:
        await instrument.clock.sleep(1)
        raise ZeroDivisionError

    async def inner() -> None:
        await together(fails(), slow())

    with pytest.raises(ZeroDivisionError):
        do(together(slow(), inner()))
    assert ended == ["slow", "slow"]
    assert instrument.clock.now() == 1


def test_together_cancelled(instrument: Instrument, do: Do) -> None:
    """A cancellation from outside reaches all of them and comes out as a cancellation."""

    async def story() -> None:
        task = asyncio.ensure_future(together(instrument.clock.sleep(10), instrument.clock.sleep(20)))
        await instrument.clock.sleep(1)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        do(story())


# ---- graph

BIAS = Exposure("bias-001", "bias", 0.0, Need(), "bias")
GRAPH = StateGraph(
    name="tiny",
    states=(
        State("run", "run", Shape.COMPOUND, initial="off"),
        State("off", "lamp-off", parent="run", work=LampOff(("Neon",))),
        State("frame", "frame", Shape.COMPOUND, "run", "ready", frame="bias-001"),
        State("ready", "ready", parent="frame", work=Ready("bias-001", Need())),
        State("expose", "expose", parent="frame", work=Expose(BIAS)),
        State("readout", "readout", parent="run", work=Readout(BIAS)),
    ),
    transitions=(
        Transition("off", Event.NEXT, "frame"),
        Transition("off", Event.RETRY, "off"),
        Transition("frame", Event.RETRY, "frame"),
        Transition("ready", Event.NEXT, "expose"),
        Transition("expose", Event.NEXT, "readout"),
    ),
    exposures=(BIAS,),
)


def test_families() -> None:
    """Children and ancestors follow the states' parents."""
    assert [state.id for state in GRAPH.children["frame"]] == ["ready", "expose"]
    assert [state.id for state in GRAPH.children[None]] == ["run"]
    assert [state.id for state in GRAPH.ancestors("expose")] == ["frame", "run"]
    assert GRAPH.edges["ready", Event.NEXT] == "expose"


@pytest.mark.parametrize(
    ("state", "scope"), [("off", "off"), ("expose", "frame"), ("ready", "frame"), ("readout", None)]
)
def test_retry_scope(state: str, scope: str | None) -> None:
    """What begins again is the state itself, or the nearest enclosing one that can be retried."""
    assert GRAPH.retry_scope(state) == scope


def test_plain_names_the_kind_of_work() -> None:
    """A graph as plain values goes through JSON, and works of the same fields and other kinds differ."""
    content = plain(GRAPH)
    assert json.loads(json.dumps(content)) == content
    assert plain(FibselStep("P1-1"))["kind"] == "fibsel-step"
    assert plain(Readout(BIAS)) != plain(Expose(BIAS))
    assert plain((1, [None, "x"])) == [1, [None, "x"]]


@pytest.mark.parametrize(
    "other",
    [
        replace(GRAPH, name="other"),
        replace(GRAPH, initial="off"),
        replace(GRAPH, exposures=()),
        replace(GRAPH, transitions=GRAPH.transitions[:-1]),
        replace(GRAPH, transitions=GRAPH.transitions[::-1]),
        replace(GRAPH, states=(*GRAPH.states[:-1], replace(GRAPH.states[-1], work=Expose(BIAS)))),
        replace(GRAPH, states=(*GRAPH.states[:-1], replace(GRAPH.states[-1], deadline_s=1.0))),
    ],
)
def test_every_content_counts_in_the_hash(other: StateGraph) -> None:
    """Equal graphs have equal hashes, and any difference gives another."""
    assert replace(GRAPH).hash == GRAPH.hash
    assert len(GRAPH.hash) == 64
    assert other.hash != GRAPH.hash


def test_the_hash_is_the_same_for_ever() -> None:
    """The hash of this graph does not depend on the machine, the process or the version of Python."""
    assert GRAPH.hash == "31df608883abbb9caa196040a15732852a6a34668218cfca8e74d0b3f5409439"


def test_no_number_that_json_lacks() -> None:
    """A graph with a number that is none has no hash, rather than one that differs by machine."""
    with pytest.raises(ValueError, match="JSON"):
        _ = replace(GRAPH, states=(replace(GRAPH.states[1], expected_s=float("nan")),)).hash


def test_frozen() -> None:
    """Graphs and their parts can't be changed."""
    for value, name in ((GRAPH, "name"), (GRAPH.states[0], "id"), (BIAS, "frame"), (LampOff(("Neon",)), "lamps")):
        with pytest.raises((FrozenInstanceError, TypeError, AttributeError)):
            setattr(value, name, "other")


def test_a_lamp_that_burns_since_nobody_knows_when(instrument: Instrument) -> None:
    """The header gives no seconds for a lamp whose lighting nobody has seen, and 0 for one that is off."""
    need = Need(("Neon",), (0.0,))
    exposure = Exposure("arc-5s-001", "arc", 5.0, need, "Neon")
    lamps = (("Neon", "on"), ("Argon", "off"))
    instrument.taken["arc-5s-001"] = Taken(1, 1, instrument.clock.utc(), lamps, (("Neon", 0.0),), (), None)
    header = plain_header(exposure, instrument)
    assert header["NEON"] == "ON"
    assert "WNEON" not in header
    assert header["WARGON"] == 0.0
