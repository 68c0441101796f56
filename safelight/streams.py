"""Standard streams that never raise, so that a full disk, a closed pipe or a missing terminal changes no action.

Exit code and order of commands depend on the lamps only. Lost output is noted and can be reported.
"""

import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Unfailing", "lost_output", "open_streams"]

_RESULTS, _ERRORS = 1, 2
"""Descriptors of standard output and standard error."""


class Unfailing(io.FileIO):
    """Lowest layer of a standard stream. Output that can't be written is dropped, and the first reason is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: "ReadableBuffer") -> int:
        """Write as much as possible. Every call tries again, because a full disk may have room again."""
        size = memoryview(data).nbytes
        try:
            written = super().write(data)
            while written is None:  # another process has made the pipe non-blocking
                select.select([], [self.fileno()], [])
                written = super().write(data)
        except (OSError, ValueError) as error:
            self.failure = self.failure or (error if isinstance(error, OSError) else OSError(str(error)))
            return size
        return written


def open_streams() -> None:
    """Replace standard output and standard error by streams that never raise. Open missing ones.

    Otherwise one of our files would get the descriptor of a missing stream.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _unfailing(_RESULTS, sys.stdout)
    sys.stderr = _unfailing(_ERRORS, sys.stderr)


def _unfailing(number: int, before: TextIO | None) -> TextIO:
    """Return a text stream on that descriptor. A letter that its encoding lacks is written as an escape."""
    return io.TextIOWrapper(
        io.BufferedWriter(Unfailing(number)),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors="backslashreplace",
        # Unchanged: a terminal and an unbuffered Python (`-u`, PYTHONUNBUFFERED) get each line immediately.
        line_buffering=os.isatty(number) or number == _ERRORS or getattr(before, "write_through", False),
    )


def lost_output() -> OSError | None:
    """Return why a part of standard output was lost, or None if it was not, or if its reader has closed it."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = raw.failure if isinstance(raw, Unfailing) else None
    return None if isinstance(failure, BrokenPipeError) else failure
