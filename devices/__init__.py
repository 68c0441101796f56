"""Access to hardware: five protocols, the observatory document, and one folder per family of drivers."""

from typing import TYPE_CHECKING

from safelight.at_first_use import at_first_use

if TYPE_CHECKING:
    from safelight.devices.drivers import open_devices, open_lamps
    from safelight.devices.errors import (
        DeviceBusy,
        DeviceDisconnected,
        DeviceError,
        DeviceFailed,
        DeviceUnknown,
        ObservatoryError,
    )
    from safelight.devices.observatory.observatory import Observatory, load_observatory, shipped_observatories
    from safelight.devices.protocols import (
        AltAz,
        CooledSpectrographs,
        Devices,
        DimmableLamps,
        ExposureOrder,
        FibreSelector,
        FibreStatus,
        LampMonitor,
        Lamps,
        LampState,
        Selectors,
        SelectorStatus,
        Spectrographs,
        SpectrographStatus,
        Telescopes,
        TelescopeStatus,
        Timekeeper,
    )

__all__ = [
    "AltAz",
    "CooledSpectrographs",
    "DeviceBusy",
    "DeviceDisconnected",
    "DeviceError",
    "DeviceFailed",
    "DeviceUnknown",
    "Devices",
    "DimmableLamps",
    "ExposureOrder",
    "FibreSelector",
    "FibreStatus",
    "LampMonitor",
    "LampState",
    "Lamps",
    "Observatory",
    "ObservatoryError",
    "SelectorStatus",
    "Selectors",
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

__getattr__ = at_first_use(
    globals(),
    {
        "safelight.devices.drivers": (
            "open_devices",
            "open_lamps",
        ),
        "safelight.devices.errors": (
            "DeviceBusy",
            "DeviceDisconnected",
            "DeviceError",
            "DeviceFailed",
            "DeviceUnknown",
            "ObservatoryError",
        ),
        "safelight.devices.observatory.observatory": (
            "Observatory",
            "load_observatory",
            "shipped_observatories",
        ),
        "safelight.devices.protocols": (
            "AltAz",
            "CooledSpectrographs",
            "Devices",
            "DimmableLamps",
            "ExposureOrder",
            "FibreSelector",
            "FibreStatus",
            "LampMonitor",
            "Lamps",
            "LampState",
            "Selectors",
            "SelectorStatus",
            "Spectrographs",
            "SpectrographStatus",
            "Telescopes",
            "TelescopeStatus",
            "Timekeeper",
        ),
    },
)
