"""Reason why a host can't be reached, in words of our own."""

import errno
import re
import socket
from collections.abc import Iterator

__all__ = ["why_unreachable"]

_REASONS = {
    errno.ECONNREFUSED: "no program listens on that port; is it running, and is the port right?",
    errno.EHOSTUNREACH: "the host can't be reached; is it on, and is the address right?",
    errno.ENETUNREACH: "its network can't be reached from here",
    errno.ETIMEDOUT: "the host does not answer; is it on, and is the address right?",
    errno.ECONNRESET: "it closed the connection at once",
}
_NO_SUCH_NAME = "no host of that name is known; is the address right?"
_UNKNOWN = "the connection can't be opened; are host and port right?"


def why_unreachable(error: BaseException) -> str:
    """Return the reason why a connection was not opened, and a question that leads further.

    Args:
        error: as a library raised it. The reason is in the error of the operating system that caused it.
    """
    for cause in _causes(error):
        # A name that can't be written as a host's name is a UnicodeError.
        if isinstance(cause, socket.gaierror | UnicodeError):
            return _NO_SUCH_NAME
        # With several addresses of a host, asyncio keeps the numbers in the words only.
        written = re.search(r"\[Errno (\d+)\]", str(cause))
        number = cause.errno if isinstance(cause, OSError) else None
        if number is None and written is not None:
            number = int(written[1])
        if number in _REASONS:
            return _REASONS[number]
    return _UNKNOWN


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and what caused it, down to the first cause."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += getattr(one, "exceptions", ())
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
