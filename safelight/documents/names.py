"""Known words: their list in a sentence, and the one that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["listed", "nearest"]

LONGEST_NAME = 64  # Longer than any name. difflib is slow on long texts.


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None."""
    folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name[:LONGEST_NAME].casefold(), folded, n=1)
    return folded[found[0]] if found else None


def listed(names: Iterable[str]) -> str:
    """Return `one of a, b, c`, as messages say it."""
    return f"one of {', '.join(names)}"
