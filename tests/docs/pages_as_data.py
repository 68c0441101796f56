"""What a page says, as data: its tables, headings and links."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.blocks import DOCS

__all__ = ["anchors", "links", "named", "rows"]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def rows(page: str, *heads: str) -> list[dict[str, str]]:
    """Return every row of the tables of a page whose first heads are these. Head -> cell."""
    found: list[dict[str, str]] = []
    names: list[str] = []
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if not line.startswith("|"):
            names = []
        elif not names:
            names = cells
        elif tuple(names[: len(heads)]) == heads and set(cells) != {"---"}:
            found.append(dict(zip(names, cells, strict=True)))
    assert found, f"{page} has no table with {heads}"
    return found


def named(cell: str) -> list[str]:
    """Return what a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(page: Path) -> set[str]:
    """Return what a link to a heading of a page may say."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield every link of a page to a file: the file and the anchor within it, empty where there is none."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            name, _, anchor = target.partition("#")
            yield (page.parent / name).resolve() if name else page, anchor
