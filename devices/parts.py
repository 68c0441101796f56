"""The parts of the observatory document: each kind of device, and how long to wait, how often to try again.

Values are frozen; numbers carry their units in their names; unknown keys are refused. What a key means stands beside
it, and from there in docs/reference/configuration.md.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Deadline",
    "Deadlines",
    "Direction",
    "FibselModel",
    "Guard",
    "LampModel",
    "LampsModel",
    "Name",
    "Part",
    "Retries",
    "Retry",
    "SecondPath",
    "SpectrographsModel",
    "StateKind",
    "TelescopesModel",
]

StateKind = Literal["ready", "point", "lamp-warmup", "fibsel-step", "expose", "readout", "lamp-off", "park", "safing"]
"""The kinds of state that may have a deadline and a retry policy of their own."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Steps = Annotated[int, Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_+-]*$")]
Options = dict[str, Any]

_DRIVER = "who drives it: `simulated`, `clu`, `dli`, or a driver of another package"
_OPTIONS = "what this driver alone understands"
_STATUS = "until a read-back is answered"


class Part(BaseModel):
    """A part of the document: frozen, and nothing in it that isn't known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Direction(Part):
    """A direction in the horizontal frame, in degrees."""

    alt_deg: Annotated[float, Field(ge=-90, le=90, strict=True, description="altitude")]
    az_deg: Annotated[float, Field(ge=0, le=360, strict=True, description="azimuth")]


class TelescopesModel(Part):
    """The telescopes; a slew takes angle / slew_deg_per_s + settle_s, and all slew at once."""

    driver: str = Field("simulated", description=_DRIVER)
    units: Annotated[dict[Name, Options], Field(min_length=1)] = Field(
        description="telescope -> what the driver has to know of it"
    )
    slew_deg_per_s: Positive = Field(description="how fast a telescope turns, along the shortest way")
    settle_s: Seconds = Field(0.0, description="what a slew takes beside the turning")
    status_s: Seconds = Field(0.0, description=_STATUS)
    tolerance_deg: Positive = Field(description="a telescope that is read back so near has arrived")
    options: Options = Field({}, description=_OPTIONS)


class LampModel(Part):
    """One lamp; `longest_on_s` is the longest that it may burn at a stretch (its lease)."""

    warmup_s: Seconds = Field(description="its warm-up where a sequence gives none")
    flavour: Literal["arc", "flat", "object"] = Field(description="of its frames, where a sequence gives none")
    longest_on_s: Positive = Field(
        description="its lease, the longest that it may burn at a stretch: a sequence that needs more is refused, and "
        "the guards switch it off after it"
    )
    keyword: Annotated[str, Field(pattern=r"^[A-Z0-9_-]{1,8}$")] | None = Field(
        None, description="its FITS keyword; without one its name in capitals"
    )


class SecondPath(Part):
    """An independent way to switch the same lamps off."""

    driver: str = Field(description="who drives it")
    options: Options = Field({}, description=_OPTIONS)


class LampsModel(Part):
    """The lamps on their power switch, and how long its commands take."""

    driver: str = Field("simulated", description=_DRIVER)
    units: Annotated[dict[Name, LampModel], Field(min_length=1)] = Field(
        description="lamp -> what there is to know of it; names match without regard to case"
    )
    on_s: Seconds = Field(description="from the command until the lamp shines")
    off_s: Seconds = Field(description="from the command until its answer")
    all_off_s: Seconds = Field(description="the same for the switch's own all-off")
    status_s: Seconds = Field(description=_STATUS)
    watch_s: Seconds = Field(
        10.0, description="how often the lamps are read back while a frame integrates; 0: only before and after"
    )
    options: Options = Field({}, description=_OPTIONS)
    second_path: SecondPath | None = Field(
        None, description="another way to the same lamps, used where the first does not confirm that they are off"
    )

    def keyword(self, lamp: str) -> str:
        """The FITS keyword of a lamp; its name in capitals unless the document names one."""
        return self.units[lamp].keyword or re.sub("[^A-Z0-9_-]", "_", lamp.upper())[:8]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({name.casefold() for name in self.units}) < len(self.units):
            raise ValueError("two lamps differ only in case, and lamp names match without regard to case")
        lamp_of: dict[str, str] = {}
        for name in self.units:
            other = lamp_of.setdefault(self.keyword(name), name)
            if other != name:
                same = f"lamps {other} and {name} have the same FITS keyword, {self.keyword(name)}"
                raise ValueError(f"{same}; give one a `keyword` of its own")
        return self


class SpectrographsModel(Part):
    """The spectrographs; an exposure takes lead_s + its seconds + tail_s, and readout_s to read out."""

    driver: str = Field("simulated", description=_DRIVER)
    units: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(description="the spectrographs, exposed together")
    cameras: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        description="the cameras of each: one file for each spectrograph and camera"
    )
    readout_s: Seconds = Field(description="a read-out, until its files are whole on the disk")
    lead_s: Seconds = Field(description="from the command until integration starts (the shutter opens)")
    tail_s: Seconds = Field(description="from the end of integration (the shutter closes) until the answer")
    abort_s: Seconds = Field(description="an abort, until its answer")
    reset_s: Seconds = Field(description="a reset, until its answer")
    status_s: Seconds = Field(description=_STATUS)
    light_tight_shutter: Annotated[bool, Field(strict=True)] = Field(
        False, description="whether biases and darks may run while a lamp warms up: only with shutters that are proven"
    )
    options: Options = Field({}, description=_OPTIONS)


class FibselModel(Part):
    """The fibre mask: its fibres in motor steps; `default_fibres` is a regular expression on their names."""

    driver: str = Field("simulated", description=_DRIVER)
    fibres: Annotated[dict[Name, Steps], Field(min_length=1)] = Field(
        description="fibre -> where the motor stands when it is lit, in motor steps"
    )
    default_fibres: str = Field(description="what `fibsel: true` means: a regular expression on fibres' names")
    steps_per_s: Positive = Field(description="how fast the motor turns")
    settle_s: Seconds = Field(0.0, description="what a move takes beside the turning")
    tolerance_steps: Annotated[int, Field(ge=0, strict=True)] = Field(
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
        """Until a read-back right after a move is answered, s."""
        return self.status_s if self.moved_status_s is None else self.moved_status_s

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

    factor: Seconds = Field(1.0, description="times the expected duration")
    margin_s: Positive = Field(description="plus this")


class Deadlines(Part):
    """Deadlines of states, by kind; a bare number is a fixed time."""

    factor: Seconds = Field(1.0, description="times the expected duration of a state")
    margin_s: Positive = Field(10.0, description="plus this")
    kinds: dict[StateKind, Positive | Deadline] = Field(
        {}, description="kind of state -> a rule of its own, or a fixed time in seconds"
    )

    def deadline_s(self, kind: str, expected_s: float) -> float:
        """Seconds after which a state of this kind is given up."""
        own = self.kinds.get(kind)  # type: ignore[call-overload]
        if isinstance(own, float | int):
            return float(own)
        rule = own or self
        return float(rule.factor * expected_s + rule.margin_s)


class Retry(Part):
    """How often to try, and the waits in between: first_wait_s, then x factor, up to longest_wait_s."""

    attempts: Annotated[int, Field(ge=1, strict=True)] = Field(3, description="how often it is tried in all")
    first_wait_s: Seconds = Field(1.0, description="before the second try")
    factor: Annotated[float, Field(ge=1, allow_inf_nan=False, strict=True)] = Field(
        2.0, description="each further wait is so many times longer"
    )
    longest_wait_s: Seconds = Field(30.0, description="but never longer than this")


class Retries(Part):
    """Retry policies of states, by kind."""

    default: Retry = Field(Retry(), description="for kinds that have no policy of their own")
    kinds: dict[StateKind, Retry] = Field({}, description="kind of state -> its policy")

    def of(self, kind: str) -> Retry:
        """The policy for this kind of state."""
        return self.kinds.get(kind, self.default)  # type: ignore[call-overload,no-any-return]


class Guard(Part):
    """The guard's rhythm: how often it hears that all is well, the silence it bears, how often it retries."""

    heartbeat_s: Positive = Field(0.5, description="how often the runner says that all is well")
    silence_s: Positive = Field(2.0, description="after so long without a heartbeat the guards switch the lamps off")
    retry_s: Positive = Field(1.0, description="how often a guard tries again, and looks again")
