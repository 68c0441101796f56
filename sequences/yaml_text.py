"""YAML text -> plain values with line numbers.

Read from libyaml's events, one after the other: no recursion that a deep document could exhaust, duplicate
keys are seen, no tag makes an object, and an alias is counted as often as it is used. Scalars that readers of
YAML disagree about (`yes`, `1e3`, `1:30`, `010`, dates) are refused instead of guessed.
"""

import re
from collections.abc import Iterator
from typing import Any

from safelight.sequences.errors import Unreadable, shown
from safelight.sequences.parsed import DEEPEST, MOST_NODES, Fault, Parsed, Path

__all__ = ["parse_yaml"]

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)|[-+]?\.inf|\.nan", re.IGNORECASE)
_TRAPS = (
    (re.compile(r"yes|no|on|off", re.IGNORECASE), "true or false, or quotes around a text"),
    (
        re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)e[-+]?\d+", re.IGNORECASE),
        "the number written out, as in 1000.0",
    ),
    (re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?"), "the number of seconds, or quotes around a text"),
    (re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?"), "quotes around a date"),
    (
        re.compile(r"[-+]?(0x[\da-f_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(\.[\d_]*)?)", re.IGNORECASE),
        "a plain decimal number, or quotes around a text",
    ),
)


def parse_yaml(text: str) -> Parsed:
    """Read one YAML document.

    Raises:
        Unreadable: no YAML, nothing in it, more than one document, too deep or too large.
    """
    import yaml  # noqa: PLC0415 - only who reads YAML pays for it

    reader = _Reader(iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))))
    try:
        raw = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(f"not valid YAML: {error.problem}", mark.line + 1 if mark else None) from error
    except yaml.YAMLError as error:
        raise Unreadable(f"not valid YAML: {str(error).splitlines()[0]}") from error
    return Parsed(raw, reader.lines, tuple(reader.faults))


class _Reader:
    """One pass over the events of one text."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.lines: dict[Path, int] = {}
        self.faults: list[Fault] = []
        self.nodes = 0
        self.anchors: dict[str, tuple[object, int]] = {}

    def document(self) -> object:
        """The one document of the stream."""
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
        """The value that begins with this event."""
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self.alias(event.anchor, path, line)
        before = self.nodes
        self.count(1, line)
        if len(path) > DEEPEST:
            raise Unreadable(f"nested too deeply: more than {DEEPEST} levels", line)
        if event.tag is not None:
            self.fault(path, event.tag, f"tags are not allowed ({shown(event.tag)})", "plain values")
        if kind == "MappingStartEvent":
            found: object = self.mapping(path)
        elif kind == "SequenceStartEvent":
            found = self.sequence(path)
        else:
            found = self.scalar(event, path)
        if event.anchor:
            self.anchors[event.anchor] = (found, self.nodes - before)
        return found

    def count(self, nodes: int, line: int) -> None:
        """Keep the size bounded, aliases counted as often as they are used."""
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            raise Unreadable(f"too large: more than {MOST_NODES} values, aliases counted", line)

    def alias(self, anchor: str, path: Path, line: int) -> object:
        """The value of an anchor that is complete already."""
        if anchor not in self.anchors:
            self.fault(path, f"*{anchor}", f"the alias *{anchor} has no anchor before it")
            return None
        found, nodes = self.anchors[anchor]
        self.count(nodes, line)
        return found

    def sequence(self, path: Path) -> list[object]:
        """Items up to the end of the list."""
        items: list[object] = []
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            items.append(self.value(event, (*path, len(items))))
        return items

    def mapping(self, path: Path) -> dict[str, object]:
        """Keys and values up to the end of the mapping; of a key given twice the first counts."""
        items: dict[str, object] = {}
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            line = event.start_mark.line + 1
            key = self.key(event, path)
            here = (*path, key)
            if key in items:
                first = self.lines.get(here)
                self.faults.append(Fault(here, line, key, f"key given twice (first in line {first})", "each key once"))
            else:
                self.lines.setdefault(here, line)
            found = self.value(next(self.events), here)
            items.setdefault(key, found)
        return items

    def key(self, event: Any, path: Path) -> str:
        """A mapping's key, which must be text."""
        if type(event).__name__ == "ScalarEvent":
            found = self.scalar(event, (*path, event.value))
            if isinstance(found, str):
                return found
            self.fault((*path, event.value), found, "a key must be text", "quotes around it", event)
            return str(event.value)
        found = self.value(event, (*path, "?"))
        self.fault((*path, "?"), found, "a key must be text", None, event)
        return "?"

    def scalar(self, event: Any, path: Path) -> object:
        """A text, or what a plain word stands for."""
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block of text
            return text
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text.replace(".", "", 1) if text[-1].isalpha() else text)
        for trap, allowed in _TRAPS:
            if trap.fullmatch(text):
                self.fault(path, text, f"{shown(text)} is ambiguous in YAML", allowed, event)
        return text

    def fault(self, path: Path, value: object, message: str, allowed: str | None = None, event: Any = None) -> None:
        """Note what is refused; reading goes on."""
        line = event.start_mark.line + 1 if event is not None else self.lines.get(path)
        self.faults.append(Fault(path, line, value, message, allowed))
