"""One frame, as the states need it: what it demands of the instrument, and what was read back while it was taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from safelight.devices.protocols import AltAz, ExposureOrder, LampState

__all__ = ["Card", "Exposure", "FrameFile", "Need", "Taken", "TakenFrame"]

Card = tuple[str, str | int | float | bool]
"""A FITS card: keyword and value."""


@dataclass(frozen=True, slots=True)
class Need:
    """The instrument state that a frame demands before it integrates.

    Attributes:
        lamps: exactly these are lit.
        warmup_s: for each of `lamps`, how long it has burnt at least, s.
        position: the telescopes' named position; None: anywhere.
        fibre: the fibre that the mask lights at first; None: any.
        tolerated: lamps that may already warm up, behind a shutter that is proven light-tight.
    """

    lamps: tuple[str, ...] = ()
    warmup_s: tuple[float, ...] = ()
    position: str | None = None
    fibre: str | None = None
    tolerated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exposure:
    """What expose and readout have to know of a frame.

    Attributes:
        frame: the frame's id.
        object: the FITS keyword OBJECT.
        sweep: the fibres that the mask lights during the exposure, in order; empty where it stands still.
        dwell_s: seconds on target for each of them.
        asked_dwell_s: the document's time per fibre, s; None where it asked nothing.
        header: extra FITS cards of the document.
    """

    frame: str
    flavour: str
    exposure_s: float
    need: Need
    object: str
    sweep: tuple[str, ...] = ()
    dwell_s: tuple[float, ...] = ()
    asked_dwell_s: float | None = None
    header: tuple[Card, ...] = ()

    @property
    def order(self) -> ExposureOrder:
        """What the spectrographs are told."""
        return ExposureOrder(flavour=self.flavour, exposure_s=self.exposure_s, name=self.frame)


@dataclass(frozen=True, slots=True)
class Taken:
    """What is known of an integration that has ended; its charge waits to be read out.

    Attributes:
        exposure_no: the spectrographs' number for it.
        attempt: 1 for the first try of this frame.
        started: when the integration was asked for, UTC.
        lamps: every lamp as read back: off unless read on.
        warm_s: seconds for which each lit lamp had burnt when the integration was asked for.
        pointing: each telescope as read back before the integration.
        fibre_steps: the mask as read back before the integration, motor steps.
    """

    exposure_no: int
    attempt: int
    started: datetime
    lamps: tuple[tuple[str, LampState], ...]
    warm_s: tuple[tuple[str, float], ...]
    pointing: tuple[tuple[str, AltAz], ...]
    fibre_steps: int | None


@dataclass(frozen=True, slots=True)
class FrameFile:
    """One file on disk, as it was read back: its size in bytes and its sha256."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """A frame on disk: the last thing that is recorded of it.

    Attributes:
        verdict: `good`, or `bad` with its reason; a bad one lies aside and is taken again.
    """

    frame: str
    attempt: int
    exposure_no: int
    files: Sequence[FrameFile]
    verdict: str = "good"
    reason: str | None = None
