"""Text of the CLU protocol: commands that no argument can break, and replies."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DONE", "ENDINGS", "Reply", "UnspeakableError", "as_json", "command_string", "complaint"]

DONE = ":"
ENDINGS = frozenset({DONE, "f", "!"})
"""Message codes that end a command. The code `e` (error) does not."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class UnspeakableError(ValueError):
    """Argument that can't be written in a command string."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code (`>` started, `d i w e` on the way, `: f !` the end) and its keywords."""

    code: str
    keywords: Mapping[str, Any] = field(default_factory=dict)


def command_string(verb: str, *arguments: object) -> str:
    """Return a command as an actor parses it: split like a shell line, then read by click.

    Args:
        verb: one or more words of the actor's grammar (`shutter status`).
        arguments: each becomes exactly one argument, whatever is in it.

    Raises:
        UnspeakableError: control characters, or `--help` anywhere, which would turn the whole command into a request
            for help that is answered with "done".
    """
    words = [verb]
    for argument in arguments:
        text = str(argument)
        if "--help" in text or _CONTROL.search(text):
            raise UnspeakableError(f"the argument {text!r} can't be sent to an actor")
        words.append(shlex.quote(text))
    return " ".join(words)


def as_json(value: object) -> str:
    """Return JSON that is safe in a command: ASCII, and never with `--help` in it."""
    return json.dumps(value, separators=(",", ":")).replace("--help", "\\u002d-help")


def complaint(replies: Iterable[Reply]) -> str:
    """Return an actor's reason for a failure: the last `error` that it sent, in any form."""
    reasons = [_reason(reply.keywords["error"]) for reply in replies if "error" in reply.keywords]
    texts = [str(reply.keywords["text"]) for reply in replies if reply.code in "fe" and "text" in reply.keywords]
    return (reasons or texts or ["it gave no reason"])[-1]


def _reason(error: Any) -> str:
    """Return the words of an error: a string, `{message, module, type, ...}` or `{controller, error}`."""
    if not isinstance(error, dict):
        return str(error)
    words = str(error.get("message") or error.get("error") or error)
    return f"{error['controller']}: {words}" if "controller" in error else words
