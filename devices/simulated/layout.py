"""Where light falls on the simulated detectors: traces along rows, wavelengths along columns.

One trace is one fibre. Some fibres belong to a telescope and are lit while it stands on the flat-field
screen; one fibre for each position of the mask is lit while the mask stands on it (and its telescope on the
screen). The same layout holds for every camera; see docs/reference/simulated-instrument.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from safelight.devices.observatory import Observatory

__all__ = ["Layout", "Optics", "Trace", "layout_of"]

LINES = 3
"""Emission lines of each arc lamp on each camera."""

ROWS_PER_TRACE = 4
"""A trace is three rows wide; at least one dark row lies between two."""


class Optics(BaseModel):
    """`spectrographs.options` of the document: the picture's size and levels; see `simulated.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: tuple[Annotated[int, Field(gt=0, le=10_000)], Annotated[int, Field(gt=0, le=10_000)]] = Field(
        description="rows and columns, the overscan included"
    )
    overscan_columns: Annotated[int, Field(ge=4)] = Field(description="the last columns, which see no light")
    bias_adu: Annotated[float, Field(ge=0, le=60_000)] = Field(description="level of an unexposed pixel")
    read_noise_adu: Annotated[float, Field(ge=0)] = Field(description="noise of a read-out")
    dark_adu_per_s: Annotated[float, Field(gt=0)] = Field(description="dark current")
    lamp_adu_per_s: Annotated[float, Field(gt=0)] = Field(
        description="a trace's brightest pixel under one lamp at full output"
    )
    fibres_per_telescope: Annotated[int, Field(ge=1)] = Field(2, description="traces of each telescope without mask")
    mask_telescope: str | None = Field(None, description="the telescope behind the fibre mask")


@dataclass(frozen=True, slots=True)
class Trace:
    """One fibre on the detector.

    Attributes:
        name: `sci-1`, or the mask fibre's name.
        row: its brightest row.
        telescope: that must stand on the screen; None where the observatory has none.
        steps: where the mask must stand; None for a fibre without mask.
    """

    name: str
    row: int
    telescope: str | None
    steps: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """The traces and the spectral axis.

    Attributes:
        optics: levels and sizes.
        traces: by rising row.
        arcs: lamps with emission lines, in the document's order.
        flats: lamps with a continuum, in the document's order.
        cameras: cameras of one spectrograph, from blue to red.
    """

    optics: Optics
    traces: tuple[Trace, ...]
    arcs: tuple[str, ...]
    flats: tuple[str, ...]
    cameras: int

    @property
    def columns(self) -> int:
        """Columns that see light; the overscan lies beyond."""
        return self.optics.image[1] - self.optics.overscan_columns

    def line_columns(self, lamp: str, camera: int) -> tuple[int, ...]:
        """The columns of an arc lamp's lines; no two lamps share one, and each camera has its own order."""
        lamps, place = len(self.arcs), self.arcs.index(lamp)
        slots = (group * lamps + (place + group + camera) % lamps for group in range(LINES))
        return tuple(int((slot + 0.5) * self.columns / (LINES * lamps)) for slot in slots)


def layout_of(observatory: Observatory) -> Layout:
    """The layout of an observatory whose spectrographs are simulated.

    Raises:
        ObservatoryError: options that are missing or wrong, or an image too small for its traces.
    """
    try:
        optics = Optics.model_validate(observatory.spectrographs.options)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ObservatoryError(f"spectrographs.options of {observatory.name}: {faults}") from error
    fibres = _fibres(observatory, optics)
    rows = optics.image[0]
    if rows < ROWS_PER_TRACE * (len(fibres) + 1):
        needed = ROWS_PER_TRACE * (len(fibres) + 1)
        raise ObservatoryError(f"spectrographs.options.image: {len(fibres)} traces need {needed} rows, not {rows}")
    lamps = observatory.lamps.units
    layout = Layout(
        optics,
        tuple(Trace(n, (i + 1) * rows // (len(fibres) + 1), t, s) for i, (n, t, s) in enumerate(fibres)),
        tuple(name for name, lamp in lamps.items() if lamp.flavour != "flat"),
        tuple(name for name, lamp in lamps.items() if lamp.flavour == "flat"),
        len(observatory.spectrographs.cameras),
    )
    if layout.columns < 5 * LINES * len(layout.arcs):
        raise ObservatoryError("spectrographs.options.image: too few columns for the lamps' lines")
    return layout


def _fibres(observatory: Observatory, optics: Optics) -> list[tuple[str, str | None, int | None]]:
    """Name, telescope and mask position of every fibre: first the telescopes' own, then the mask's."""
    mask, names = optics.mask_telescope, list(observatory.telescopes.units if observatory.telescopes else ())
    if mask is not None and mask not in names and names:
        raise ObservatoryError(f"spectrographs.options.mask_telescope: no telescope {mask!r}")
    own: list[str | None] = [n for n in names if n != mask or observatory.fibsel is None] or [None]
    each = range(1, optics.fibres_per_telescope + 1)
    fibres: list[tuple[str, str | None, int | None]] = [(f"{n or 'sci'}-{i}", n, None) for n in own for i in each]
    if observatory.fibsel is not None:
        feeding = mask if names else None
        fibres += [(name, feeding, steps) for name, steps in observatory.fibsel.fibres.items()]
    return fibres
