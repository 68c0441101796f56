"""The contracts of the small instrument. A mutant is put in by its class."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from safelight.testing import (
    FibreSelectorContract,
    LampContract,
    SelectorContract,
    SpectrographContract,
    Stage,
    TelescopeContract,
    Wire,
)
from tests.testing.drivers import ToyFibsel, ToyLamps, ToySelectors, ToySpectrographs, ToyTelescopes
from tests.testing.instrument import Instrument


class OnTheInstrument:
    """The stage: the instrument behind a wire."""

    driver: ClassVar[type[Any]]
    bound_s = 5.0
    cancel_s = 1.2
    begin_s = 0.1
    recover_s = 10.0
    limit_s = 60.0

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Any, Any]]:  # noqa: ARG002 - it keeps no files
        """Return the instrument, with a wire to it."""
        async with Instrument() as instrument, Wire(instrument.port, slow_s=2.6) as wire:
            yield Stage(open=lambda: self.driver(wire.port), hardware=instrument, wire=wire)


class ToyLampContract(OnTheInstrument, LampContract):
    """Lamps."""

    driver = ToyLamps


class ToyTelescopeContract(OnTheInstrument, TelescopeContract):
    """Telescopes."""

    driver = ToyTelescopes


class ToyFibselContract(OnTheInstrument, FibreSelectorContract):
    """The mask."""

    driver = ToyFibsel


class ToySelectorContract(OnTheInstrument, SelectorContract):
    """Two wheels."""

    driver = ToySelectors
    rest: ClassVar[Mapping[str, str]] = {"slit": "narrow", "mirror": "in"}
    target: ClassVar[Mapping[str, str]] = {"slit": "none", "mirror": "out"}
    move_s = 1.5


class ToySpectrographContract(OnTheInstrument, SpectrographContract):
    """Spectrographs."""

    driver = ToySpectrographs
    exposure_s = 0.3
    long_s = 20.0
