"""Property vectors of INDI: what a server says of them, and how a switch vector must be written. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from xml.etree.ElementTree import Element as Node

__all__ = [
    "ERROR",
    "Blob",
    "Vector",
    "blobs_in",
    "changed",
    "defined",
    "enable_blobs",
    "get_properties",
    "new_vector",
    "switch_values",
]

ERROR = "[ERROR]"
"""How messages of trouble begin."""
_KINDS = {"Switch": "switch", "Number": "number", "Text": "text", "Light": "light", "BLOB": "blob"}


@dataclass(frozen=True, slots=True)
class Vector:
    """One property vector.

    Attributes:
        device: its device.
        name: its name.
        label: as people see it.
        kind: `switch`, `number`, `text`, `light` or `blob`.
        rule: of a switch vector: `OneOfMany`, `AtMostOne` or `AnyOfMany`.
        state: `Idle`, `Ok`, `Busy` or `Alert`.
        values: element -> value, in the order of the definition.
        labels: element -> label.
        least: element -> least value of a number.
        serial: rises with everything that the server says of it.
        good_serial: the same when the driver last reported it without trouble. To repeat it on request is no report.
        report_serial: the same when the driver last reported it.
        clean_serial: the same when the driver last reported it, and no error of the device came with it.
        most: element -> largest value of a number.
    """

    device: str
    name: str
    label: str
    kind: str
    rule: str
    state: str
    values: Mapping[str, str]
    labels: Mapping[str, str]
    least: Mapping[str, float]
    serial: int = 0
    good_serial: int = 0
    report_serial: int = 0
    clean_serial: int = 0
    most: Mapping[str, float] = field(default_factory=dict)

    @property
    def on(self) -> tuple[str, ...]:
        """Elements of a switch vector that are on."""
        return tuple(name for name, value in self.values.items() if value == "On")

    def element(self, wanted: str) -> str | None:
        """Return the element of that name or `label:...`, or None where there is not exactly one."""
        if not wanted.startswith("label:"):
            return wanted if wanted in self.values else None
        found = [name for name, label in self.labels.items() if label == wanted.removeprefix("label:")]
        return found[0] if len(found) == 1 else None

    def number(self, element: str) -> float | None:
        """Return the value of an element, or None where it is no number."""
        return _number(self.values.get(element))


@dataclass(frozen=True, slots=True)
class Blob:
    """What a device has sent as bytes.

    Attributes:
        name: the element.
        format: such as `.fits`.
        size: bytes, as the device counts them.
        base64: the bytes, as text.
    """

    name: str
    format: str
    size: int
    base64: str


def blobs_in(node: Node) -> tuple[Blob, ...]:
    """Return what a `setBLOBVector` has brought."""
    return tuple(
        Blob(child.get("name", ""), child.get("format", ""), int(_number(child.get("size")) or 0), child.text)
        for child in node
        if child.text
    )


def defined(node: Node, serial: int, before: Vector | None) -> Vector | None:
    """Return the vector that a `def...Vector` defines, or None for what is no definition.

    Args:
        node: the message.
        serial: its number.
        before: the vector as it was known, if it was.
    """
    kind = _KINDS.get(node.tag.removeprefix("def").removesuffix("Vector"))
    if kind is None:
        return None
    return Vector(
        device=node.get("device", ""),
        name=node.get("name", ""),
        label=node.get("label", ""),
        kind=kind,
        rule=node.get("rule", ""),
        state=node.get("state", ""),
        values={child.get("name", ""): (child.text or "").strip() for child in node},
        labels={child.get("name", ""): child.get("label", "") for child in node},
        least={child.get("name", ""): number for child in node if (number := _number(child.get("min"))) is not None},
        serial=serial,
        good_serial=serial if before is None else before.good_serial,
        report_serial=serial if before is None else before.report_serial,
        clean_serial=serial if before is None else before.clean_serial,
        most={child.get("name", ""): number for child in node if (number := _number(child.get("max"))) is not None},
    )


def changed(vector: Vector, node: Node, serial: int, *, troubled: bool = False) -> Vector:
    """Return a vector after a `set...Vector`.

    Args:
        vector: as it was known.
        node: the message.
        serial: its number.
        troubled: whether the device has reported an error since the vector's last report. Drivers that never ask their
            hardware report a command that failed as done, right after the error.
    """
    said = {child.get("name", ""): (child.text or "").strip() for child in node}
    values = {name: said.get(name, value) for name, value in vector.values.items()}
    state = node.get("state") or vector.state
    good = state in {"Ok", "Idle"} and ERROR not in node.get("message", "")
    good_serial = serial if good else vector.good_serial
    clean_serial = serial if good and not troubled else vector.clean_serial
    return replace(
        vector,
        values=values,
        state=state,
        serial=serial,
        good_serial=good_serial,
        report_serial=serial,
        clean_serial=clean_serial,
    )


def get_properties(device: str = "", name: str = "") -> str:
    """Return the request for definitions."""
    of = f" device={quoteattr(device)}" if device else ""
    which = f" name={quoteattr(name)}" if name else ""
    return f'<getProperties version="1.7"{of}{which}/>\n'


def enable_blobs(device: str) -> str:
    """Return the request for what a device sends as bytes, together with everything else."""
    return f"<enableBLOB device={quoteattr(device)}>Also</enableBLOB>\n"


def new_vector(kind: str, device: str, name: str, values: Mapping[str, object]) -> str:
    """Return the command that writes elements of a vector, in that order."""
    word = {"switch": "Switch", "number": "Number", "text": "Text"}[kind]
    inner = "".join(
        f"<one{word} name={quoteattr(element)}>{escape(str(value))}</one{word}>" for element, value in values.items()
    )
    return f"<new{word}Vector device={quoteattr(device)} name={quoteattr(name)}>{inner}</new{word}Vector>\n"


def switch_values(vector: Vector, on: Iterable[str], off: Iterable[str] = ()) -> dict[str, str]:
    """Return what has to be sent so that elements of a switch vector are on, and others off.

    What is sent of a vector decides what reaches the hardware. Of a OneOfMany vector some drivers obey every element
    that is sent, others the first alone: one element is sent. Of the others some drivers take the values by their
    place: all are sent, in the order of the definition, those that are not meant as just read.

    Args:
        vector: as just read.
        on: elements.
        off: elements.
    """
    lit, dark = set(on), set(off)
    if vector.rule == "OneOfMany":
        return dict.fromkeys(sorted(lit)[:1], "On")
    if vector.rule == "AtMostOne" and lit:
        return {name: "On" if name in lit else "Off" for name in vector.values}
    return {name: "On" if name in lit else "Off" if name in dark else value for name, value in vector.values.items()}


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
