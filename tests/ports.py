"""Ports for servers that have to be told theirs before they start."""

import os
import random
import socket
from itertools import count

__all__ = ["free_port"]

_FIRST, _LAST = 12_000, 30_000
"""Below those that the system gives to connections and to servers that let it choose: it gives ours to nobody."""
_TRIES = count(random.Random(os.getpid()).randrange(_LAST - _FIRST))  # noqa: S311 - spreads processes, hides nothing


def free_port() -> int:
    """Return a port of the loopback that nobody listens on, and that this process has not returned lately."""
    while True:
        port = _FIRST + next(_TRIES) % (_LAST - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
