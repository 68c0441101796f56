"""The token without which nothing is changed: made at every start, kept in a file that only its owner can read."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from safelight import SafelightError

__all__ = ["TOKEN_FILE", "TokenError", "keep_token", "new_token", "same"]

TOKEN_FILE = "web-token"  # noqa: S105 - the file's name
_BYTES = 32


class TokenError(SafelightError):
    """The token can't be kept."""


def new_token() -> str:
    """256 random bits, in letters that survive a URL and a clipboard."""
    return secrets.token_urlsafe(_BYTES)


def same(token: str, given: str) -> bool:
    """Compare in constant time."""
    return secrets.compare_digest(token.encode(), given.encode("utf-8", errors="surrogateescape"))


def keep_token(home: Path, token: str) -> Path:
    """Write the token to `web-token` in the home, mode 600 from its first moment; what stood there is replaced.

    Raises:
        TokenError: it can't be written.
    """
    path = home / TOKEN_FILE
    draft = home / f".{TOKEN_FILE}.{secrets.token_hex(4)}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        # O_EXCL: nobody has laid a file or a link there for us to write into.
        number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(number, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            file.write(token + "\n")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise TokenError(f"the token can't be kept in {path}: {error.strerror}") from None
    return path
