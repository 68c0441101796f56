"""Parts of a report, before it is HTML or Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Banner", "Code", "Figure", "FrameCard", "Frames", "Part", "Section", "Table", "Words"]


@dataclass(frozen=True, slots=True)
class Banner:
    """Prominent status line. `tone` is `good`, `warning`, `bad` or `plain`."""

    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class Words:
    """Paragraph of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Verbatim text, folded at first."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a table. `folded` is the title under which they are folded at first, or empty."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    folded: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """Picture. In Markdown it is the drawing's text `instead`, if there is one."""

    svg: str
    words: str
    instead: str = ""


@dataclass(frozen=True, slots=True)
class FrameCard:
    """One frame with its picture.

    Attributes:
        thumbnail: a PNG; empty if the file could not be read.
        spectrum: inline SVG.
        facts: from the header, name and value.
    """

    frame: str
    verdict: str
    words: str
    thumbnail: bytes
    spectrum: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames with their pictures, as many as there is room for."""

    cards: tuple[FrameCard, ...]
    left_out: str = ""


Part = Banner | Words | Code | Table | Figure | Frames


@dataclass(frozen=True, slots=True)
class Section:
    """Part of a report with its heading."""

    title: str
    parts: tuple[Part, ...]
