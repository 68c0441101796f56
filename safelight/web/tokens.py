"""Token that every change needs: made at every start, and kept in a file that only its owner can read."""

import secrets
from pathlib import Path

from safelight.errors import SafelightError
from safelight.files import write_atomically

__all__ = ["TOKEN_FILE", "TokenError", "keep_token", "new_token", "same"]

TOKEN_FILE = "web-token"  # noqa: S105 - the file's name
_BYTES = 32


class TokenError(SafelightError):
    """Token that can't be kept."""


def new_token() -> str:
    """Return 256 random bits, in letters that are safe in a URL and a clipboard."""
    return secrets.token_urlsafe(_BYTES)


def same(token: str, given: str) -> bool:
    """Compare in constant time."""
    return secrets.compare_digest(token.encode(), given.encode("utf-8", errors="surrogateescape"))


def keep_token(home: Path, token: str) -> Path:
    """Write the token to `web-token` in the state folder, with mode 600 from the beginning. An old one is replaced.

    Raises:
        TokenError: it can't be written.
    """
    path = home / TOKEN_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        write_atomically(path, f"{token}\n".encode("ascii"), mode=0o600)
    except OSError as error:
        raise TokenError(f"the token can't be kept in {path}: {error.strerror}") from None
    return path
