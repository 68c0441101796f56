"""Facts of an observatory that a sequence needs: names, defaults and the speed of the mask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["LampDefaults", "SelectorDefaults", "Site"]


@dataclass(frozen=True, slots=True)
class LampDefaults:
    """Lamp of the observatory: its name as written in headers, its usual warm-up (s) and flavour.

    Attributes:
        requires: selector -> the position that lets its light through.
        level: lowest and highest percent to which it can be dimmed; None if it can't.
        min_on_s: its minimum on-time, s.
        label: stands for it in ids of frames and in OBJECT; None: its name.
        shutters: selector -> the positions that block its light while it warms up; empty if nothing does.
    """

    name: str
    warmup_s: float
    flavour: str
    requires: Mapping[str, str] = field(default_factory=dict)
    level: tuple[float, float] | None = None
    min_on_s: float = 0.0
    label: str | None = None
    shutters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """What stands for it in ids of frames and in OBJECT."""
        return self.label or self.name


@dataclass(frozen=True, slots=True)
class SelectorDefaults:
    """Selector of the observatory: its positions, and the default for frames that name none.

    Attributes:
        safe: where it goes at the end; None: it stays.
        takes_s: time of a move with its read-back, s.
    """

    positions: tuple[str, ...]
    default: str | None = None
    safe: str | None = None
    takes_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Site:
    """Vocabulary of an observatory. Names match in any case.

    Attributes:
        lamps: in the observatory's order.
        fibres: name -> motor steps of the mask; empty where there is no fibre selector.
        default_fibres: the regular expression that `fibsel: true` stands for.
        positions: named positions of the telescopes.
        default_position: where lamp frames point unless the document says otherwise. With None, pointing does not
            matter.
        steps_per_s: speed of the mask, motor steps per second.
        settle_s: time that each move of the mask takes in addition to the motion itself, s.
        default_fibre: the fibre of frames for which the document names none; with None the mask does not move.
        still: the telescopes never move, even if a document names a position.
        policies: JSON Schemas that restrict which sequences may run here, name -> schema.
        telescopes: whether there are any.
        cards: FITS keyword -> meaning of the card, for the cards that lamps, selectors and telescopes add to every
            frame.
        sequences: folder of the site's own sequences; None if it has none.
        selectors: in the observatory's order.
        flavours: flavour -> selector -> the position in which its frames are taken.
        dark_at: selector -> the position that keeps light out, where there is no shutter.
        exclusive: groups of lamps of which one can be lit at a time.
        cameras: spectrograph -> its cameras.
        camera_kinds: `b` -> the cameras of that kind, one of each spectrograph.
        alone: what can be exposed without the others: none, spectrographs or cameras.
        own_times: whether cameras can integrate for times of their own.
        counts: whether frames are judged and taken again, so that exposure times can be found from counts.
        monitor: whether there is a lamp monitor, so that a warm-up can end when the light is steady.
        light_tight: the shutters are declared light-tight.
        source_shutters: lamps may warm up behind source shutters.
        switching_s: time that a lamp needs to be switched on and off, s.
        reading_s: time until lamps and selectors are read back, s.
    """

    lamps: tuple[LampDefaults, ...]
    fibres: Mapping[str, int] = field(default_factory=dict)
    default_fibres: str = "P1-"
    positions: tuple[str, ...] = ()
    default_position: str | None = None
    steps_per_s: float = 1.0
    settle_s: float = 0.0
    default_fibre: str | None = None
    still: bool = False
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    telescopes: bool = True
    cards: Mapping[str, str] = field(default_factory=dict)
    sequences: Path | None = None
    selectors: Mapping[str, SelectorDefaults] = field(default_factory=dict)
    flavours: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dark_at: Mapping[str, str] = field(default_factory=dict)
    exclusive: tuple[tuple[str, ...], ...] = ()
    cameras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    camera_kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alone: str = "none"
    own_times: bool = False
    light_tight: bool = False
    source_shutters: bool = False
    counts: bool = False
    monitor: bool = False
    switching_s: float = 0.0
    reading_s: float = 0.0

    def move_s(self, start: str, end: str) -> float:
        """Return the seconds that the mask takes from one fibre to another, 0 for the same fibre."""
        distance = abs(self.fibres[end] - self.fibres[start])
        return distance / self.steps_per_s + self.settle_s if distance else 0.0
