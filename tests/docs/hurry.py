"""A page tells what a person types at night. A test has no night, and no port that is surely free."""

import re

__all__ = ["hurried"]

# Commands that know --speed, where the page tells none and the instrument can be hurried.
_SLOW = re.compile(
    r"(?<![\w/.-])safelight (?:run|resume|point|fibsel|expose)\b"
    r"(?!(?:[^|;&\n\\]|\\\n)*(?:--speed|--dry-run|--help|relays\.yaml|camera\.yaml|bench\.yaml|dome\.yaml --frames))"
)
_LISTENING = re.compile(r"(?<![\w/.-])safelight serve\b(?![^|;&\n]*--port)")


def hurried(text: str) -> str:
    """Commands of a shell with `--speed max` where they tell no speed, and any free port where they tell none."""
    quick = _SLOW.sub(lambda found: f"{found[0]} --speed max", text)
    return _LISTENING.sub(lambda found: f"{found[0]} --port 0", quick)
