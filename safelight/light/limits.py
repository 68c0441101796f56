"""Limits of the rules: where a frame becomes suspect, and where it becomes bad."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

__all__ = ["Limits", "limits_with"]

Pair = tuple[float, float]
"""The value at which a frame is suspect, and the one at which it is bad."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every threshold of the judge. The measurements behind them are in docs/explanation/light.md.

    Attributes:
        frozen: share of rows that are constant or equal to the row before.
        columns: share of columns that are constant: an amplifier is dead.
        level: change of the overscan level against the reference, ADU.
        noise: ratio of the noise to the reference, upwards.
        quiet: the same ratio, downwards.
        unwanted: light in a bias or dark, ADU above the reference.
        skew: uneven light in a bias or dark, ADU.
        no_light: smallest contrast of a lit frame: in ADU, and as a multiple of the noise of a tile.
        saturated: share of pixels at full well.
        amount: lower limits on the ratio of the light to the reference.
        excess: upper limits on the same ratio.
        shape: correlation with the reference.
        missing: share of the reference's light that is not there.
        foreign: share of the light that is where the reference has none.
        colour: change of the spectrum of a flat along the columns, as a share of its light.
        own_lines: ratio of the light in the lines of one lamp of several.
        fibres: ratio below which a fibre is dark, and the share of dark fibres that is bad.
        anchor: ratio of the light to the first frames after the last `forget`; there is no bad.
    """

    frozen: Pair = (0.0, 0.005)
    columns: Pair = (0.02, 0.1)
    level: Pair = (5.0, 50.0)
    noise: Pair = (1.2, 2.0)
    quiet: Pair = (1 / 1.2, 0.3)
    unwanted: Pair = (5.0, 20.0)
    skew: Pair = (10.0, 40.0)
    no_light: Pair = (5.0, 6.0)
    saturated: Pair = (0.01, 0.05)
    amount: Pair = (0.75, 0.25)
    excess: Pair = (1.33, 4.0)
    shape: Pair = (0.8, 0.3)
    missing: Pair = (0.05, 0.12)
    foreign: Pair = (0.03, 0.10)
    colour: Pair = (0.15, 0.6)
    own_lines: Pair = (0.7, 0.25)
    fibres: Pair = (0.5, 0.05)
    anchor: Pair = (0.6, 0.0)


def limits_with(changes: Mapping[str, Pair]) -> Limits:
    """Return the limits with some of them replaced.

    Args:
        changes: name of a limit -> its two values.

    Raises:
        ValueError: there is no limit of that name.
    """
    known = {field.name for field in fields(Limits)}
    for name in changes:
        if name not in known:
            raise ValueError(f"unknown limit {name!r}; expected one of {', '.join(sorted(known))}")
    return replace(Limits(), **changes)
