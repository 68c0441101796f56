"""How hardware is touched: four protocols, the observatory document, one folder per family of drivers."""

from safelight.devices.drivers import open_devices, open_lamps
from safelight.devices.errors import (
    DeviceDisconnected,
    DeviceError,
    DeviceFailed,
    DeviceUnknown,
    ObservatoryError,
)
from safelight.devices.observatory import Observatory, load_observatory, shipped_observatories
from safelight.devices.protocols import (
    AltAz,
    Devices,
    ExposureOrder,
    FibreSelector,
    FibreStatus,
    Lamps,
    LampState,
    Spectrographs,
    SpectrographStatus,
    Telescopes,
    TelescopeStatus,
    Timekeeper,
)

__all__ = [
    "AltAz",
    "DeviceDisconnected",
    "DeviceError",
    "DeviceFailed",
    "DeviceUnknown",
    "Devices",
    "ExposureOrder",
    "FibreSelector",
    "FibreStatus",
    "LampState",
    "Lamps",
    "Observatory",
    "ObservatoryError",
    "SpectrographStatus",
    "Spectrographs",
    "TelescopeStatus",
    "Telescopes",
    "Timekeeper",
    "load_observatory",
    "open_devices",
    "open_lamps",
    "shipped_observatories",
]
