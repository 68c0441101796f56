"""Docstrings in the house's form (Google's), as Markdown."""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping

__all__ = ["markdown"]

_SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")


def markdown(docstring: str | None, types: Mapping[str, str] | None = None) -> str:
    """The words, then its parameters or attributes as a list.

    Args:
        docstring: as written.
        types: attributes with their types, in order; those that the words leave out are listed all the same.
    """
    blocks = inspect.cleandoc(docstring or "").split("\n\n")
    words: list[str] = []
    items: dict[str, str] = dict.fromkeys(types or (), "")
    after: list[str] = []
    for block in blocks:
        head, _, body = block.partition("\n")
        if head.rstrip(":") not in _SECTIONS or not head.endswith(":"):
            words.append(_tree(block))
        elif head in ("Args:", "Attributes:"):
            items |= dict(_entries(body))
        elif head == "Raises:":
            after += (f"- raises `{what}`: {why}" for what, why in _entries(body))
        else:
            after.append(f"- {head.lower()} {' '.join(body.split())}")
    listed = [_item(name, text, (types or {}).get(name)) for name, text in items.items()]
    return "\n\n".join(part for part in (*words, "\n".join([*listed, *after])) if part)


def _item(name: str, text: str, kind: str | None) -> str:
    typed = f"`{name}: {kind}`" if kind else f"`{name}`"
    return f"- {typed}" + (f": {text}" if text else "")


def _entries(body: str) -> Iterator[tuple[str, str]]:
    """`name: words` of a section, continued on deeper lines."""
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(body)):
        name, _, words = entry.partition(":")
        yield name, " ".join(words.split())


def _tree(block: str) -> str:
    """A drawing stays as it is drawn, words flow."""
    return f"```text\n{block}\n```" if "+--" in block or block.startswith("    ") else block
