"""Tokens of people in the journal: hashed, named, and removed."""

import hashlib
from contextlib import closing

import pytest

from safelight.engine.errors import RunRefused
from safelight.engine.fleet.people import Person, add_person, hash_of, people, remove_person
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from tests.crash.check import rows_of


def test_a_token_is_kept_as_its_hash(url: str) -> None:
    """The journal has the sha256 of a token, and neither the token nor any part of it."""
    with closing(Journal(url)) as journal:
        token = add_person(journal, "Ana", "run", "a test")
        (row,) = rows_of(url, tables.tokens)
        assert row["hash"] == hashlib.sha256(token.encode()).hexdigest()
        assert not any(token[:12] in str(value) for value in row.values())
        assert people(journal) == {hash_of(token): Person("Ana", "run", row["made"], "a test")}
        with pytest.raises(RunRefused, match="Ana has a token already"):
            add_person(journal, "Ana", "watch", "a test")
        remove_person(journal, "Ana")
        assert people(journal) == {}
        with pytest.raises(RunRefused, match="nobody has a token under the name 'Ana'"):
            remove_person(journal, "Ana")
        assert add_person(journal, "Ana", "watch", "a test") != token


@pytest.mark.parametrize("name", ["", " ", "-a", "a\nb", "<b>", "x" * 61, "a "])
def test_names_that_are_none(url: str, name: str) -> None:
    """What can't be seen in the journal is no name."""
    with closing(Journal(url)) as journal, pytest.raises(RunRefused, match="expected a name"):
        add_person(journal, name, "run", "a test")
