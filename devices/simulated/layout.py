"""Layout of the light on the simulated detectors: traces along rows, wavelengths along columns.

One trace is one fibre. Some fibres belong to a telescope and are lit while it points to the flat-field
screen. One fibre for each position of the mask is lit while the mask is at that position (and its telescope
points to the screen). The same layout holds for every camera; see docs/reference/simulated-instrument.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown, wrong

if TYPE_CHECKING:
    from safelight.devices.observatory.observatory import Observatory

__all__ = ["Layout", "Optics", "Trace", "layout_of"]

_IMAGE = ("spectrographs", "options", "image")

LINES = 3
"""Emission lines of each arc lamp on each camera."""

ROWS_PER_TRACE = 4
"""A trace is three rows wide, with at least one dark row between two traces."""


Noise = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]
Level = Annotated[float, Field(gt=0, le=60_000, allow_inf_nan=False)]


class Optics(BaseModel):
    """Model of `spectrographs.options`: the picture's size and levels, as in `simulated.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: tuple[Annotated[int, Field(gt=0, le=10_000)], Annotated[int, Field(gt=0, le=10_000)]] = Field(
        description="rows and columns, the overscan included"
    )
    overscan_columns: Annotated[int, Field(ge=4, le=10_000)] = Field(description="the last columns, which see no light")
    bias_adu: Annotated[float, Field(ge=0, le=60_000)] = Field(description="level of an unexposed pixel")
    read_noise_adu: Noise = Field(description="noise of a readout")
    dark_adu_per_s: Level = Field(description="dark current")
    lamp_adu_per_s: Level = Field(description="a trace's brightest pixel under one lamp at full output")
    fibres_per_telescope: Annotated[int, Field(ge=1, le=1000)] = Field(
        2, description="traces of each telescope without mask"
    )
    mask_telescope: str | None = Field(None, description="the telescope behind the fibre mask")
    shutter_leak: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        0.0, description="the share of light that passes a closed shutter"
    )
    cooling_c_per_s: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = Field(
        0.1, description="how fast a detector gets colder or warmer, degrees per second"
    )
    start_c: Annotated[float, Field(ge=-273.15, le=100, allow_inf_nan=False)] | None = Field(
        None, description="its temperature in an instrument that was never cooled; without it the set point"
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """One fibre on the detector.

    Attributes:
        name: `sci-1`, or the mask fibre's name.
        row: its brightest row.
        telescope: the one that must point to the screen; None where the observatory has none.
        steps: required position of the mask; None for a fibre without mask.
    """

    name: str
    row: int
    telescope: str | None
    steps: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Traces and the spectral axis.

    Attributes:
        optics: levels and sizes.
        traces: by rising row.
        arcs: lamps with emission lines, in the document's order.
        flats: lamps with a continuum, in the document's order.
        cameras: number of cameras of the spectrograph with the most cameras.
    """

    optics: Optics
    traces: tuple[Trace, ...]
    arcs: tuple[str, ...]
    flats: tuple[str, ...]
    cameras: int

    @property
    def columns(self) -> int:
        """Number of columns that see light. The overscan is beyond them."""
        return self.optics.image[1] - self.optics.overscan_columns

    def line_columns(self, lamp: str, camera: int) -> tuple[int, ...]:
        """Return the columns of an arc lamp's lines. No two lamps share one, and each camera has its own order."""
        lamps, place = len(self.arcs), self.arcs.index(lamp)
        slots = (group * lamps + (place + group + camera) % lamps for group in range(LINES))
        return tuple(int((slot + 0.5) * self.columns / (LINES * lamps)) for slot in slots)


def layout_of(observatory: Observatory) -> Layout:
    """Return the layout of an observatory whose spectrographs are simulated.

    Raises:
        ObservatoryError: options that are missing or wrong, or an image too small for its traces.
    """
    optics = read_options(Optics, observatory.spectrographs.options, "spectrographs.options")
    fibres = _fibres(observatory, optics)
    rows = optics.image[0]
    if rows < ROWS_PER_TRACE * (len(fibres) + 1):
        needed = ROWS_PER_TRACE * (len(fibres) + 1)
        raise wrong(_IMAGE, f"{len(fibres)} traces need {needed} rows, not {rows}", value=optics.image)
    lamps = observatory.lamps.units
    layout = Layout(
        optics,
        tuple(Trace(n, (i + 1) * rows // (len(fibres) + 1), t, s) for i, (n, t, s) in enumerate(fibres)),
        tuple(name for name, lamp in lamps.items() if lamp.flavour != "flat"),
        tuple(name for name, lamp in lamps.items() if lamp.flavour == "flat"),
        max(len(observatory.spectrographs.cameras_of(unit)) for unit in observatory.spectrographs.names),
    )
    if layout.columns < 5 * LINES * len(layout.arcs):
        needed = 5 * LINES * len(layout.arcs) + optics.overscan_columns
        raise wrong(_IMAGE, f"the lamps' lines need {needed} columns, not {optics.image[1]}", value=optics.image)
    return layout


def _fibres(observatory: Observatory, optics: Optics) -> list[tuple[str, str | None, int | None]]:
    """Return name, telescope and mask position of every fibre: first the telescopes' own, then the mask's."""
    mask, names = optics.mask_telescope, list(observatory.telescopes.units if observatory.telescopes else ())
    if mask is not None and mask not in names and names:
        raise unknown(("spectrographs", "options", "mask_telescope"), "telescope", mask, names)
    own: list[str | None] = [n for n in names if n != mask or observatory.fibsel is None] or [None]
    each = range(1, optics.fibres_per_telescope + 1)
    fibres: list[tuple[str, str | None, int | None]] = [(f"{n or 'sci'}-{i}", n, None) for n in own for i in each]
    if observatory.fibsel is not None:
        feeding = mask if names else None
        fibres += [(name, feeding, steps) for name, steps in observatory.fibsel.fibres.items()]
    return fibres
