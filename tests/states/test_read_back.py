"""A lamp that is switched between two looks: the switch is asked what happened meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from safelight.states import BadFrame, Expose, Exposure, Instrument, Need, Ready
from safelight.states.read_back import switched_meanwhile, switchings_of

Do = Callable[..., Any]

DARK = Exposure("dark-900s-001", "dark", 900.0, Need(), "dark")


def test_flash_between_two_looks_spoils_a_dark(instrument: Instrument, do: Do) -> None:
    """A lamp that is on for 4 s between two looks makes the frame bad, and names the lamp."""

    async def flash() -> None:
        await instrument.clock.sleep(102.0)
        await instrument.devices.lamps.on("Neon")
        await instrument.clock.sleep(4.0)
        await instrument.devices.lamps.off("Neon")

    async def scene() -> None:
        assert instrument.lamp_watch_s in (0.0, 10.0)
        await Ready(DARK.frame, DARK.need).act(instrument)
        flashing = asyncio.create_task(flash())
        with pytest.raises(BadFrame, match="lamp Neon was switched on during the exposure"):
            await Expose(DARK).act(instrument)
        await flashing

    do(scene())
    assert "Neon" in instrument.faults[DARK.frame]


def test_undisturbed_dark_is_good(instrument: Instrument, do: Do) -> None:
    """What was switched before the exposure does not count."""

    async def scene() -> None:
        await instrument.devices.lamps.on("Neon")
        await instrument.devices.lamps.off("Neon")
        await Ready(DARK.frame, DARK.need).act(instrument)
        await Expose(DARK).act(instrument)

    do(scene())
    assert DARK.frame not in instrument.faults


def test_what_spoils() -> None:
    """A needed lamp may not go off, another may not go on. The other way round is harmless, and so is no count."""
    need = Need(("Argon",), (0.0,))
    before = {"Argon": (1, 0), "Neon": (5, 5), "LDLS": (0, 0)}
    assert switched_meanwhile(need, before, before) == {}
    assert switched_meanwhile(need, before, {"Argon": (2, 0), "Neon": (5, 6), "Xenon": (9, 9)}) == {}
    assert list(switched_meanwhile(need, before, {"Argon": (2, 1), "Neon": (6, 6), "LDLS": (0, 0)})) == [
        "Argon",
        "Neon",
    ]


def test_driver_that_cannot_count(do: Do) -> None:
    """Where the driver counts nothing, nothing is claimed."""
    lamps: Any = object()
    assert do(switchings_of(lamps)) == {}
