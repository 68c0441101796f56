"""Arithmetic of a sweep: its fibres, their order, and the time for which each is lit."""

from collections.abc import Sequence
from math import ceil, floor

from safelight.sequences.errors import Refusal, shown
from safelight.sequences.frames import Sweep
from safelight.sequences.names import Vocabulary, listed, nearest

__all__ = ["dwell_s", "route", "sweep"]

ROUNDING_S = 1e-9  # Sums of decimal fractions are not exact.
REST_S = 1.0  # The last fibre may stay lit this much longer without a warning.


def route(positions: str | tuple[str, ...] | None, initial: str | None, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the fibres in the order in which they are lit.

    Args:
        positions: a regular expression (order of motor steps), a list (as written), or None: the site's
            default.
        initial: the fibre to start with; None: the first.
        vocabulary: the site.

    Raises:
        Refusal: no fibre matches, or `initial` is not among them.
    """
    if positions is None:
        positions = vocabulary.site.default_fibres
    fibres = vocabulary.fibres_like(positions) if isinstance(positions, str) else positions
    if initial is None:
        return fibres
    if initial not in fibres:
        raise Refusal(f"{shown(initial)} is not among the positions", listed(fibres), nearest(initial, fibres))
    start = fibres.index(initial)
    return fibres[start:] + fibres[:start]


def dwell_s(count: int, moves_s: float, exposure_s: float, asked_s: float | None, *, strict: bool) -> float:
    """Return the seconds on target, which are the same for each fibre.

    Args:
        count: number of fibres.
        moves_s: duration of all moves between them, s.
        exposure_s: the exposure during which the mask moves, s.
        asked_s: time for each fibre that the document requests, s; None: as long as fits.
        strict: refuse to shorten the requested time.

    Raises:
        Refusal: the sweep can't fit.
    """
    fits_s = (exposure_s - moves_s) / count
    if fits_s > 0 and (asked_s is None or asked_s <= fits_s + ROUNDING_S):
        return fits_s if asked_s is None else min(fits_s, asked_s)
    too_long = asked_s is not None and count * asked_s > exposure_s + ROUNDING_S
    if fits_s > 0 and not too_long and not strict:
        return fits_s
    moving = f"{count - 1} moves of {moves_s:.4g} s in all"
    wanted = moving if asked_s is None else f"{count} fibres x {asked_s:g} s and {moving}"
    raise Refusal(
        f"the sweep can't fit: {wanted}, in an exposure of {exposure_s:g} s",
        _advice(count, moves_s, fits_s, asked_s, shorten=strict and not too_long),
    )


def _advice(count: int, moves_s: float, fits_s: float, asked_s: float | None, *, shorten: bool) -> str:
    """Return advice on what would fit, moves included, rounded to the safe side."""
    least_s = ceil((moves_s + count * (asked_s or 0.0)) * 10 + ROUNDING_S) / 10
    exposure = f"an exposure longer than {least_s:g} s" if asked_s is None else f"an exposure of {least_s:g} s"
    each_s = floor(fits_s * 100) / 100
    if asked_s is None or each_s <= 0:
        return f"{exposure}, or fewer fibres"
    return f"{exposure}, or at most {each_s:g} s for each fibre" + (", or `fit: shorten`" if shorten else "")


def sweep(
    fibres: tuple[str, ...], exposure_s: float, asked_s: float | None, vocabulary: Vocabulary, *, strict: bool
) -> tuple[Sweep, Sequence[str]]:
    """Return the mask's path during one exposure, and warnings for the observer.

    The last fibre stays lit until the exposure ends, so its dwell includes the time that is left over. The recorded
    dwell is the real one.

    The last fibre stays lit until the exposure ends, so its dwell includes whatever is left over: what is
    recorded is what happens.

    Raises:
        Refusal: the sweep can't fit.
    """
    moves_s, count = vocabulary.moves_s(fibres), len(fibres)
    each_s = dwell_s(count, moves_s, exposure_s, asked_s, strict=strict)
    last_s = exposure_s - moves_s - (count - 1) * each_s
    told = []
    if asked_s is not None and each_s < asked_s - ROUNDING_S:
        told.append(
            f"{count} fibres x {asked_s:g} s and {moves_s:.4g} s of moves don't fit in {exposure_s:g} s: "
            f"each fibre gets {each_s:.4g} s instead of {asked_s:g} s"
        )
    if last_s - each_s > REST_S:
        told.append(
            f"{count} fibres x {each_s:g} s and {moves_s:.4g} s of moves leave {last_s - each_s:.4g} s of "
            f"{exposure_s:g} s: the last fibre, {fibres[-1]}, gets {last_s:.4g} s"
        )
    return Sweep(fibres, (each_s,) * (count - 1) + (last_s,), asked_s), told
