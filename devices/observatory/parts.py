"""Parts of the observatory document: each kind of device, deadlines and retries.

Values are frozen, names of numbers carry their units, and unknown keys are refused. The meaning of each key is given
here, and docs/reference/configuration.md is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from safelight.devices.files.cards import lamp_keyword
from safelight.devices.observatory.cameras import camera_names
from safelight.devices.observatory.labels import plain_label
from safelight.devices.observatory.quality import QualityModel
from safelight.documents.errors import Refusal
from safelight.documents.expectations import EXPECTED
from safelight.documents.names import listed, nearest
from safelight.documents.patterns import compiled

__all__ = [
    "Deadline",
    "Deadlines",
    "Direction",
    "FibselModel",
    "Grown",
    "GuardPolicy",
    "Keyword",
    "LampModel",
    "LampMonitorModel",
    "LampsModel",
    "Name",
    "ObservatoryPart",
    "Options",
    "PlaceName",
    "RestModel",
    "Retries",
    "RetryPolicy",
    "SecondPath",
    "Seconds",
    "Setup",
    "SpectrographModel",
    "SpectrographsModel",
    "StateKind",
    "TelescopesModel",
    "TemperatureModel",
]

StateKind = Literal[
    "ready",
    "point",
    "lamp-warmup",
    "lamp-timed",
    "shutter-timed",
    "fibsel-step",
    "configure",
    "expose",
    "readout",
    "restore",
    "lamp-off",
    "park",
    "safing",
]
"""Kinds of state that may have their own deadline and retry policy."""

LONGEST_S = 86_400
"""One day, s. Anything longer is probably a mistake."""
LONGEST_SILENCE_S = 60
"""Longest silence that a guard may accept, s. A longer one would be no protection."""
LONGEST_TRY_S = 300
"""Longest deadline of one command that switches a lamp off, s. It is not tried again before."""
_LARGE = 1_000_000_000
_LEAST_WATCH_S = 0.1
"""Shortest interval at which lamps are read back in an exposure, s."""

Seconds = Annotated[float, Field(ge=0, le=LONGEST_S, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, le=LONGEST_S, allow_inf_nan=False, strict=True)]
Speed = Annotated[float, Field(ge=0.001, le=100_000, allow_inf_nan=False, strict=True)]
Factor = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False, strict=True)]
Rhythm = Annotated[float, Field(ge=0.01, le=LONGEST_SILENCE_S, allow_inf_nan=False, strict=True)]
Tolerance = Annotated[float, Field(gt=0, le=180, allow_inf_nan=False, strict=True)]
Celsius = Annotated[float, Field(ge=-273.15, le=100, allow_inf_nan=False, strict=True)]
Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False, strict=True)]
Steps = Annotated[int, Field(ge=-_LARGE, le=_LARGE, strict=True)]
_LETTERS = "1 to 40 letters, digits, `_`, `+` and `-`, of which the first is a letter or a digit"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_+-]*$"
_CAMERAS = f"a list (at least one, each a name of {_LETTERS})"
Name = Annotated[
    str,
    Field(min_length=1, max_length=40, pattern=_NAME, json_schema_extra={EXPECTED: f"a name of {_LETTERS}"}),
]
_KEYWORD = {EXPECTED: "a FITS keyword of 1 to 8 of A-Z, 0-9, `_` and `-`"}
Keyword = Annotated[str, Field(pattern=r"^[A-Z0-9_-]{1,8}$", json_schema_extra=_KEYWORD)]
Options = dict[str, Any]
_PRINTABLE = "1 to 60 printable characters, without a blank, a slash or a comma at either end"


def _printable(text: str) -> str:
    if not text.isprintable() or text[:1] in _EDGES or text[-1:] in _EDGES or text == _TAKEN:
        raise Refusal(allowed=f"a name of {_PRINTABLE}, but not `{_TAKEN}`")
    return text


_EDGES = tuple(" /,")
_TAKEN = "as found"
"""What a run calls a place that nobody has asked for: it is left as it was found."""
PlaceName = Annotated[
    str,
    Field(min_length=1, max_length=60, strict=True, json_schema_extra={EXPECTED: f"a name of {_PRINTABLE}"}),
    AfterValidator(_printable),
]
"""Name of a lamp, of a fibre, or of a position of selectors or telescopes."""
Setup = dict[Name, PlaceName]
"""Selector -> named position."""


def _blocking(value: object) -> object:
    if not isinstance(value, bool) and (not isinstance(value, Mapping) or not value):
        raise Refusal(allowed=_BLOCKING)
    for selector, positions in value.items() if isinstance(value, Mapping) else ():
        named = positions if isinstance(positions, list | tuple) else [positions]
        if not named or not all(isinstance(each, str) for each in named):
            raise Refusal(allowed="the name of a position, or a list of them", at=(selector,))
    return value


_BLOCKING = "`true`, or a mapping of selector to the positions that block the light, such as {source_shutter: closed}"
Blocking = Annotated[
    Annotated[bool, Field(strict=True)] | dict[Name, PlaceName | tuple[PlaceName, ...]],
    BeforeValidator(_blocking),
    Field(json_schema_extra={EXPECTED: _BLOCKING}),
]
"""True, or selector -> the positions that block a lamp."""

_DRIVER = "who drives it: `simulated`, `alpaca`, `indi`, `http`, `clu`, `dli`, or a driver of another package"
_OPTIONS = "what this driver alone understands"
_STATUS = "until a read-back is answered"


class ObservatoryPart(BaseModel):
    """Part of the document. It is frozen and refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Grown(ObservatoryPart):
    """Part whose model has more keys than when it was first published.

    Attributes:
        later: the new keys. At their default they are left out, so that documents without them keep their hash.
    """

    later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        silent = {key for key in self.later if getattr(self, key) == fields[key].default}
        return {key: value for key, value in plain(self).items() if key not in silent}


class Direction(ObservatoryPart):
    """Direction in the horizontal frame, in degrees."""

    alt_deg: Annotated[float, Field(ge=-90, le=90, strict=True, description="altitude")]
    az_deg: Annotated[float, Field(ge=0, le=360, strict=True, description="azimuth")]


class TelescopesModel(ObservatoryPart):
    """Telescopes, which slew together. A slew takes angle / slew_deg_per_s + settle_s."""

    driver: str = Field("simulated", description=_DRIVER)
    units: Annotated[dict[Name, Options], Field(min_length=1)] = Field(
        description="telescope -> what the driver has to know of it"
    )
    slew_deg_per_s: Speed = Field(description="how fast a telescope turns, along the shortest way")
    settle_s: Seconds = Field(0.0, description="time of a slew in addition to the motion itself")
    status_s: Seconds = Field(0.0, description=_STATUS)
    tolerance_deg: Tolerance = Field(description="a telescope that is read back so near has arrived")
    options: Options = Field({}, description=_OPTIONS)


class RestModel(ObservatoryPart):
    """Duty cycle of a lamp: after `after` seconds on it is off for a while."""

    after: Positive = Field(description="how long the lamp may be on, s")
    for_s: Positive = Field(validation_alias=AliasChoices("for", "for_s"), description="how long it is off then, s")


class LampModel(Grown):
    """One lamp. `longest_on_s` is its maximum on-time."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"requires", "level", "level_s", "rest", "restrike_s", "min_on_s", "warm_behind_shutter", "label"}
    )

    warmup_s: Seconds = Field(description="its warm-up where a sequence gives none")
    flavour: Literal["arc", "flat", "object"] = Field(description="of its frames, where a sequence gives none")
    longest_on_s: Positive = Field(
        description="its maximum on-time without a break: a sequence that needs more is refused, and the guards "
        "switch it off after it"
    )
    keyword: Keyword | None = Field(None, description="its FITS keyword; without one its name in capitals")
    label: Name | None = Field(
        None,
        description="stands for it in ids of frames, in OBJECT and in names of files; without one its name, with `_` "
        "for blanks, brackets and the like",
    )
    requires: Setup = Field(
        {}, description="selector -> the position without which the lamp's light does not reach the spectrographs"
    )
    level: tuple[Percent, Percent] | None = Field(
        None, description="lowest and highest percent to which it can be dimmed; without it, it can't be dimmed"
    )
    level_s: Seconds = Field(0.0, description="until another level is steady")
    rest: RestModel | None = Field(
        None, description="its duty cycle, `{after: 1800, for: 300}`: a longer series is interrupted, lamp off"
    )
    restrike_s: Seconds = Field(0.0, description="how long it has to be off before it may be lit again")
    min_on_s: Seconds = Field(
        0.0, description="its minimum on-time: a run waits before it switches the lamp off; safing does not wait"
    )

    warm_behind_shutter: Blocking = Field(
        False,
        description="whether it may warm up while other frames integrate, because a selector that it `requires` blocks "
        "its light: `true` for each position but the required one, or selector -> the positions that block it",
    )

    @model_validator(mode="after")
    def _dimmable(self) -> Self:
        if self.level is not None and self.level[0] > self.level[1]:
            said = "the lowest level is above the highest"
            raise Refusal(said, "two percentages, such as [10, 100]", at=("level",))
        return self

    @model_validator(mode="after")
    def _switchable(self) -> Self:
        if self.min_on_s > self.longest_on_s:
            said = f"the minimum on-time is longer than the maximum on-time, {self.longest_on_s:g} s"
            raise Refusal(said, f"seconds, at most {self.longest_on_s:g}", at=("min_on_s",))
        return self


class SecondPath(ObservatoryPart):
    """Independent way to switch the same lamps off."""

    driver: str = Field(description="who drives it")
    options: Options = Field({}, description=_OPTIONS)


class LampMonitorModel(ObservatoryPart):
    """Photodiode that sees the light of the lamps."""

    driver: str = Field(description="who drives it")
    every_s: Annotated[float, Field(ge=0.5, le=60, strict=True)] = Field(
        2.0, description="how often it is read while lamps warm up"
    )
    dark: Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)] = Field(
        0.0, description="reading up to which there is no light"
    )
    options: Options = Field({}, description=_OPTIONS)


_GROUP = "a list of at least two lamps, such as [FLAT, ThAr]"


class LampsModel(Grown):
    """Lamps on their power switch, and the duration of its commands."""

    later: ClassVar[frozenset[str]] = frozenset({"exclusive", "read_back", "monitor"})

    driver: str = Field("simulated", description=_DRIVER)
    units: Annotated[dict[PlaceName, LampModel], Field(min_length=1)] = Field(
        description="lamp -> what there is to know of it; names match without regard to case"
    )
    on_s: Seconds = Field(description="from the command until the lamp shines")
    off_s: Seconds = Field(description="from the command until its answer")
    all_off_s: Seconds = Field(description="the same for the switch's own all-off")
    status_s: Seconds = Field(description=_STATUS)
    watch_s: Seconds = Field(
        10.0,
        description="how often the lamps are read back while a frame integrates, 0.1 or more; 0: only before and after",
    )
    break_off_spoilt: Annotated[bool, Field(strict=True)] = Field(
        True,
        description="whether an exposure is interrupted at once, and taken again, when a lamp that should be off is "
        "read as on, or one of its own as off; `false`: it continues to its end, and is kept aside as bad",
    )
    options: Options = Field({}, description=_OPTIONS)
    second_path: SecondPath | None = Field(
        None, description="another way to the same lamps, used where the first does not confirm that they are off"
    )
    monitor: LampMonitorModel | None = Field(
        None, description="a photodiode, for warm-ups that end when the light is steady"
    )
    exclusive: tuple[
        Annotated[tuple[PlaceName, ...], Field(min_length=2, json_schema_extra={EXPECTED: _GROUP})], ...
    ] = Field((), description="groups of lamps of which the hardware can light one at a time, `[[FLAT, ThAr]]`")
    read_back: Literal["hardware", "memory"] = Field(
        "hardware", description="source of the driver's read-back: memory, if it only repeats its last command"
    )

    def keyword(self, lamp: str) -> str:
        """Return the FITS keyword of a lamp: its name in capitals unless the document gives one."""
        return self.units[lamp].keyword or lamp_keyword(lamp)

    def label(self, lamp: str) -> str:
        """Return what stands for a lamp in ids of frames, in OBJECT, and in names of files."""
        return self.units[lamp].label or plain_label(lamp)

    @model_validator(mode="after")
    def _grouped(self) -> Self:
        for number, group in enumerate(self.exclusive):
            for place, name in enumerate(group):
                at = ("exclusive", number, place)
                if name not in self.units:
                    raise Refusal(f"unknown lamp {name!r}", listed(self.units), nearest(name, self.units), at=at)
                if name in group[:place]:
                    raise Refusal(f"{name} is duplicated in the group", "each lamp once", at=at)
        return self

    def darkened_by(self, lamp: str) -> tuple[str, ...]:
        """Return the lamps that can't be lit together with this one."""
        others = (other for group in self.exclusive if lamp in group for other in group if other != lamp)
        return tuple(dict.fromkeys(others))

    @model_validator(mode="after")
    def _bearable(self) -> Self:
        if 0.0 < self.watch_s < _LEAST_WATCH_S:
            said = f"reading the lamps back every {self.watch_s:g} s leaves their switch no time for commands"
            raise Refusal(said, f"0, or {_LEAST_WATCH_S:g} or more", at=("watch_s",))
        for name, unit in self.units.items():
            if unit.warmup_s >= unit.longest_on_s:
                said = f"the lamp's warm-up of {unit.warmup_s:g} s uses up its {unit.longest_on_s:g} s"
                raise Refusal(said, f"more than {unit.warmup_s:g}", at=("units", name, "longest_on_s"))
            if unit.rest is not None and unit.warmup_s >= unit.rest.after:
                said = f"the lamp's warm-up of {unit.warmup_s:g} s uses up its {unit.rest.after:g} s"
                raise Refusal(said, f"more than {unit.warmup_s:g}", at=("units", name, "rest", "after"))
        return self

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        folded: dict[str, str] = {}
        for name in self.units:
            other = folded.setdefault(name.casefold(), name)
            if other != name:
                said = f"the lamps {other} and {name} differ only in case, and lamp names match without regard to case"
                raise Refusal(said, "another name for one of them", at=("units", name))
        lamp_of: dict[str, str] = {}
        for name in self.units:
            other = lamp_of.setdefault(self.keyword(name), name)
            if other != name:
                said = f"the lamps {other} and {name} have the same FITS keyword, {self.keyword(name)}"
                raise Refusal(said, "a `keyword` of its own for one of them", at=("units", name))
        labelled: dict[str, str] = {}
        for name in self.units:
            label = self.label(name)
            if not label:
                said = f"the name {name!r} has no letter or digit for ids and file names"
                raise Refusal(said, f"a `label` for it: {_LETTERS}", at=("units", name))
            other = labelled.setdefault(label.casefold(), name)
            if other != name:
                said = f"the lamps {other} and {name} have the same label, {label}"
                raise Refusal(said, "a `label` of its own for one of them", at=("units", name))
        return self


_LIST, _MAPPING = "<list>", "<mapping>"
"""Names for pydantic of the two forms of `units`. They are not keys and never appear in messages."""


def _form(units: object) -> str:
    """Return the form of `units` as written. Anything that is not a mapping is read as a list."""
    return _MAPPING if isinstance(units, Mapping) else _LIST


class SpectrographModel(ObservatoryPart):
    """One spectrograph, where `units` is a mapping."""

    cameras: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(
        None, description="its cameras, named as in files and headers; without them those of `spectrographs.cameras`"
    )


class TemperatureModel(ObservatoryPart):
    """Temperature of the detectors: waited for before each frame, and checked after it."""

    set_point_c: Celsius = Field(description="its set-point, degrees Celsius")
    tolerance_c: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False, strict=True)] = Field(
        description="largest deviation of a detector from it, degrees"
    )
    settle_s: Seconds = Field(600.0, description="how long a frame waits for it")


class SpectrographsModel(Grown):
    """Spectrographs. An exposure takes lead_s + its seconds + tail_s, and readout_s to read out."""

    later: ClassVar[frozenset[str]] = frozenset({"shutter", "dark_at", "temperature", "alone", "own_times"})

    driver: str = Field("simulated", description=_DRIVER)
    units: Annotated[
        Annotated[tuple[Name, ...], Field(min_length=1), Tag(_LIST)]
        | Annotated[dict[Name, SpectrographModel], Field(min_length=1), Tag(_MAPPING)],
        Discriminator(_form),
    ] = Field(description="the spectrographs, exposed together: their names, or what there is to know of each")
    cameras: tuple[Name, ...] = Field(
        (),
        description="the cameras of each, one file for each spectrograph and camera: `b` is called `b2` at the "
        "spectrograph `sp2`, and `b` at one without a number; required unless each unit names its own",
        json_schema_extra={EXPECTED: _CAMERAS},
    )
    readout_s: Seconds = Field(description="duration of a readout, until its files are whole on disk")
    lead_s: Seconds = Field(description="from the command until integration starts (the shutter opens)")
    tail_s: Seconds = Field(description="from the end of integration (the shutter closes) until the answer")
    abort_s: Seconds = Field(description="an abort, until its answer")
    reset_s: Seconds = Field(description="a reset, until its answer")
    status_s: Seconds = Field(description=_STATUS)
    light_tight_shutter: Annotated[bool, Field(strict=True)] = Field(
        False, description="whether biases and darks may run while a lamp warms up: only with tested shutters"
    )
    others_s: Seconds = Field(
        3600.0,
        description="how long a run waits for an exposure of another program to be read out, then it ends as faulted",
    )
    quality: QualityModel | None = Field(
        None, description="how the light in frames is judged; without it, it is not judged"
    )
    options: Options = Field({}, description=_OPTIONS)
    shutter: Literal["own", "none"] = Field(
        "own", description="none: there is no shutter, and a detector sees all light that reaches it"
    )
    dark_at: Setup = Field(
        {}, description="without a shutter: selector -> the position that keeps light out, for biases and darks"
    )
    temperature: TemperatureModel | None = Field(None, description="of the detectors; without it, it is not checked")
    alone: Literal["none", "spectrographs", "cameras"] | None = Field(
        None,
        description="what can be exposed without the others: none, single spectrographs, or single cameras; "
        "without it `cameras` where they are simulated, else `none`",
    )
    own_times: Annotated[bool, Field(strict=True)] | None = Field(
        None,
        description="whether each camera can integrate for its own time in one exposure; without it `true` where they "
        "are simulated",
    )

    @property
    def chosen_by(self) -> str:
        """Smallest unit that can be exposed without the others: none, spectrographs or cameras."""
        return self.alone or ("cameras" if self.driver == "simulated" else "none")

    @property
    def times_differ(self) -> bool:
        """True if cameras can integrate for times of their own."""
        return self.driver == "simulated" if self.own_times is None else self.own_times

    @property
    def judging(self) -> QualityModel:
        """Rules by which light is judged. It is not judged where the document has no `quality`."""
        return self.quality or QualityModel(mode="off")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spectrographs, in the document's order."""
        return tuple(self.units)

    @property
    def camera_kinds(self) -> dict[str, tuple[str, ...]]:
        """Name in `cameras` -> the cameras of that name, one of each spectrograph that names none of its own."""
        units = [self.cameras_of(unit) for unit in self.names if self._own(unit) is None]
        return {kind: tuple(each[place] for each in units) for place, kind in enumerate(self.cameras) if units}

    @property
    def every_camera(self) -> tuple[str, ...]:
        """Every camera of every spectrograph, as in files and headers: b1, r1, z1, b2, ..."""
        return tuple(camera for unit in self.names for camera in self.cameras_of(unit))

    def cameras_of(self, unit: str) -> tuple[str, ...]:
        """Return the names of a spectrograph's cameras, in the document's order."""
        return camera_names(self.cameras, {name: self._own(name) for name in self.names})[unit]

    def _own(self, unit: str) -> tuple[str, ...] | None:
        return self.units[unit].cameras if isinstance(self.units, dict) else None

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not given, so that documents without it keep their hash."""
        return {key: value for key, value in plain(self).items() if key != "quality" or value is not None}

    @model_validator(mode="after")
    def _equipped(self) -> Self:
        without = [unit for unit in self.names if self._own(unit) is None]
        if without and not self.cameras:
            said = "" if "cameras" in self.model_fields_set else "`cameras` is missing"
            if isinstance(self.units, dict):
                said = f"the spectrograph {without[0]} names none of its own, and `cameras` names none for all"
            raise Refusal(said, _CAMERAS, at=("cameras",))
        known = set[str]()
        for unit in self.names:
            for camera in self._own(unit) or ():
                if camera in known:
                    said = f"two cameras are called {camera}"
                    raise Refusal(said, "a name of its own for each camera", at=("units", unit, "cameras"))
                known.add(camera)
        return self


class FibselModel(ObservatoryPart):
    """Fibre mask: its fibres in motor steps. `default_fibres` is a regular expression on their names."""

    driver: str = Field("simulated", description=_DRIVER)
    fibres: Annotated[dict[PlaceName, Steps], Field(min_length=1)] = Field(
        description="fibre -> position of the motor when it is lit, in motor steps"
    )
    default_fibres: str = Field(description="what `fibsel: true` means: a regular expression on fibres' names")
    default_fibre: PlaceName | None = Field(
        None, description="the fibre of frames for which a sequence names none; without it the mask stays as it is"
    )
    steps_per_s: Speed = Field(description="how fast the motor turns")
    settle_s: Seconds = Field(0.0, description="time of a move in addition to the motion itself")
    tolerance_steps: Annotated[int, Field(ge=0, le=100_000, strict=True)] = Field(
        description="a mask that is read back so near has arrived"
    )
    dwell_tolerance: Annotated[float, Field(ge=0, le=1, strict=True)] = Field(
        0.2, description="the part of its time by which a fibre of a sweep may fall short; more, and the frame is bad"
    )
    status_s: Seconds = Field(0.0, description=_STATUS)
    moved_status_s: Seconds | None = Field(
        None, description="the same right after a move, where it takes longer; without it `status_s`"
    )
    options: Options = Field({}, description=_OPTIONS)

    @property
    def arrival_s(self) -> float:
        """Duration of a read-back right after a move, s."""
        return self.status_s if self.moved_status_s is None else self.moved_status_s

    @model_validator(mode="after")
    def _matching(self) -> Self:
        try:
            match = compiled(self.default_fibres).match
        except Refusal as refusal:
            refusal.at = ("default_fibres",)
            raise
        if not any(match(name) for name in self.fibres):
            said = f"{self.default_fibres!r} matches no fibre"
            raise Refusal(said, "a regular expression on the names under `fibres`", at=("default_fibres",))
        if self.default_fibre is not None and self.default_fibre not in self.fibres:
            said = f"{self.default_fibre!r} is not one of the fibres"
            raise Refusal(said, f"one of {', '.join(self.fibres)}", at=("default_fibre",))
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out keys that are not given, so that documents without them keep their hash."""
        return {key: value for key, value in plain(self).items() if key != "default_fibre" or value is not None}


class Deadline(ObservatoryPart):
    """Time limit of an action that should take `expected_s`: factor x expected_s + margin_s."""

    factor: Factor = Field(1.0, description="times the expected duration")
    margin_s: Positive = Field(description="plus this")


class Deadlines(ObservatoryPart):
    """Deadlines of states, by kind. A bare number is a fixed time."""

    factor: Factor = Field(1.0, description="times the expected duration of a state")
    margin_s: Positive = Field(10.0, description="plus this")
    kinds: dict[StateKind, Positive | Deadline] = Field(
        {}, description="kind of state -> a rule of its own, or a fixed time in seconds"
    )

    def deadline_s(self, kind: str, expected_s: float) -> float:
        """Return the seconds after which a state of this kind is given up."""
        own = self.kinds.get(kind)  # type: ignore[call-overload]
        if isinstance(own, float | int):
            return float(own)
        rule = own or self
        return float(rule.factor * expected_s + rule.margin_s)


class RetryPolicy(ObservatoryPart):
    """Number of tries, and the waits in between: first_wait_s, then x factor, up to longest_wait_s."""

    attempts: Annotated[int, Field(ge=1, le=1000, strict=True)] = Field(3, description="how often it is tried in all")
    first_wait_s: Seconds = Field(1.0, description="before the second try")
    factor: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False, strict=True)] = Field(
        2.0, description="factor by which each further wait is longer"
    )
    longest_wait_s: Seconds = Field(30.0, description="but never longer than this")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if "longest_wait_s" in self.model_fields_set and self.longest_wait_s < self.first_wait_s:
            said = f"the longest wait, {self.longest_wait_s:g} s, is shorter than the first, {self.first_wait_s:g} s"
            raise Refusal(said, f"{self.first_wait_s:g} or more", at=("longest_wait_s",))
        return self


class Retries(ObservatoryPart):
    """Retry policies of states, by kind."""

    default: RetryPolicy = Field(RetryPolicy(), description="for kinds that have no policy of their own")
    kinds: dict[StateKind, RetryPolicy] = Field({}, description="kind of state -> its policy")

    def of(self, kind: str) -> RetryPolicy:
        """Return the policy for this kind of state."""
        return self.kinds.get(kind, self.default)  # type: ignore[call-overload,no-any-return]


HEARTBEATS_IN_SILENCE = 2
"""Shortest accepted silence in heartbeats. A single late heartbeat must not switch the lamps off."""


class GuardPolicy(ObservatoryPart):
    """Timing of the guards: the interval of heartbeats, the silence they accept, and their retries."""

    heartbeat_s: Rhythm = Field(0.5, description="how often the runner says that all is well")
    silence_s: Rhythm = Field(2.0, description="after so long without a heartbeat the guards switch the lamps off")
    retry_s: Rhythm = Field(1.0, description="how often a guard tries again, and looks again")

    @model_validator(mode="after")
    def _audible(self) -> Self:
        if self.silence_s < HEARTBEATS_IN_SILENCE * self.heartbeat_s:
            least_s = HEARTBEATS_IN_SILENCE * self.heartbeat_s
            said = f"a silence of {self.silence_s:g} s is too short for a heartbeat every {self.heartbeat_s:g} s"
            raise Refusal(said, f"at least twice `heartbeat_s`: {least_s:g} or more", at=("silence_s",))
        return self
