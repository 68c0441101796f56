"""Everything that the documentation tells a reader to do, done."""

from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, FREE, blocks_of, pages
from tests.docs.conftest import at_the_server
from tests.docs.reader import Reader

PAGES = [page for page in pages() if any(block.language not in FREE for block in blocks_of(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_page_can_be_followed(
    page: Path, reader: Reader, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Whoever does what the page says, in its order, sees what it shows, and has nothing left at work at its end."""
    if any(block.marks.get("needs") == "postgresql" for block in blocks_of(page)):
        environment |= at_the_server(request.getfixturevalue("postgres"))
    for block in blocks_of(page):
        reader.do(block)
    assert reader.close() == []
