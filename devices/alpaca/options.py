"""The `options` of the driver `alpaca`, for each kind of device."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from safelight.devices.observatory.driver_options import HostAndPort, OptionsPart, Wait
from safelight.documents.errors import Refusal

__all__ = [
    "AlpacaMonitorOptions",
    "AlpacaSelectorOptions",
    "CameraOptions",
    "LampOptions",
    "LampsOptions",
    "SelectorsOptions",
    "SpectrographsOptions",
    "TelescopeOptions",
]

Number = Annotated[int, Field(ge=0, le=4_294_967_295, strict=True)]


class LampOptions(OptionsPart):
    """Where one lamp is.

    Attributes:
        server: its server, where it is not that of all.
        switch: number of the Switch device whose element the lamp is.
        element: name of the element. Without it the lamp's own name.
        id: number of the element, where names can't be relied on.
        value: the value that is on, for an element that dims; without it the element is switched on and off.
        cover_calibrator: number of the CoverCalibrator device that the lamp is.
        brightness: of a CoverCalibrator that is on.
        zero_is_off: whether a CoverCalibrator that says `Ready` with brightness 0 is off. Some say so for ever.
    """

    server: HostAndPort | None = None
    switch: Number | None = None
    element: str | None = None
    id: Number | None = None
    value: float | None = None
    cover_calibrator: Number | None = None
    brightness: Annotated[int, Field(ge=1, strict=True)] | None = None
    zero_is_off: bool = False

    @model_validator(mode="after")
    def _one_device(self) -> Self:
        if (self.switch is None) == (self.cover_calibrator is None):
            raise Refusal("", "one of `switch` and `cover_calibrator`, each a number from 0")
        if self.cover_calibrator is not None and self.brightness is None:
            raise Refusal("a CoverCalibrator needs a brightness", "a number from 1", at=("brightness",))
        if self.element is not None and self.id is not None:
            raise Refusal("`element` and `id` exclude each other", "one of them", at=("id",))
        return self


class LampsOptions(OptionsPart):
    """The `options` of lamps.

    Attributes:
        server: `HOST:PORT` of lamps that have none of their own.
        lamps: lamp -> where it is. A lamp that isn't named is the element of its own name of switch 0.
        deadline_s: how long one request may take, s; a verb of several takes twice that at most.
    """

    server: HostAndPort | None = None
    lamps: dict[str, LampOptions] = Field(default_factory=dict)
    deadline_s: Wait = 4.0


class CameraOptions(OptionsPart):
    """One camera.

    Attributes:
        server: its server, where it is not that of all.
        device: number of the camera.
        shutter: `own`, `none`, or `ask` the camera.
        binning: pixels in one, in both directions; without it the camera's present one.
        gain: as the camera counts it.
        readout_mode: number of the mode.
        cool_to_c: temperature of the detector, degrees Celsius; without it the cooler is left alone.
        cool_within_c: an exposure is refused while the detector is further from it.
    """

    server: HostAndPort | None = None
    device: Number = 0
    shutter: Literal["ask", "own", "none"] = "ask"
    binning: Annotated[int, Field(ge=1, le=64, strict=True)] | None = None
    gain: Annotated[int, Field(strict=True)] | None = None
    readout_mode: Number | None = None
    cool_to_c: Annotated[float, Field(ge=-273.15, le=100)] | None = None
    cool_within_c: Annotated[float, Field(gt=0, le=100)] = 1.0


class SpectrographsOptions(OptionsPart):
    """The `options` of spectrographs.

    Attributes:
        server: `HOST:PORT` of cameras that have none of their own.
        cameras: camera, as in file names -> which one it is. A camera that isn't named is number 0.
        deadline_s: how long one request may take, s, but for the image.
        download_s: how long the image may take, s.
        look_every_s: how often a camera is asked during an exposure, s.
    """

    server: HostAndPort | None = None
    cameras: dict[str, CameraOptions] = Field(default_factory=dict)
    deadline_s: Wait = 5.0
    download_s: Wait = 120.0
    look_every_s: Wait = 0.5


class TelescopeUnit(OptionsPart):
    """One telescope, under `telescopes.units.NAME`.

    Attributes:
        server: its server, where it is not that of all.
        device: number of the telescope.
        parked_at: the named position at which the telescope is parked. It is sent there by parking it, it is read there
            while it is parked, whatever its coordinates say, and it is unparked before it slews elsewhere.
    """

    server: HostAndPort | None = None
    device: Number = 0
    parked_at: Annotated[str, Field(min_length=1)] | None = None


class TelescopeOptions(OptionsPart):
    """The `options` of telescopes.

    Attributes:
        server: `HOST:PORT` of telescopes that have none of their own.
        deadline_s: how long one request may take, s.
        look_every_s: how often a telescope is asked during a slew, s.
    """

    server: HostAndPort | None = None
    deadline_s: Wait = 5.0
    look_every_s: Wait = 0.5


class AlpacaSelectorOptions(OptionsPart):
    """Where one selector is.

    Attributes:
        server: its server, where it is not that of all.
        filter_wheel: number of the FilterWheel; the values of its positions are slots from 0.
        cover: number of the CoverCalibrator whose cover it is; the values of its positions are `open` and `closed`.
        switch: number of the Switch device whose element it is; the values of its positions are those of the element.
        element: name of the element. Without it the selector's own name.
    """

    server: HostAndPort | None = None
    filter_wheel: Number | None = None
    cover: Number | None = None
    switch: Number | None = None
    element: str | None = None

    @model_validator(mode="after")
    def _one_device(self) -> Self:
        if [self.filter_wheel, self.cover, self.switch].count(None) != 2:  # noqa: PLR2004 - one of three
            raise Refusal("", "one of `filter_wheel`, `cover` and `switch`, each a number from 0")
        return self


class SelectorsOptions(OptionsPart):
    """The `options` of selectors.

    Attributes:
        server: `HOST:PORT` of selectors that have none of their own.
        selectors: selector -> where it is.
        deadline_s: how long one request may take, s.
        look_every_s: how often a selector is asked during a move, s.
    """

    server: HostAndPort | None = None
    selectors: Annotated[dict[str, AlpacaSelectorOptions], Field(min_length=1)]
    deadline_s: Wait = 5.0
    look_every_s: Wait = 0.5


class AlpacaMonitorOptions(OptionsPart):
    """The `options` of a photodiode.

    Attributes:
        server: its server.
        switch: number of the Switch device.
        element: name of the element that measures.
        deadline_s: how long one request may take, s; a reading of several takes twice that at most.
    """

    server: HostAndPort
    switch: Number = 0
    element: Annotated[str, Field(min_length=1)]
    deadline_s: Wait = 4.0


def options_by_kind() -> dict[str, type[OptionsPart]]:
    """Return the model of the options of each kind of device."""
    lamps: Any = LampsOptions
    return {
        "lamps": lamps,
        "second_lamps": lamps,
        "selectors": SelectorsOptions,
        "spectrographs": SpectrographsOptions,
        "telescopes": TelescopeOptions,
        "lamp_monitor": AlpacaMonitorOptions,
    }
