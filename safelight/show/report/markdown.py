"""Report as Markdown: the same facts, with a Mermaid drawing instead of pictures. Pure functions."""

import re
from collections.abc import Iterator, Sequence

from safelight.show.report.parts import Banner, Code, Figure, Frames, Part, Section, Table, Words

__all__ = ["to_markdown"]

_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def to_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the whole file.

    Args:
        title: title of the page.
        sections: in order.
    """
    lines = [f"# {_plain(title)}", ""]
    for section in sections:
        lines += [f"## {_plain(section.title)}", ""]
        for part in section.parts:
            lines += _part(part)
    return "\n".join(lines)


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Banner):
        yield from (f"- **{_plain(part.words)}**", "")
    elif isinstance(part, Words):
        yield from (_plain(part.text), "")
    elif isinstance(part, Code):
        yield from (f"{_plain(part.title)}:", "", *_fenced(part.text), "")
    elif isinstance(part, Figure) and part.instead:
        yield from (*_fenced(part.instead, "mermaid"), "")
    elif isinstance(part, Table):
        yield from _table(part)
    elif isinstance(part, Frames):
        yield from _frames(part)


def _table(table: Table) -> Iterator[str]:
    if table.folded:
        yield from (f"{_plain(table.folded)}:", "")
    head = table.head or ("",) * max((len(row) for row in table.rows), default=1)
    yield "| " + " | ".join(_plain(name) for name in head) + " |"
    yield "|" + "---|" * len(head)
    for row in table.rows:
        yield "| " + " | ".join(_plain(cell) for cell in row) + " |"
    yield ""


def _frames(frames: Frames) -> Iterator[str]:
    for card in frames.cards:
        facts = "; ".join(f"{name} {value}" for name, value in card.facts)
        yield f"- **{_plain(card.frame)}** {_plain(card.words)}: {_plain(facts)}"
    yield ""
    if frames.left_out:
        yield from (_plain(frames.left_out), "")


def _fenced(text: str, language: str = "") -> list[str]:
    """Return the text in a fence longer than any in it."""
    text = "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *text.rstrip("\n").splitlines(), fence]


def _plain(text: str) -> str:
    """Return one line, with every special character of Markdown escaped."""
    one_line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return _SIGNS.sub(r"\\\1", one_line)
