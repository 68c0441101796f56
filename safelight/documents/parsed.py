"""Result of reading a text: plain values, the line of each, and faults of the writing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from safelight.documents.errors import Unreadable, shown
from safelight.documents.scientific import is_scientific, plain_value

__all__ = ["Parsed", "Path", "RefusedPart", "plain"]

Path = tuple[str | int, ...]

DEEPEST = 64
MOST_NODES = 100_000

_SCALARS = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class RefusedPart:
    """Part of a text that its reader refuses, with any meaning."""

    path: Path
    line: int | None
    value: object
    message: str
    allowed: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """Document as plain dicts, lists and scalars.

    Attributes:
        raw: its values.
        lines: line of each key and list item, counted from 1; empty if there was no text.
        faults: parts that the reader has refused.
    """

    raw: object
    lines: Mapping[Path, int] = field(default_factory=dict)
    faults: tuple[RefusedPart, ...] = ()


def plain(value: object) -> tuple[object, tuple[RefusedPart, ...]]:
    """Return a copy made of dicts and lists only, and its keys that are not text.

    Raises:
        Unreadable: nested too deeply (or in itself), or too large.
    """
    copying = _Copying()
    return copying.copy(value, ()), tuple(copying.faults)


class _Copying:
    def __init__(self) -> None:
        self.faults: list[RefusedPart] = []
        self.nodes = 0

    def copy(self, node: object, path: Path) -> object:
        # Most values are scalars, which are recognised by their type before the slow test for a Mapping.
        if type(node) in _SCALARS:
            return node
        if isinstance(node, dict | Mapping):
            self.enter(len(node), path)
            items = {}
            for key, item in node.items():
                name = str(key) if isinstance(key, str) else self.odd_key(key, path)
                items[name] = item if type(item) in _SCALARS else self.copy(item, (*path, name))
            return items
        if isinstance(node, list | tuple):
            self.enter(len(node), path)
            return [self.copy(item, (*path, place)) for place, item in enumerate(node)]
        if is_scientific(node):
            return self.scientific(node, path)
        return node

    def scientific(self, node: object, path: Path) -> object:
        """Return the plain values of an array, a scalar of numpy, or a duration of astropy, in seconds."""
        self.enter(getattr(node, "size", 1), path)
        try:
            found = plain_value(node)
        except ValueError as error:
            self.faults.append(RefusedPart(path, None, node, str(error), "seconds, or a quantity of time"))
            return None
        return found if type(found) in _SCALARS else self.copy(found, path)

    def enter(self, nodes: int, path: Path) -> None:
        self.nodes += nodes
        if len(path) > DEEPEST:
            raise Unreadable(f"nested too deeply: more than {DEEPEST} levels")
        if self.nodes > MOST_NODES:
            raise Unreadable(f"too large: more than {MOST_NODES} values")

    def odd_key(self, key: object, path: Path) -> str:
        name = shown(key)
        self.faults.append(RefusedPart((*path, name), None, key, "a key must be text"))
        return name
