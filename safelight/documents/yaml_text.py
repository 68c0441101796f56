"""YAML text -> plain values with line numbers.

Read from libyaml's events, one after the other: there is no recursion that a deep document could exhaust, duplicate
keys are found, no tag makes an object, and an alias is counted as often as it is used. Merge keys (`<<`) are read.
Values from an alias or a merge key have the lines in which they are written. Scalars that readers of YAML disagree on
(`yes`, `1e3`, `1:30`, `010`, dates) are refused instead of guessed, unless the text is read loosely: then they are
read as YAML 1.1 says.
"""

import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

from safelight.documents.errors import Unreadable, quoted, shown
from safelight.documents.parsed import DEEPEST, MOST_NODES, Parsed, Path, RefusedPart

__all__ = ["parse_yaml"]

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)|[-+]?\.inf|\.nan", re.IGNORECASE)
_EXPONENT = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)e[-+]?\d+", re.IGNORECASE)
_TRAPS = (
    (re.compile(r"yes|no|on|off", re.IGNORECASE), "true or false, or quotes around a text"),
    (_EXPONENT, "the number written out"),
    (re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?"), "the number of seconds, or quotes around a text"),
    (re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?"), "quotes around a date"),
    (
        re.compile(r"[-+]?(0x[\da-f_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(\.[\d_]*)?)", re.IGNORECASE),
        "a plain decimal number, or quotes around a text",
    ),
)


_TAB = re.compile(r"^ *\t[ \t]*[^\s#]", re.MULTILINE)
_NESTING = re.compile(r"#[^\n]*|'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\"|[\[{]|[\]}]|\n")


def parse_yaml(text: str, *, loose: bool = False, any_key: bool = False) -> Parsed:
    """Read one YAML document.

    Args:
        text: the document.
        loose: read `on`, `1e3`, `0x10` and their like as YAML 1.1 does, instead of refusing them.
        any_key: take a number or a date as a key's text, instead of refusing it.

    Raises:
        Unreadable: no YAML, nothing in it, more than one document, too deep or too large.
    """
    import yaml  # noqa: PLC0415 - only who reads YAML pays for it

    events = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    reader = _Reader(events, _meaning() if loose else None, any_key=any_key)
    try:
        raw = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise _broken(text, line, error.problem or str(error)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _broken(text, None, str(error)) from error
    return Parsed(raw, reader.lines, tuple(reader.faults))


def _broken(text: str, line: int | None, reason: str) -> Unreadable:
    """Return why a text is not YAML: in our own words if we know them, or else as a quotation of the library."""
    if deep := _too_deep(text):
        return too_deep(deep)
    tab = _TAB.search(text)
    if tab and (found := text.count("\n", 0, tab.start()) + 1) <= (line or found):
        return Unreadable("a tab at the beginning of the line: YAML expects blanks; replace the tab by blanks", found)
    return Unreadable(f"not valid YAML; {quoted('PyYAML', reason)}", line)


def too_deep(line: int | None = None) -> Unreadable:
    """Return the refusal of a text that is nested too deeply."""
    return Unreadable(f"nested too deeply: more than {DEEPEST} levels", line)


def _too_deep(text: str) -> int | None:
    """Return the line of the first bracket that is nested too deeply, or None.

    libyaml reads ahead and has its own limits, which differ between versions, so our limit does not use it.
    """
    depth, line = 0, 1
    for piece in _NESTING.findall(text):
        if piece == "\n":
            line += 1
        elif piece in "[{":
            depth += 1
        elif piece in "]}":
            depth = max(0, depth - 1)
        if depth > DEEPEST:
            return line
    return None


def _meaning() -> Callable[[str], object]:
    """Return the function that reads a plain word as YAML 1.1 does."""
    import yaml  # noqa: PLC0415

    loader = yaml.SafeLoader("")

    def read(text: str) -> object:
        tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        if tag.endswith((":merge", ":value")):
            return text
        found: object = loader.construct_object(yaml.ScalarNode(tag, text))
        return found

    return read


def _written_out(text: str) -> str:
    """Return advice to write out a number such as `1e2`."""
    number = float(text.replace("_", ""))
    readable = isfinite(number) and 1e-6 <= abs(number) < 1e15  # noqa: PLR2004 - longer ones are easily miscounted
    return f"the number written out{f', {number:.15f}'.rstrip('0') + '0' if readable else ''}"


_MERGE = "<<"


def _inside(value: object) -> Iterator[tuple[str | int, object]]:
    """Yield the items of a mapping or a list, by key or number."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


class _Reader:
    """Single pass over the events of one text."""

    def __init__(self, events: Iterator[Any], meaning: Callable[[str], object] | None, *, any_key: bool) -> None:
        self.events = events
        self.meaning = meaning
        self.any_key = any_key
        self.lines: dict[Path, int] = {}
        self.faults: list[RefusedPart] = []
        self.nodes = 0
        self.anchors: dict[str, tuple[object, int, Path]] = {}

    def document(self) -> object:
        """Return the one document of the stream."""
        next(self.events)  # the stream's start
        start = next(self.events)
        if not hasattr(start, "explicit"):
            raise Unreadable("the file is empty", 1)
        raw = self.value(next(self.events), ())
        next(self.events)  # the document's end
        after = next(self.events)
        if hasattr(after, "explicit"):
            raise Unreadable("more than one document in the file", after.start_mark.line + 1)
        return raw

    def value(self, event: Any, path: Path) -> object:
        """Return the value that begins with this event."""
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self.alias(event.anchor, path, line)
        before = self.nodes
        self.count(1, line)
        if len(path) > DEEPEST:
            raise too_deep(line)
        if event.tag is not None:
            self.fault(path, event.tag, f"tags are not allowed ({shown(event.tag)})", "plain values")
        if kind == "MappingStartEvent":
            found: object = self.mapping(path)
        elif kind == "SequenceStartEvent":
            found = self.sequence(path)
        else:
            found = self.scalar(event, path)
        if event.anchor:
            self.anchors[event.anchor] = (found, self.nodes - before, path)
        return found

    def count(self, nodes: int, line: int) -> None:
        """Limit the size, with aliases counted as often as they are used."""
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise Unreadable(f"too large: more than {MOST_NODES} values, aliases counted", line)

    def alias(self, anchor: str, path: Path, line: int) -> object:
        """Return the value of a complete anchor."""
        if anchor not in self.anchors:
            self.fault(path, f"*{anchor}", f"the alias *{anchor} has no anchor before it")
            return None
        found, nodes, source = self.anchors[anchor]
        self.count(nodes, line)
        self.copy_lines(found, source, path)
        return found

    def copy_lines(self, value: object, source: Path, target: Path) -> None:
        """Give the inner values of a copied value the lines of their source."""
        waiting = [(value, source, target)]
        while waiting:
            value, source, target = waiting.pop()
            for key, inner in _inside(value):
                line = self.lines.get((*source, key))
                if line is not None:
                    self.lines.setdefault((*target, key), line)
                waiting.append((inner, (*source, key), (*target, key)))

    def sequence(self, path: Path) -> list[object]:
        """Return the items up to the end of the list."""
        items: list[object] = []
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            items.append(self.value(event, (*path, len(items))))
        return items

    def mapping(self, path: Path) -> dict[str, object]:
        """Return keys and values up to the end of the mapping. Of duplicate keys the first counts."""
        items: dict[str, object] = {}
        merged: list[tuple[dict[str, object], Path]] | None = None
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            line = event.start_mark.line + 1
            key = self.key(event, path)
            here = (*path, key)
            merges = key == _MERGE and type(event).__name__ == "ScalarEvent" and event.implicit[0]
            if key in items or (merges and merged is not None):
                first = self.lines.get(here)
                self.faults.append(
                    RefusedPart(here, line, key, f"key given twice (first in line {first})", "each key once")
                )
            else:
                self.lines.setdefault(here, line)
            found = self.value(next(self.events), here)
            if merges:
                merged = [*(merged or ()), *self.sources(found, here, line)]
            else:
                items.setdefault(key, found)
        return self.with_merged(items, merged, path) if merged else items

    def sources(self, found: object, here: Path, line: int) -> Iterator[tuple[dict[str, object], Path]]:
        """Yield the mappings of a merge key, and the paths with their lines."""
        if self.faults and self.faults[-1].path == here:
            return  # an alias without an anchor
        several = list(_inside(found)) if isinstance(found, list) else []
        for source, place in [(inner, (*here, number)) for number, inner in several] or [(found, here)]:
            if isinstance(source, dict):
                yield source, place
            else:
                words = "a merge key takes a mapping, or a list of mappings"
                self.faults.append(RefusedPart(here, line, source, words, "an alias of one, as in `<<: *name`"))

    def with_merged(
        self, items: dict[str, object], merged: list[tuple[dict[str, object], Path]], path: Path
    ) -> dict[str, object]:
        """Return a mapping with its merged keys. Its own keys come first, then earlier merged ones."""
        whole: dict[str, object] = {}
        for source, place in merged:
            for key, value in source.items():
                if key not in items and key not in whole and (line := self.lines.get((*place, key))) is not None:
                    self.lines.setdefault((*path, key), line)
                    self.copy_lines(value, (*place, key), (*path, key))
                whole.setdefault(key, value)
        return whole | items

    def key(self, event: Any, path: Path) -> str:
        """Return a mapping's key, which must be text."""
        if type(event).__name__ == "ScalarEvent":
            found = str(event.value) if self.any_key else self.scalar(event, (*path, event.value))
            if isinstance(found, str):
                return found
            self.fault((*path, event.value), found, "a key must be text", "quotes around it", event)
            return str(event.value)
        found = self.value(event, (*path, "?"))
        self.fault((*path, "?"), found, "a key must be text", None, event)
        return "?"

    def scalar(self, event: Any, path: Path) -> object:
        """Return a text, or the meaning of a plain word."""
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block of text
            return text
        if self.meaning:
            return self.loosely(text, path, event)
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text.replace(".", "", 1) if text[-1].isalpha() else text)
        for trap, allowed in _TRAPS:
            if trap.fullmatch(text):
                expected = _written_out(text) if trap is _EXPONENT else allowed
                self.fault(path, text, f"{shown(text)} is ambiguous in YAML", expected, event)
        return text

    def loosely(self, text: str, path: Path, event: Any) -> object:
        """Return the meaning of a plain word in YAML 1.1."""
        try:
            return self.meaning(text) if self.meaning else text
        except ValueError:  # a date such as 2026-99-99, or an integer of thousands of digits
            self.fault(path, text, f"{shown(text)} can't be read", "quotes around a text", event)
            return text

    def fault(self, path: Path, value: object, message: str, allowed: str | None = None, event: Any = None) -> None:
        """Note a refused part. Reading continues."""
        line = event.start_mark.line + 1 if event is not None else self.lines.get(path)
        self.faults.append(RefusedPart(path, line, value, message, allowed))
