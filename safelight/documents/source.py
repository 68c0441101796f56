"""Text of a document: from a file that is checked before it is read, and its format."""

import os
import re
import stat
from pathlib import Path

from safelight.documents.errors import Unreadable
from safelight.documents.json_text import parse_json
from safelight.documents.parsed import Parsed
from safelight.documents.yaml_text import parse_yaml

__all__ = ["parse", "read_text"]

MOST_BYTES = 1_000_000  # A sequence of 1,000 exposures has some 100,000.

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def read_text(file: Path) -> str:
    """Return the text of a file.

    Raises:
        Unreadable: missing, not a regular file, too large, or not UTF-8.
    """
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("not a regular file")
        if found.st_size > MOST_BYTES:
            raise Unreadable(f"too large: {found.st_size} bytes, at most {MOST_BYTES} are allowed")
        # Not blocking, in case a FIFO has replaced the file.
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:  # noqa: PTH123
            content = opened.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise Unreadable("no such file") from error
    except (OSError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(f"can't be read: {reason}") from error
    if len(content) > MOST_BYTES:
        raise Unreadable(f"too large: more than {MOST_BYTES} bytes")
    return _decoded(content)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"not UTF-8: byte 0x{content[error.start]:02x}", line) from error


def parse(text: str, *, only_json: bool = False, loose: bool = False, any_key: bool = False) -> Parsed:
    """Return plain values from YAML or JSON text.

    A text that begins like JSON is tried as JSON first: the two differ in numbers such as `1e3`.

    Args:
        text: text of the document.
        only_json: refuse YAML.
        loose: read `on`, `1e3` and similar words as YAML 1.1 does, instead of refusing them.
        any_key: take a number or a date as a key's text, instead of refusing it.

    Raises:
        Unreadable: it is neither, or it is empty.
    """
    if not text.strip():
        raise Unreadable("the file is empty", 1)
    if odd := _CONTROL.search(text):
        raise Unreadable(f"control character {odd.group()!r}", text.count("\n", 0, odd.start()) + 1)
    if only_json or text.lstrip().startswith("{"):
        try:
            return parse_json(text)
        except Unreadable:
            if only_json:
                raise
    return parse_yaml(text, loose=loose, any_key=any_key)
