"""The frames that a sequence asks for, each with everything it needs."""

from dataclasses import dataclass

__all__ = ["Frame", "Sweep"]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A mask that moves from fibre to fibre during one exposure.

    Attributes:
        fibres: in the order in which they are lit.
        dwell_s: seconds on target for each fibre, moves not counted; same length as `fibres`.
        asked_s: what the document asked for each fibre (`time_per_position`); None where it asked nothing.
    """

    fibres: tuple[str, ...]
    dwell_s: tuple[float, ...]
    asked_s: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One exposure that the sequence asks for; a value.

    Attributes:
        id: never changes for a given sequence: `bias-001`, `dark-900s-001`, `LDLS-270s-002`,
            `HgNe+Neon-10s-001`.
        flavour: bias, dark, arc, flat or object.
        exposure_s: integration time, s; 0 for a bias.
        lamps: the lamps that are lit while it integrates, and no other; sorted by the observatory's order.
        warmup_s: how long each of `lamps` has been lit before the integration, s, at least; same length.
        position: the telescopes' named position, or None where pointing does not matter.
        fibre: the one fibre that the mask lights; None where the mask sweeps or does not matter.
        sweep: the mask's path during the exposure, or None.
        object: the FITS keyword OBJECT: the lamps' names joined by `+`, or `bias` or `dark`.
        header: extra FITS cards, as (keyword, value).
    """

    id: str
    flavour: str
    exposure_s: float
    lamps: tuple[str, ...] = ()
    warmup_s: tuple[float, ...] = ()
    position: str | None = None
    fibre: str | None = None
    sweep: Sweep | None = None
    object: str = ""
    header: tuple[tuple[str, str | int | float | bool], ...] = ()
