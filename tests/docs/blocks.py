"""The fenced blocks of a page, and what is to be done with them.

    ```console      commands after `$ ` (going on after `> `) and what they print; `...` stands for anything
    ```yaml         a sequence, an observatory, a part of one, or faults: checked as what it is
    ```python       executed; the blocks of a page share their names, as in a notebook, and may await
    ```sh ```json ```toml ```ini   checked for their syntax; a sequence in JSON as one in YAML
    ```text         only looked at

Comments above a block say more; several words are set apart by semicolons, and other comments are no concern of these:

    <!-- file: NAME -->          the reader saves it under that name, and so does the test
    <!-- exits: N -->            the last command ends with that code, and not with 0
    <!-- goes on -->             the last command is left at work once it has printed what stands there
    <!-- another terminal -->    in a second shell
    <!-- needs: postgresql -->   a server that the test starts; so are `relays`, `alpaca` and `indi`, at $RELAYS, ...
    <!-- needs: FILE as NAME --> a file of the project under another name
    <!-- not run: why -->        there is no other way; `test_convention.py` counts them

A block without commands is what the command that goes on prints until it ends. A comment that stands for itself ends
it where the text tells the reader to press Ctrl-C:

    <!-- Ctrl-C -->              what goes on ends with it; with another code than 0 where `exits: N` follows
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CTRL_C", "DOCS", "FREE", "MARKS", "ROOT", "Block", "Command", "blocks_of", "pages"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

FREE = frozenset({"text", "{toctree}", "{figure}", "{image}", "{note}", "{warning}"})
MARKS = frozenset({"file", "exits", "goes on", "another terminal", "needs", "not run"})

CTRL_C = "Ctrl-C"
"""The language of a block that is no block: a key to press."""

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+|~~~+)(?P<language>[^`\n]*)$")
_COMMENT = re.compile(r"^\s*<!--\s*(.*?)\s*-->\s*$")


@dataclass(frozen=True)
class Command:
    """One command, and what the page says that it prints."""

    text: str
    prints: str


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        line: where its first line stands in the page.
        marks: the words of the comments above it, with what follows their colon.
    """

    page: Path
    line: int
    language: str
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page.name
        return f"{page}:{self.line}"

    @property
    def commands(self) -> list[Command]:
        """Commands in it, one after the other. One without text stands for a command that goes on."""
        found: list[tuple[list[str], list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(([line[2:]], []))
            elif line.startswith("> ") and found and not found[-1][1]:
                found[-1][0].append(line[2:])
            else:
                found = found or [([], [])]
                found[-1][1].append(line)
        return [Command("\n".join(words), "\n".join(prints)) for words, prints in found]


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return sorted(DOCS.rglob("*.md"))


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page, in their order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence, words = _FENCE.match(lines[number]), _words(lines[number])
        number += 1
        if fence is None:
            if words and words[0][0] == CTRL_C:
                yield Block(page, number, CTRL_C, "", dict(words[1:]))
            continue
        first, indent = number, len(fence["indent"])
        while number < len(lines) and lines[number].strip() != fence["ticks"]:
            number += 1
        text = "".join(line[min(indent, len(line)) :] + "\n" for line in lines[first:number])
        number += 1
        yield Block(page, first + 1, fence["language"].strip(), text, dict(_marks_above(lines, first - 1)))


def _marks_above(lines: list[str], number: int) -> Iterator[tuple[str, str]]:
    """Yield what the comments say that stand directly above a line."""
    while number > 0:
        number -= 1
        words = _words(lines[number])
        if lines[number].strip() and (not words or words[0][0] not in MARKS):
            return
        yield from words


def _words(line: str) -> list[tuple[str, str]]:
    """Return what a comment says, if the line is one."""
    comment = _COMMENT.match(line)
    parts = [part.strip().partition(":") for part in comment[1].split(";")] if comment else []
    return [(name, value.strip()) for name, _, value in parts]
