"""The `options` of the driver `indi`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from safelight.devices.observatory.driver_options import OptionsPart, Port, Wait
from safelight.documents.errors import Refusal

__all__ = [
    "IndiCameraOptions",
    "IndiLampOptions",
    "IndiLampsOptions",
    "IndiMonitorOptions",
    "IndiSelectorOptions",
    "IndiSelectorsOptions",
    "IndiSpectrographsOptions",
    "IndiTelescopeUnit",
    "IndiTelescopesOptions",
    "options_by_kind",
]

Text = Annotated[str, Field(min_length=1)]
Settings = dict[str, dict[str, str | int | float]]
"""Property -> element -> text or number."""


class IndiLampOptions(OptionsPart):
    """Where one lamp is.

    Attributes:
        device: name of the device.
        property: name of its switch vector, or `label:` and the label that people see.
        is_on: the element that is on when the lamp is on.
        is_off: the element that is on when the lamp is off. Leave it out where each lamp is an element of its own.
        also_on: other elements that light this lamp too (`DARK` of a SPOX lights both).
        read_back: `hardware` if the driver asks the hardware again and again, `memory` if it repeats its last command.
        force_off: how an off reaches the hardware though the driver believes that it is off: `reconnect` (disconnect
            and connect again), `on-then-off`, or `none`.
    """

    device: Text
    property: Text
    is_on: Text
    is_off: Text | None = None
    also_on: tuple[str, ...] = ()
    read_back: Literal["hardware", "memory"] = "memory"
    force_off: Literal["none", "reconnect", "on-then-off"] = "none"

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.is_off is not None and self.is_off in {self.is_on, *self.also_on}:
            raise Refusal(f"the element {self.is_off} is both on and off", "another element", at=("is_off",))
        return self


class IndiLampsOptions(OptionsPart):
    """The `options` of lamps.

    Attributes:
        host: of the INDI server.
        port: the same.
        lamps: lamp -> where it is.
        settings: device -> property -> element -> text or number; written before the device is connected, such as the
            port of a serial device: `{Shelyak Spox: {DEVICE_PORT: {PORT: /dev/ttyUSB0}}}`.
        deadline_s: how long one question may take, s. Some serial drivers need seconds.
    """

    host: Text = "localhost"
    port: Port = 7624
    lamps: Annotated[dict[str, IndiLampOptions], Field(min_length=1)]
    settings: dict[str, Settings] = Field(default_factory=dict)
    deadline_s: Wait = 8.0


class IndiCameraOptions(OptionsPart):
    """One camera.

    Attributes:
        device: name of the device.
        blob: the element that brings its images.
        binning: pixels in one, in both directions; without it as the camera is set.
        set: property -> element -> value, written and read back before each exposure: `{CCD_GAIN: {GAIN: 90}}`.
    """

    device: Text
    blob: Text = "CCD1"
    binning: Annotated[int, Field(ge=1, le=64, strict=True)] | None = None
    set: Settings = Field(default_factory=dict)


class IndiSpectrographsOptions(OptionsPart):
    """The `options` of spectrographs.

    Attributes:
        host: of the INDI server.
        port: the same.
        cameras: camera, as in file names -> which one it is.
        settings: device -> property -> element -> text or number; written before the device is connected.
        deadline_s: how long one question may take, s.
        download_s: how long after its time an exposure may take until its image is here, s.
    """

    host: Text = "localhost"
    port: Port = 7624
    cameras: Annotated[dict[str, IndiCameraOptions], Field(min_length=1)]
    settings: dict[str, Settings] = Field(default_factory=dict)
    deadline_s: Wait = 5.0
    download_s: Wait = 120.0


class IndiSelectorOptions(OptionsPart):
    """Where one selector is. The values of its positions are elements of a switch (`ACTIVATED`), or numbers.

    Attributes:
        device: name of the device.
        property: name of its switch or number vector.
        read_back: `hardware` if the driver asks the hardware where it is, `memory` if it repeats its last command.
        force: how a command reaches the hardware though the driver believes that it is done: `other-first` (move it to
            another position first, as long as the driver has not been ordered anywhere), or `none`.
    """

    device: Text
    property: Text
    read_back: Literal["hardware", "memory"] = "memory"
    force: Literal["none", "other-first"] = "none"


class IndiSelectorsOptions(OptionsPart):
    """The `options` of selectors.

    Attributes:
        host: of the INDI server.
        port: the same.
        selectors: selector -> where it is.
        settings: device -> property -> element -> text or number; written before the device is connected.
        deadline_s: how long one question may take, and a move until it begins, s.
    """

    host: Text = "localhost"
    port: Port = 7624
    selectors: Annotated[dict[str, IndiSelectorOptions], Field(min_length=1)]
    settings: dict[str, Settings] = Field(default_factory=dict)
    deadline_s: Wait = 8.0


class IndiTelescopeUnit(OptionsPart):
    """One telescope, under `telescopes.units.NAME`.

    Attributes:
        device: name of the device.
        lat_deg: latitude of the telescope; without it and `lon_deg` the mount is asked (`GEOGRAPHIC_COORD`).
        lon_deg: longitude, to the east.
        parked_at: the named position at which the telescope is parked. It is sent there by parking it, it is read there
            while it is parked, whatever its coordinates say, and it is unparked before it slews elsewhere.
    """

    device: Text
    lat_deg: Annotated[float, Field(ge=-90, le=90)] | None = None
    lon_deg: Annotated[float, Field(ge=-180, le=360)] | None = None
    parked_at: Text | None = None


class IndiTelescopesOptions(OptionsPart):
    """The `options` of telescopes.

    Attributes:
        host: of the INDI server.
        port: the same.
        settings: device -> property -> element -> text or number; written before the device is connected.
        deadline_s: how long one question may take, and a slew until it begins, s.
    """

    host: Text = "localhost"
    port: Port = 7624
    settings: dict[str, Settings] = Field(default_factory=dict)
    deadline_s: Wait = 8.0


class IndiMonitorOptions(OptionsPart):
    """The `options` of a photodiode.

    Attributes:
        host: of the INDI server.
        port: the same.
        device: name of the device.
        property: name of its number vector, or `label:` and the label that people see.
        element: the number in it.
        deadline_s: how long one question may take, s.
    """

    host: Text = "localhost"
    port: Port = 7624
    device: Text
    property: Text
    element: Text
    deadline_s: Wait = 8.0


def options_by_kind() -> dict[str, type[OptionsPart]]:
    """Return the model of the options of each kind of device."""
    return {
        "lamps": IndiLampsOptions,
        "second_lamps": IndiLampsOptions,
        "selectors": IndiSelectorsOptions,
        "spectrographs": IndiSpectrographsOptions,
        "telescopes": IndiTelescopesOptions,
        "lamp_monitor": IndiMonitorOptions,
    }
