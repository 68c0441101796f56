"""Journals of both kinds, and the small observatory, as the tests of the records have them."""

from tests.engine.records.conftest import postgres, postgres_url, small, url, warm  # noqa: F401 - fixtures
