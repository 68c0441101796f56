"""Faults as data: which device gets which command wrong, when, and how.

The same list serves tests, demonstrations and documentation. What each kind of fault means is in `line.py`,
for all simulated devices at once; the file format is in docs/reference/simulated-instrument.md.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from safelight.devices.document import complaint, nearest, read_document
from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["VERBS", "Fault", "FaultBook", "What", "load_faults"]

What = Literal["error", "timeout", "hang", "lie", "disconnect"]

_LAMP_VERBS = frozenset({"on", "off", "all_off", "status"})
VERBS: Mapping[str, frozenset[str]] = {
    "lamps": _LAMP_VERBS,
    "second_lamps": _LAMP_VERBS,
    "telescopes": frozenset({"goto", "status", "stop"}),
    "spectrographs": frozenset({"expose", "read_out", "abort", "reset", "status"}),
    "fibsel": frozenset({"move", "status", "stop"}),
}
"""The verbs of each device, as a fault may name them (or `*`)."""


class Fault(BaseModel):
    """One fault.

    Attributes:
        device: `lamps`, `lamps.Argon`, `spectrographs.sp1`, `fibsel`, ...
        verb: a verb of that device, or `*` for any.
        nth: the first call that it strikes, counted from 1 over the calls that match device and verb.
        probability: instead of nth, the chance of each matching call, by `seed`.
        times: how many calls it strikes; None is for ever. By default 1 with nth, for ever with probability.
        seconds: timeout: the answer comes that much later (default: never). hang: the line gives up after
            that
            (default: never). disconnect: how long the device stays away (default 2 s).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    verb: str
    what: What
    nth: Annotated[int, Field(ge=1, strict=True)] | None = None
    probability: Annotated[float, Field(ge=0, le=1, strict=True)] | None = None
    seed: Annotated[int, Field(strict=True)] = 1
    times: Annotated[int, Field(ge=1, strict=True)] | None = None
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            raise ValueError("a fault is a mapping: {device, verb, nth, what, ...}")  # noqa: TRY004
        fault = dict(given)
        # YAML 1.1 reads a bare on or off as true or false, and both are verbs.
        if isinstance(fault.get("verb"), bool):
            fault["verb"] = "on" if fault["verb"] else "off"
        if fault.get("what") not in (kinds := get_args(What)):
            raise ValueError(f"what: {fault.get('what')!r} is no fault; {nearest(fault.get('what'), kinds)}")
        if fault.get("times") is None and "times" not in fault:
            fault["times"] = 1 if fault.get("probability") is None else None
        elif fault["times"] == "forever":
            fault["times"] = None
        if fault.get("probability") is None:
            fault.setdefault("nth", 1)
        return fault

    @model_validator(mode="after")
    def _known(self) -> Self:
        family = self.device.partition(".")[0]
        if family not in VERBS:
            raise ValueError(f"device: no device {self.device!r}; {nearest(family, VERBS)}")
        if self.verb != "*" and self.verb not in VERBS[family]:
            raise ValueError(f"verb: {family} has no verb {self.verb!r}; {nearest(self.verb, VERBS[family])}, *")
        if self.nth is not None and self.probability is not None:
            raise ValueError("a fault has either nth or probability, not both")
        return self


class _FaultFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Fault, ...]


def load_faults(path: Path) -> tuple[Fault, ...]:
    """The faults of a YAML or JSON file: a list, or a mapping with the list under `faults`.

    Raises:
        ObservatoryError: unreadable file or wrong content; names line, path and the nearest known word.
    """
    plain = read_document(path)
    if plain is None:
        return ()
    if not isinstance(plain, dict | list):
        raise ObservatoryError(f"{path}:1: faults are a list, not {type(plain).__name__}")
    try:
        content = plain if isinstance(plain, dict) else {"faults": plain}
        return _FaultFile.model_validate(content).faults
    except ValidationError as error:
        raise complaint(path, error, [*Fault.model_fields, "faults"]) from error


class FaultBook:
    """Counts the calls of one device and says which faults strike; the counts live as long as the process.

    Raises:
        ObservatoryError: a fault names a part that the device doesn't have.
    """

    def __init__(self, family: str, units: tuple[str, ...], faults: Iterable[Fault]) -> None:
        self.family = family
        self._entries = [_Entry(fault) for fault in faults if fault.device.partition(".")[0] == family]
        for entry in self._entries:
            unit = entry.fault.device.partition(".")[2]
            if unit and unit not in units:
                raise ObservatoryError(f"faults: {family} has no part {unit!r}; {nearest(unit, units)}")

    def strike(self, verb: str, units: tuple[str, ...]) -> dict[str, Fault]:
        """The fault that strikes each unit of this call; the first in the list wins, all that match count."""
        struck: dict[str, Fault] = {}
        for entry in self._entries:
            if entry.fault.verb not in {verb, "*"}:
                continue
            unit = entry.fault.device.partition(".")[2]
            hit = units if not unit else tuple(name for name in units if name == unit)
            if hit and entry.strikes():
                for name in hit:
                    struck.setdefault(name, entry.fault)
        return struck


class _Entry:
    """One fault and how often its calls came."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._calls = 0
        self._struck = 0
        # Reproducible rehearsals, not secrets.
        self._dice = random.Random(f"{fault.seed} {fault.device} {fault.verb}")  # noqa: S311

    def strikes(self) -> bool:
        self._calls += 1
        if self.fault.times is not None and self._struck >= self.fault.times:
            return False
        if self.fault.probability is not None:
            hit = self._dice.random() < self.fault.probability
        else:
            hit = self._calls >= (self.fault.nth or 1)
        self._struck += hit
        return hit
