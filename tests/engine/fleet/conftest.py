"""Journals of both kinds, as the tests of the records have them."""

from tests.engine.records.conftest import postgres, postgres_url, url  # noqa: F401 - fixtures
