"""Everything that the documentation tells a reader to do, done."""

from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, FREE, blocks_of, pages
from tests.docs.conftest import at_the_server
from tests.docs.device_servers import devices_for
from tests.docs.reader import Reader

PAGES = [page for page in pages() if any(block.language not in FREE for block in blocks_of(page))]


# A page is many commands, some of them whole test suites.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_page_can_be_followed(
    page: Path, reader: Reader, environment: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Whoever does what the page says, in its order, sees what it shows, and has nothing left at work at its end."""
    if any(block.marks.get("needs") == "postgresql" for block in blocks_of(page)):
        environment |= at_the_server(request.getfixturevalue("postgres"))
    with devices_for(page, tmp_path) as addresses:
        environment |= addresses
        _follow(page, reader)


def _follow(page: Path, reader: Reader) -> None:
    for block in blocks_of(page):
        reader.do(block)
    assert reader.close() == []
