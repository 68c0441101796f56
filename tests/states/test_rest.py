"""Mask and telescopes that no document places: read back at rest, pinned, demanded from then on."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from safelight.devices import AltAz, FibreStatus, Observatory, TelescopeStatus
from safelight.states import AS_FOUND, Instrument, Need, Ready, StateError
from safelight.states.point import unsteady
from safelight.states.read_back import read_instrument

Do = Callable[..., Any]
FREE = Need(position=AS_FOUND, fibre=AS_FOUND)


def test_what_is_found_is_pinned(instrument: Instrument, do: Do) -> None:
    """The first check reads back and pins. The next ones put back what has moved meanwhile."""

    async def whole() -> None:
        fibsel, telescopes = instrument.devices.fibsel, instrument.devices.telescopes
        assert fibsel is not None
        assert telescopes is not None
        await fibsel.move(935)
        await Ready("one", FREE).act(instrument)
        found = (await telescopes.status())["sci"].where
        await fibsel.move(12885)
        await telescopes.goto({"sci": AltAz(40.0, 10.0)})
        await Ready("two", FREE).act(instrument)
        assert (await fibsel.status()).steps == 935
        assert (await telescopes.status())["sci"].where == found

    do(whole())
    assert instrument.fibres[AS_FOUND] == 935
    assert instrument.seen["one"].pointing == instrument.seen["two"].pointing
    assert set(instrument.positions[AS_FOUND]) == {"sci", "spec", "skye", "skyw"}


def test_what_moves_is_waited_for(instrument: Instrument, do: Do) -> None:
    """A mask and a telescope that are on their way are pinned where they arrive."""

    async def whole() -> None:
        fibsel, telescopes = instrument.devices.fibsel, instrument.devices.telescopes
        assert fibsel is not None
        assert telescopes is not None
        moving = [
            asyncio.ensure_future(fibsel.move(12885)),
            asyncio.ensure_future(telescopes.goto({"sci": AltAz(40.0, 10.0)})),
        ]
        await instrument.clock.sleep(2.0)
        assert look_words(await read_instrument(FREE, instrument)) == [
            "telescope sci still slews",
            "the mask still moves",
        ]
        await Ready("one", FREE).act(instrument)
        await asyncio.wait(moving)

    do(whole())
    assert instrument.fibres[AS_FOUND] == 12885
    assert instrument.positions[AS_FOUND]["sci"] == AltAz(40.0, 10.0)


def look_words(seen: Any) -> list[str]:
    """Its problems."""
    return list(seen.problems)


def test_what_can_not_be_read_is_not_pinned(instrument: Instrument, do: Do, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask that can't tell where it is makes no frame: nothing is exposed, and nothing pinned."""

    async def lost(mask: object) -> FibreStatus:
        return FibreStatus(None, moving=False)

    monkeypatch.setattr(type(instrument.devices.fibsel), "status", lost)
    with pytest.raises(StateError, match="does not report where it is"):
        do(Ready("one", FREE).act(instrument))
    assert AS_FOUND not in instrument.fibres
    assert AS_FOUND not in instrument.positions


def test_unsteady() -> None:
    """Telescopes are taken as they are where each can tell where it points, and none slews."""
    there = TelescopeStatus(AltAz(40.0, 10.0), slewing=False)
    assert unsteady({"sci": there, "spec": there}) is None
    assert "spec does not report" in str(unsteady({"sci": there, "spec": TelescopeStatus(None, slewing=False)}))
    assert "sci still slews" in str(unsteady({"sci": TelescopeStatus(AltAz(1.0, 1.0), slewing=True)}))


def test_nothing_has_this_name(observatory: Observatory) -> None:
    """No fibre and no position of an observatory can be called as what was found is."""
    plain = observatory.model_dump(mode="json")
    assert AS_FOUND not in {*plain["fibsel"]["fibres"], *plain["positions"]}
    plain["fibsel"]["fibres"][AS_FOUND] = 1
    with pytest.raises(ValueError, match=AS_FOUND):
        Observatory.model_validate(plain)
