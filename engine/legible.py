"""Words for people, whatever somebody has written into a name: nothing in them steers a terminal. Light: no imports."""

__all__ = ["legible"]

_KEPT = "\n\t"
_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def legible(text: str) -> str:
    """The same words, with a sign for each letter that can't be printed.

    Those are what steers a terminal (escape sequences), what turns the direction of writing, what can't be seen at
    all, and bytes of a file's name that are no letters.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in _KEPT else _sign(letter) for letter in text)


def _sign(letter: str) -> str:
    return " " if letter.isspace() and letter not in "\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029" else _INSTEAD
