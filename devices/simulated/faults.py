"""Faults as data: which device fails in which command, when, and how.

The same list serves tests, demonstrations and documentation. Each kind of fault is defined in `device_line.py`, for
all simulated devices at once. The file format is in docs/reference/simulated-instrument.md.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory.yaml_document import nearest, read_parsed, refusal
from safelight.documents.errors import Refusal, shown
from safelight.documents.names import listed
from safelight.documents.names import nearest as meant
from safelight.documents.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["VERBS", "Fault", "FaultBook", "What", "load_faults"]

Answer = Literal["error", "timeout", "hang", "lie", "disconnect"]
"""What a device does to a command."""
LightWhat = Literal["dead", "dim", "fading", "drift", "swapped", "open", "stale", "half", "amplifier", "cosmics"]
"""What happens to the light of an exposure, while every device answers as if all were well."""
What = Literal[Answer, LightWhat]
_LIGHT_VERBS: Mapping[str, str] = {
    "dead": "shine",
    "dim": "shine",
    "fading": "shine",
    "drift": "shine",
    "swapped": "shine",
    "open": "shutter",
    "stale": "read",
    "half": "read",
    "amplifier": "read",
    "cosmics": "read",
}
"""Fault of light -> its verb."""

_LAMP_VERBS = frozenset({"on", "off", "all_off", "status", "set_level", "levels"})
VERBS: Mapping[str, frozenset[str]] = {
    "lamps": _LAMP_VERBS,
    "second_lamps": _LAMP_VERBS,
    "telescopes": frozenset({"goto", "status", "stop"}),
    "spectrographs": frozenset({"expose", "read_out", "abort", "reset", "status", "cool", "temperatures"}),
    "fibsel": frozenset({"move", "status", "stop"}),
    "selectors": frozenset({"move", "status", "stop"}),
}
"""Verbs of each device, as a fault may name them (or `*`)."""
_NAMED: Mapping[str, frozenset[str]] = {
    **VERBS,
    "lamp_monitor": frozenset({"read"}),
    "light": frozenset({"shine", "shutter", "read"}),
}
"""The same, a photodiode that few observatories have, and what light does: no command of any device."""


class Fault(BaseModel):
    """One fault.

    Attributes:
        device: `lamps`, `lamps.Argon`, `spectrographs.sp1`, `fibsel`, ...
        verb: a verb of that device, or `*` for any.
        nth: the first call that it affects, counted from 1 over the calls that match device and verb.
        probability: instead of nth, the chance of each matching call, by `seed`.
        times: number of calls that it affects; None is for ever. By default 1 with nth, for ever with probability.
        seconds: timeout: the answer comes that much later (default: never). hang: the line gives up after
            that
            (default: never). disconnect: the time that the device stays away (default 2 s).
        factor: dim: what is left of the lamp's light (default 0.5); more than 1 is brighter. fading: what each
            exposure has of the light of the one before (default 0.9). drift: by how much the light differs from
            night to night, as a fraction (default 0.03). open: how much comes in (default 1). cosmics: how many
            times 100 hits (default 1).
        other: swapped: the lamp that shines instead.
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
    factor: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] | None = None
    other: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            raise Refusal(allowed="a mapping such as {device: lamps, verb: on, nth: 1, what: error}")
        fault = dict(given)
        # YAML 1.1 reads a bare `on` or `off` as true or false, and both are verbs.
        if isinstance(fault.get("verb"), bool):
            fault["verb"] = "on" if fault["verb"] else "off"
        if fault.get("what") not in (kinds := get_args(What)):
            what = fault.get("what")
            said = "missing: `what` goes wrong" if what is None else f"unknown fault {shown(what)}"
            raise Refusal(said, listed(kinds), meant(str(what), kinds), at=("what",))
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
        if family not in _NAMED:
            raise Refusal(f"unknown device {shown(self.device)}", listed(_NAMED), meant(family, _NAMED), at=("device",))
        if self.verb != "*" and self.verb not in _NAMED[family]:
            verbs = [*sorted(_NAMED[family]), "*"]
            raise Refusal(f"{family} has no verb {self.verb!r}", listed(verbs), meant(self.verb, verbs), at=("verb",))
        self._check_light(family)
        if self.nth is not None and self.probability is not None:
            raise Refusal("`nth` and `probability` exclude each other", "one of them", at=("probability",))
        return self

    def _check_light(self, family: str) -> None:
        """See that faults of light are said of light, with the verb that they belong to."""
        verb = _LIGHT_VERBS.get(self.what)
        if (family == "light") != (verb is not None):
            kinds = _LIGHT_VERBS if family == "light" else get_args(Answer)
            raise Refusal(f"{family} has no fault {self.what!r}", listed(kinds), at=("what",))
        if verb is not None and self.verb != verb:
            raise Refusal(f"the fault {self.what!r} has no verb {self.verb!r}", verb, at=("verb",))
        if self.what == "swapped" and self.other is None:
            raise Refusal("missing: `other`, the lamp that shines instead", "a lamp", at=("other",))


class _FaultFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Fault, ...]


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Return the faults of a YAML or JSON file: a list, or a mapping with the list under `faults`.

    Raises:
        ObservatoryError: unreadable file or wrong content, with line, path and the nearest known word.
    """
    parsed = read_parsed(path, may_be_empty=True)
    plain = parsed.raw
    if plain is None:
        return ()
    if isinstance(plain, list):
        # The same structure as in a mapping, so that one model reads both.
        lines = {("faults", *place): line for place, line in parsed.lines.items()}
        parsed = Parsed({"faults": plain}, lines)
    try:
        return _FaultFile.model_validate(parsed.raw).faults
    except ValidationError as error:
        raise refusal(error, _FaultFile, parsed, str(path)) from error


class FaultBook:
    """Count of the calls of one device, and choice of the faults that affect them. It lives as long as the process.

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
        """Return the fault that affects each unit of this call.

        The first in the list wins, and all matches are counted.
        """
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
    """Fault with the count of its calls."""

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
