"""A simulated instrument on virtual time, in the hands of the states."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from safelight.devices import Observatory, load_observatory, open_devices
from safelight.devices.simulated import Fault
from safelight.engine import VirtualClock
from safelight.states import Instrument, Tolerances

T = TypeVar("T")


@pytest.fixture(scope="session")
def observatory() -> Observatory:
    """Return the simulated observatory with one camera, so that a readout is one file."""
    shipped = load_observatory("simulated")
    spectrographs = shipped.spectrographs.model_copy(update={"units": ("sp1",), "cameras": ("b",)})
    return shipped.model_copy(update={"spectrographs": spectrographs})


@pytest.fixture
def make(observatory: Observatory, tmp_path: Path) -> Callable[..., Instrument]:
    """Make an instrument. Its arguments are faults, as in a fault file."""

    def build(*faults: dict[str, Any]) -> Instrument:
        clock = VirtualClock()
        fibsel = observatory.fibsel
        assert fibsel is not None
        units = observatory.lamps.units
        return Instrument(
            devices=open_devices(
                observatory, clock=clock, home=tmp_path / "home", faults=tuple(Fault(**fault) for fault in faults)
            ),
            clock=clock,
            positions={name: observatory.targets(name) for name in observatory.positions},
            fibres=dict(fibsel.fibres),
            keywords={lamp: observatory.lamps.keyword(lamp) for lamp in units},
            longest_on_s={lamp: unit.longest_on_s for lamp, unit in units.items()},
            tolerances=Tolerances(pointing_deg=0.05, fibre_steps=5),
            folder=tmp_path / "frames",
            cards=(("RUNID", "run-1"), ("SEQNAME", "test"), ("SEQHASH", "0" * 64)),
        )

    return build


@pytest.fixture
def instrument(make: Callable[..., Instrument]) -> Instrument:
    """Return an instrument that has never been used."""
    return make()


@pytest.fixture
def do() -> Callable[[Awaitable[T]], T]:
    """Run one piece of work to its end. A leaked task is an error."""

    def runner(work: Awaitable[T]) -> T:
        async def whole() -> T:
            try:
                return await work
            finally:
                assert asyncio.all_tasks() == {asyncio.current_task()}

        return asyncio.run(whole())

    return runner
