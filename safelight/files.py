"""Small files: read without blocking, and written so that a reader never sees half of one."""

import os
import stat
import threading
from contextlib import suppress
from errno import EINVAL
from pathlib import Path

__all__ = ["append_regular", "read_regular", "sync", "write_atomically"]


def read_regular(path: Path, most_bytes: int | None = 1_000_000) -> bytes:
    """Return the content of a regular file.

    Args:
        path: the file.
        most_bytes: what is larger is refused; None: nothing is.

    Raises:
        OSError: it can't be read, is not a regular file, or is too large.
    """
    # Not blocking: a FIFO in its place must not be waited for.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(number, "rb") as file:  # noqa: PTH123 - a descriptor
        _check(path, number)
        content = file.read() if most_bytes is None else file.read(most_bytes + 1)
    if most_bytes is not None and len(content) > most_bytes:
        raise OSError(f"{path} is too large: at most {most_bytes} bytes are expected")
    return content


def append_regular(path: Path, line: bytes) -> None:
    """Add a line to a regular file, which is made where there is none.

    Raises:
        OSError: it can't be written, or is not a regular file.
    """
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        _check(path, number)
        os.write(number, line)
    finally:
        os.close(number)


def _check(path: Path, number: int) -> None:
    if not stat.S_ISREG(os.fstat(number).st_mode):
        raise OSError(EINVAL, "not a regular file", str(path))


def write_atomically(path: Path, content: bytes, *, mode: int = 0o666, durable: bool = False) -> None:
    """Write a file under a temporary name in the same folder, then rename it.

    Args:
        path: the file. Its folder exists.
        content: what it will hold.
        mode: who may read and write it, before the umask.
        durable: whether it has to survive a power cut.

    Raises:
        OSError: it can't be written. What was there before is still there.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    draft.unlink(missing_ok=True)
    # O_EXCL: what another process has put there (a pipe, a link) is not written to.
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(number, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk.

    Raises:
        OSError: it can't be opened, or the disk reports an error.
    """
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
