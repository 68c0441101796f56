"""Right drivers hold the contract: every demand can be met."""

from tests.testing.contracts import (
    ToyFibselContract,
    ToyLampContract,
    ToySelectorContract,
    ToySpectrographContract,
    ToyTelescopeContract,
)


class TestLamps(ToyLampContract):
    """Lamps."""


class TestTelescopes(ToyTelescopeContract):
    """Telescopes."""


class TestFibreSelector(ToyFibselContract):
    """The mask."""


class TestSelectors(ToySelectorContract):
    """Two wheels."""


class TestSpectrographs(ToySpectrographContract):
    """Spectrographs."""
