"""What reading a text gives: plain values, the line of each, and what was odd about the writing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from safelight.sequences.errors import Unreadable, shown

__all__ = ["Fault", "Parsed", "Path", "plain"]

Path = tuple[str | int, ...]

DEEPEST = 64
MOST_NODES = 100_000

_SCALARS = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the reader of the text refuses, whatever it means."""

    path: Path
    line: int | None
    value: object
    message: str
    allowed: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as plain dicts, lists and scalars.

    Attributes:
        raw: what the text says.
        lines: line of each key and list item, counted from 1; empty where there was no text.
        faults: what is refused already.
    """

    raw: object
    lines: Mapping[Path, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def plain(value: object) -> tuple[object, tuple[Fault, ...]]:
    """A copy made of dicts and lists only, and its keys that are no text.

    Raises:
        Unreadable: nested too deeply (or in itself), or too large.
    """
    copying = _Copying()
    return copying.copy(value, ()), tuple(copying.faults)


class _Copying:
    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.nodes = 0

    def copy(self, node: object, path: Path) -> object:
        # Most values are scalars: they are told by their type alone, before the slow question for a Mapping.
        if type(node) in _SCALARS:
            return node
        if isinstance(node, dict | Mapping):
            self.enter(len(node), path)
            items = {}
            for key, item in node.items():
                name = key if isinstance(key, str) else self.odd_key(key, path)
                items[name] = item if type(item) in _SCALARS else self.copy(item, (*path, name))
            return items
        if isinstance(node, list | tuple):
            self.enter(len(node), path)
            return [self.copy(item, (*path, place)) for place, item in enumerate(node)]
        return node

    def enter(self, nodes: int, path: Path) -> None:
        self.nodes += nodes
        if len(path) > DEEPEST:
            raise Unreadable(f"nested too deeply: more than {DEEPEST} levels")
        if self.nodes > MOST_NODES:
            raise Unreadable(f"too large: more than {MOST_NODES} values")

    def odd_key(self, key: object, path: Path) -> str:
        name = shown(key)
        self.faults.append(Fault((*path, name), None, key, "a key must be text"))
        return name
