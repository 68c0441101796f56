"""A sweep's arithmetic: which fibres, in which order, and how long each is lit."""

from collections.abc import Sequence

from safelight.sequences.errors import Refusal, shown
from safelight.sequences.frames import Sweep
from safelight.sequences.names import Vocabulary, listed, nearest

__all__ = ["dwell_s", "route", "sweep"]

ROUNDING_S = 1e-9  # Sums of decimal fractions are not exact.
REST_S = 1.0  # The last fibre may stay lit so much longer without a word.


def route(positions: str | tuple[str, ...] | None, initial: str | None, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The fibres in the order in which they are lit.

    Args:
        positions: a regular expression (order of motor steps), a list (as written), or None: the site's
            default.
        initial: where to begin; None: at the first.
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
    """Seconds on target for each fibre; all the same.

    Args:
        count: number of fibres.
        moves_s: what all moves between them take, s.
        exposure_s: the exposure during which the mask moves, s.
        asked_s: time for each fibre that the document asks for, s; None: as long as fits.
        strict: refuse to shorten what was asked.

    Raises:
        Refusal: the sweep can't fit.
    """
    fits_s = (exposure_s - moves_s) / count
    if fits_s > 0 and (asked_s is None or asked_s <= fits_s + ROUNDING_S):
        return fits_s if asked_s is None else min(fits_s, asked_s)
    within = f"in an exposure of {exposure_s:g} s"
    moving = f"{count - 1} moves of {moves_s:.4g} s in all"
    if asked_s is not None and count * asked_s > exposure_s + ROUNDING_S:
        raise Refusal(
            f"the sweep can't fit: {count} fibres x {asked_s:g} s = {count * asked_s:g} s, {within}",
            f"at most {exposure_s / count:.4g} s for each fibre, moves not counted",
        )
    if fits_s <= 0:
        raise Refusal(f"the sweep can't fit: {moving}, {within}", f"an exposure longer than {moves_s:.4g} s")
    if strict:
        raise Refusal(
            f"the sweep can't fit: {count} fibres x {asked_s:g} s and {moving}, {within}",
            f"at most {fits_s:.4g} s for each fibre, or `fit: shorten`",
        )
    return fits_s


def sweep(
    fibres: tuple[str, ...], exposure_s: float, asked_s: float | None, vocabulary: Vocabulary, *, strict: bool
) -> tuple[Sweep, Sequence[str]]:
    """The mask's path during one exposure, and what the observer should be told of it.

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
