"""The observatory document: what there is, how long it takes, how long to wait, how often to try again.

Attribute names are the contract with the compiler and the runner. Values are frozen; numbers carry their
units in their names; unknown keys are refused.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from safelight.devices.document import complaint, nearest, read_document
from safelight.devices.errors import ObservatoryError
from safelight.devices.protocols import AltAz

__all__ = [
    "Deadline",
    "Deadlines",
    "Direction",
    "FibselModel",
    "Guard",
    "LampModel",
    "LampsModel",
    "Observatory",
    "Retries",
    "Retry",
    "SecondPath",
    "SpectrographsModel",
    "StateKind",
    "TelescopesModel",
    "load_observatory",
    "shipped_observatories",
]

StateKind = Literal["ready", "point", "lamp-warmup", "fibsel-step", "expose", "readout", "lamp-off", "park", "safing"]
"""The kinds of state that may have a deadline and a retry policy of their own."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Steps = Annotated[int, Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*$")]
Options = dict[str, Any]


class Part(BaseModel):
    """A part of the document: frozen, and nothing in it that isn't known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Direction(Part):
    """A direction in the horizontal frame, in degrees."""

    alt_deg: Annotated[float, Field(ge=-90, le=90, strict=True)]
    az_deg: Annotated[float, Field(ge=0, le=360, strict=True)]


class TelescopesModel(Part):
    """The telescopes; a slew takes angle / slew_deg_per_s + settle_s, and all slew at once."""

    driver: str = "simulated"
    units: Annotated[dict[Name, Options], Field(min_length=1)]
    slew_deg_per_s: Positive
    settle_s: Seconds = 0.0
    status_s: Seconds = 0.0
    tolerance_deg: Positive
    options: Options = {}


class LampModel(Part):
    """One lamp; `longest_on_s` is the longest that it may burn at a stretch (its lease)."""

    warmup_s: Seconds
    flavour: Literal["arc", "flat", "object"]
    longest_on_s: Positive
    keyword: Annotated[str, Field(pattern=r"^[A-Z0-9_-]{1,8}$")] | None = None


class SecondPath(Part):
    """An independent way to switch the same lamps off."""

    driver: str
    options: Options = {}


class LampsModel(Part):
    """The lamps on their power switch, and how long its commands take."""

    driver: str = "simulated"
    units: Annotated[dict[Name, LampModel], Field(min_length=1)]
    on_s: Seconds
    off_s: Seconds
    all_off_s: Seconds
    status_s: Seconds
    options: Options = {}
    second_path: SecondPath | None = None

    def keyword(self, lamp: str) -> str:
        """The FITS keyword of a lamp; its name in capitals unless the document names one."""
        return self.units[lamp].keyword or re.sub("[^A-Z0-9_-]", "_", lamp.upper())[:8]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({name.casefold() for name in self.units}) < len(self.units):
            raise ValueError("two lamps differ only in case, and lamp names match without regard to case")
        if len({self.keyword(name) for name in self.units}) < len(self.units):
            raise ValueError("two lamps have the same FITS keyword; give one a `keyword` of its own")
        return self


class SpectrographsModel(Part):
    """The spectrographs; an exposure takes lead_s + its seconds + tail_s, and readout_s to read out.

    Attributes:
        lead_s: from the command until integration starts (the shutter opens).
        tail_s: from the end of integration (the shutter closes) until the answer.
        light_tight_shutter: whether biases and darks may run while a lamp warms up.
    """

    driver: str = "simulated"
    units: Annotated[tuple[Name, ...], Field(min_length=1)]
    cameras: Annotated[tuple[Name, ...], Field(min_length=1)]
    readout_s: Seconds
    lead_s: Seconds
    tail_s: Seconds
    abort_s: Seconds
    reset_s: Seconds
    status_s: Seconds
    light_tight_shutter: Annotated[bool, Field(strict=True)] = False
    options: Options = {}


class FibselModel(Part):
    """The fibre mask: its fibres in motor steps; `default_fibres` is a regular expression on their names."""

    driver: str = "simulated"
    fibres: Annotated[dict[Name, Steps], Field(min_length=1)]
    default_fibres: str
    steps_per_s: Positive
    settle_s: Seconds = 0.0
    tolerance_steps: Annotated[int, Field(ge=0, strict=True)]
    status_s: Seconds = 0.0
    options: Options = {}

    @model_validator(mode="after")
    def _matching(self) -> Self:
        try:
            hits = [name for name in self.fibres if re.match(self.default_fibres, name)]
        except re.error as error:
            raise ValueError(f"default_fibres is not a regular expression: {error}") from error
        if not hits:
            raise ValueError(f"default_fibres {self.default_fibres!r} matches no fibre")
        return self


class Deadline(Part):
    """How long to wait for something that should take `expected_s`: factor x expected_s + margin_s."""

    factor: Seconds = 1.0
    margin_s: Positive


class Deadlines(Part):
    """Deadlines of states, by kind; a bare number is a fixed time."""

    factor: Seconds = 1.0
    margin_s: Positive = 10.0
    kinds: dict[StateKind, Positive | Deadline] = {}

    def deadline_s(self, kind: str, expected_s: float) -> float:
        """Seconds after which a state of this kind is given up."""
        own = self.kinds.get(kind)  # type: ignore[call-overload]
        if isinstance(own, float | int):
            return float(own)
        rule = own or self
        return float(rule.factor * expected_s + rule.margin_s)


class Retry(Part):
    """How often to try, and the waits in between: first_wait_s, then x factor, up to longest_wait_s."""

    attempts: Annotated[int, Field(ge=1, strict=True)] = 3
    first_wait_s: Seconds = 1.0
    factor: Annotated[float, Field(ge=1, allow_inf_nan=False, strict=True)] = 2.0
    longest_wait_s: Seconds = 30.0


class Retries(Part):
    """Retry policies of states, by kind."""

    default: Retry = Retry()
    kinds: dict[StateKind, Retry] = {}

    def of(self, kind: str) -> Retry:
        """The policy for this kind of state."""
        return self.kinds.get(kind, self.default)  # type: ignore[call-overload,no-any-return]


class Guard(Part):
    """The guard's rhythm: how often it hears that all is well, the silence it bears, how often it retries."""

    heartbeat_s: Positive = 0.5
    silence_s: Positive = 2.0
    retry_s: Positive = 1.0


class Observatory(Part):
    """One observatory: its devices, named positions, timings and policies."""

    name: Name
    description: str = ""
    telescopes: TelescopesModel | None = None
    positions: dict[Name, dict[Name, Direction]] = {}
    default_position: Name = "calibration"
    park_position: Name = "park"
    lamps: LampsModel
    spectrographs: SpectrographsModel
    fibsel: FibselModel | None = None
    deadlines: Deadlines = Deadlines()
    retries: Retries = Retries()
    policies: tuple[str, ...] = ()
    guard: Guard = Guard()
    _folder: Path = PrivateAttr(default=Path())

    @property
    def hash(self) -> str:
        """SHA-256 of the content, whatever the order of keys, the comments or the file's name."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()

    @property
    def policy_paths(self) -> tuple[Path, ...]:
        """The policies' schema files; relative ones are relative to the document."""
        return tuple(self._folder / policy for policy in self.policies)

    def targets(self, position: str) -> dict[str, AltAz]:
        """Where each telescope looks at a named position.

        Raises:
            ObservatoryError: no such position; names the nearest.
        """
        if position not in self.positions:
            raise ObservatoryError(f"no position {position!r}; {nearest(position, self.positions)}")
        return {name: AltAz(to.alt_deg, to.az_deg) for name, to in self.positions[position].items()}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.telescopes is None:
            return self
        for position in (self.default_position, self.park_position):
            if position not in self.positions:
                raise ValueError(f"positions lacks {position!r}; {nearest(position, self.positions)}")
        for position, targets in self.positions.items():
            _same(f"positions.{position}", set(targets), set(self.telescopes.units))
        return self


def _same(where: str, names: set[str], telescopes: set[str]) -> None:
    for name in sorted(names - telescopes):
        raise ValueError(f"{where}: no telescope {name!r}; {nearest(name, telescopes)}")
    for name in sorted(telescopes - names):
        raise ValueError(f"{where}: lacks the telescope {name!r}")


def shipped_observatories() -> dict[str, Path]:
    """The observatory documents that come with safelight, by name (one beside each family of drivers)."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*/*.yaml"))}


def load_observatory(source: str | Path) -> Observatory:
    """The observatory of that name, or of that file.

    Args:
        source: a shipped name (`simulated`) or the path of a YAML or JSON document.

    Raises:
        ObservatoryError: unknown name, unreadable file or wrong content; every fault with file, line and
            path.
    """
    path = _document(source)
    plain = read_document(path)
    if not isinstance(plain, dict):
        raise ObservatoryError(f"{path}:1: an observatory is a mapping, not {type(plain).__name__}")
    try:
        observatory = Observatory.model_validate(plain)
    except ValidationError as error:
        raise complaint(path, error, _keys(Observatory)) from error
    observatory._folder = path.resolve().parent  # noqa: SLF001  # our own model
    return observatory


def _document(source: str | Path) -> Path:
    shipped = shipped_observatories()
    if str(source) in shipped:
        return shipped[str(source)]
    path = Path(source)
    if path.suffix in {".yaml", ".yml", ".json"} or len(path.parts) > 1 or path.is_file():
        return path
    raise ObservatoryError(f"no observatory {str(source)!r}, and no such file; {nearest(source, shipped)}")


def _keys(model: type[BaseModel]) -> list[str]:
    """Every key that the document may have, at any depth, to name the nearest one."""
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            keys |= set(_keys(inner))
    return sorted(keys)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
