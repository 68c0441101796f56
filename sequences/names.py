"""The observatory's names, found without regard to case, and the nearest one where there is none."""

import re
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Literal

from safelight.sequences.errors import Refusal, shown
from safelight.sequences.site import Site

__all__ = ["Kind", "Vocabulary", "listed", "nearest", "resolve"]

Kind = Literal["lamp", "fibre", "position"]

LONGEST_NAME = 64  # Longer than any name; difflib is slow on long texts.
LONGEST_PATTERN = 200
MOST_QUANTIFIERS = 6


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None."""
    folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name[:LONGEST_NAME].casefold(), folded, n=1)
    return folded[found[0]] if found else None


def listed(names: Iterable[str]) -> str:
    """`one of a, b, c`, as messages say it."""
    return f"one of {', '.join(names)}"


def resolve(kind: str, name: str, known: Mapping[str, str]) -> str:
    """The name as the observatory writes it; `known` maps folded names to it.

    Raises:
        Refusal: there is none; with the nearest one.
    """
    found = known.get(name.casefold())
    if found is not None:
        return found
    if not known:
        raise Refusal(f"unknown {kind} {shown(name)}: this observatory has none")
    raise Refusal(f"unknown {kind} {shown(name)}", listed(known.values()), nearest(name, known.values()))


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression, once it is known to be harmless.

    Names are short, so what could take for ever is only a repeated group or many quantifiers in a row; both
    are refused. With six quantifiers a name of 30 letters costs some milliseconds at worst.

    Raises:
        Refusal: invalid, too long or too costly.
    """
    plain = re.sub(r"\\.|\(\?", "", pattern, flags=re.DOTALL)
    if len(pattern) > LONGEST_PATTERN:
        raise Refusal("the regular expression is too long", f"at most {LONGEST_PATTERN} characters")
    if re.search(r"\)[*+?{]", plain) or len(re.findall(r"[*+?{]", plain)) > MOST_QUANTIFIERS:
        raise Refusal(
            f"the regular expression {shown(pattern)} may take for ever",
            f"at most {MOST_QUANTIFIERS} of * + ? {{ and none after a group",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on style is not the observer's concern.
            return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refusal(f"{shown(pattern)} is no valid regular expression: {error}") from error


class Vocabulary:
    """A site, indexed once for a whole document."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.lamps = {lamp.name: lamp for lamp in site.lamps}
        self.rank = {lamp.name: place for place, lamp in enumerate(site.lamps)}
        self._names: dict[Kind, dict[str, str]] = {
            "lamp": {name.casefold(): name for name in self.lamps},
            "fibre": {name.casefold(): name for name in site.fibres},
            "position": {name.casefold(): name for name in site.positions},
        }
        self._matching: dict[str, tuple[str, ...]] = {}
        self._moves_s: dict[tuple[str, ...], float] = {}

    def canonical(self, kind: Kind, name: str) -> str:
        """The name as the observatory writes it; raises Refusal where there is none."""
        return resolve(kind, name, self._names[kind])

    def fibres_like(self, pattern: str) -> tuple[str, ...]:
        """The fibres whose names begin like the pattern, in order of motor steps.

        Raises:
            Refusal: the pattern is invalid or matches none.
        """
        if pattern not in self._matching:
            self._matching[pattern] = self._search(pattern)
        return self._matching[pattern]

    def _search(self, pattern: str) -> tuple[str, ...]:
        steps = self.site.fibres
        if not steps:
            raise Refusal("this observatory has no fibre selector")
        match = compiled(pattern).match
        found = sorted((name for name in steps if match(name)), key=lambda name: (steps[name], name))
        if not found:
            raise Refusal(f"{shown(pattern)} matches no fibre", listed(steps), nearest(pattern, steps))
        return tuple(found)

    def moves_s(self, fibres: tuple[str, ...]) -> float:
        """Seconds that the mask is on its way between these fibres, from the first to the last."""
        if fibres not in self._moves_s:
            self._moves_s[fibres] = sum(self.site.move_s(start, end) for start, end in pairwise(fibres))
        return self._moves_s[fibres]
