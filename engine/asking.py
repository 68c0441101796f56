"""Who asks for something, in the words that journals and logs keep. Light: every command may import it."""

import getpass
import os
import socket

from safelight.engine.legible import legible

__all__ = ["STOPS", "asker", "in_one_line"]

_LONGEST = 200
"""Letters."""
STOPS = ("abort", "pause")
"""What a run can be asked for while it goes on."""


def asker(way: str, *, where: str = "") -> str:
    """Who asks: `the command line (user@host, process 12)`, `the web page (from 127.0.0.1; user@host, process 12)`.

    Args:
        way: by which it came: `the command line`, `the web page`, `Python`.
        where: from which address, where it came over a network.
    """
    return f"{way} ({f'from {where}; ' if where else ''}{_user()}@{socket.gethostname()}, process {os.getpid()})"


def in_one_line(who: str) -> str:
    """What somebody calls themselves: one line, not too long, that steers no terminal."""
    return " ".join(legible(who).split())[:_LONGEST] or "somebody"


def _user() -> str:
    try:
        return in_one_line(getpass.getuser())
    except (KeyError, OSError):
        return "somebody"
