"""Tokens of people for the web page: made by a command, hashed in the journal, and removed again.

A token is 256 random bits, so that its plain sha256 can't be reversed by trying. It is printed once, and kept nowhere.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa

from safelight.engine.clock import wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal

__all__ = ["RIGHTS", "Person", "Right", "add_person", "hash_of", "people", "remove_person"]

Right = Literal["watch", "darken", "run"]
"""What a person may do: look; also switch lamps off, pause and abort; also start, resume and change the queue."""
RIGHTS: tuple[Right, ...] = get_args(Right)
"""Rights in their order: each includes those before it."""

_BYTES = 32
_NAME = re.compile(r"[^\W_](?:[\w .'-]{0,58}[^\W_])?")


@dataclass(frozen=True, slots=True)
class Person:
    """Holder of a token.

    Attributes:
        name: unique in the journal.
        may: the highest right.
        made: when the token was made, UTC.
        made_by: the requester.
    """

    name: str
    may: Right
    made: str = ""
    made_by: str = ""

    def has(self, right: Right) -> bool:
        """Return whether the person has a right."""
        return RIGHTS.index(right) <= RIGHTS.index(self.may)


def hash_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogateescape")).hexdigest()


def add_person(journal: Journal, name: str, may: Right, made_by: str) -> str:
    """Enter a person. Return the new token.

    Raises:
        RunRefused: the name is taken, or can't be a name.
        JournalError: it can't be written.
    """
    if not _NAME.fullmatch(name):
        raise RunRefused(
            "expected a name of at most 60 letters, digits, spaces and . ' -, with a letter or digit at both ends, "
            f"got {name!r}"
        )
    token, columns = secrets.token_urlsafe(_BYTES), tables.tokens.c
    made = wall_utc().isoformat(timespec="milliseconds")
    with journal.alone():
        if journal.read(sa.select(columns.name).where(columns.name == name)):
            raise RunRefused(f"{name} has a token already; `safelight token remove` removes it")
        values = {"name": name, "hash": hash_of(token), "may": may, "made": made, "made_by": made_by}
        journal.write(sa.insert(tables.tokens), values)
    return token


def remove_person(journal: Journal, name: str) -> None:
    """Remove a person. The token is not accepted any more.

    Raises:
        RunRefused: there is none.
        JournalError: it can't be written.
    """
    with journal.alone():
        if not journal.write(sa.delete(tables.tokens).where(tables.tokens.c.name == name)):
            raise RunRefused(f"nobody has a token under the name {name!r}; `safelight token list` lists them")


def people(journal: Journal) -> Mapping[str, Person]:
    """Return the people by the hashes of their tokens, in the order of their names."""
    rows = journal.read(sa.select(tables.tokens).order_by(tables.tokens.c.name))
    return {row["hash"]: _person(row) for row in rows if row["may"] in RIGHTS}


def _person(row: Mapping[str, Any]) -> Person:
    return Person(row["name"], row["may"], row["made"], row["made_by"])
