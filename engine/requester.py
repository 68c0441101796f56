"""Name of a requester, as journals and logs keep it. It imports little, so that every command may import it."""

import getpass
import os
import socket

from safelight.text import legible

__all__ = ["STOPS", "command_line_requester", "in_one_line", "requester_name"]

_LONGEST = 200
"""Longest name, characters."""
STOPS = ("abort", "pause")
"""Requests to a run while it is running."""


def requester_name(way: str, *, where: str = "") -> str:
    """Return the requester, such as `the command line (user@host, process 12)`.

    Args:
        way: the front door: `the command line`, `the web page`, `Python`.
        where: the address, if it came over a network.
    """
    return f"{way} ({f'from {where}; ' if where else ''}{_user()}@{socket.gethostname()}, process {os.getpid()})"


def command_line_requester(given: str | None) -> str:
    """Return the requester of a command: the name given with --asked-by, or the user at the command line."""
    return in_one_line(given) if given else requester_name("the command line")


def in_one_line(who: str) -> str:
    """Return a name as one line of limited length, without control characters."""
    return " ".join(legible(who).split())[:_LONGEST] or "somebody"


def _user() -> str:
    try:
        return in_one_line(getpass.getuser())
    except (KeyError, OSError):
        return "somebody"
