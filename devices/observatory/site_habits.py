"""Parts of the observatory document for a site: its place, conditions, names of files, and whom to notify."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from string import Formatter
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from safelight.devices.observatory.device_conditions import DOME_STATES, AlpacaConditionModel, IndiConditionModel
from safelight.devices.observatory.parts import Grown, ObservatoryPart, Positive
from safelight.documents.errors import Refusal
from safelight.documents.names import listed, nearest

__all__ = ["NOTIFY_EVENTS", "ConditionModel", "FramesModel", "NotifyTarget", "SiteModel"]

FOLDER_FIELDS = ("run", "night", "sequence", "observatory")
"""What a folder's name may hold in braces."""
FILE_FIELDS = ("number", "frame", "camera", "night")
"""What a file's name may hold in braces."""
NEEDED_IN_FILE = ("number", "camera")
"""Without these, two files could get the same name."""

NotifyEvent = Literal["done", "faulted", "unsafe", "guard", "aborted", "paused"]
NOTIFY_EVENTS: tuple[NotifyEvent, ...] = ("done", "faulted", "unsafe", "guard")
"""What people are notified of where the document does not say otherwise."""

_PLAIN = re.compile(r"[A-Za-z0-9._+=-]*")
_DEEPEST = 8
"""Folders in a template; more is probably a mistake."""


class SiteModel(ObservatoryPart):
    """Place of the site on Earth, for schedules by the sun."""

    latitude_deg: Annotated[float, Field(ge=-90, le=90)] = Field(description="latitude, north is positive")
    longitude_deg: Annotated[float, Field(ge=-180, le=180)] = Field(description="longitude, east is positive")


class ConditionModel(Grown):
    """Condition of a night: read by a command, from a JSON document at a URL, or from a device of Alpaca or INDI."""

    later: ClassVar[frozenset[str]] = frozenset({"alpaca", "indi"})

    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = Field(
        None, description="program and its arguments, without a shell; met if its exit code is 0"
    )
    url: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        None, description="`http` or `https`; its answer is JSON"
    )
    alpaca: AlpacaConditionModel | None = Field(None, description="device of an Alpaca server")
    indi: IndiConditionModel | None = Field(None, description="element of a property of an INDI server")
    key: Annotated[str, Field(max_length=200)] = Field(
        "", description="where the value is in the answer, `dome.closed`; a number counts in a list, from 0"
    )
    equals: bool | int | float | str = Field(True, description="the value that is wanted")
    below: float | None = Field(None, description="a number below this one is wanted, instead of `equals`")
    above: float | None = Field(None, description="a number above this one is wanted, instead of `equals`")
    timeout_s: Positive = Field(3.0, description="how long it may take to read it")
    abort: bool = Field(
        False, description="a run that requires it is aborted when it is lost, instead of paused after its frame"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if [self.url, self.command, self.alpaca, self.indi].count(None) != 3:  # noqa: PLR2004 - one of four
            raise Refusal("a condition is read in one way", "one of `url`, `command`, `alpaca` and `indi`")
        if self.url is not None:
            _require_url(self.url)
        if self.alpaca is not None:
            self._require_what_alpaca_gives(self.alpaca)
        return self

    def _require_what_alpaca_gives(self, device: AlpacaConditionModel) -> None:
        """Refuse a comparison that can never be met."""
        number = self.below is not None or self.above is not None
        if device.weather is not None and not number:
            raise Refusal("the weather is a number", "`below` or `above`")
        if device.weather is None and number:
            raise Refusal("it is no number", "`equals`, without `below` and `above`")
        if device.dome is not None and self.equals not in DOME_STATES[:4]:
            raise Refusal(f"the shutter of a dome is never {self.equals!r}", listed(DOME_STATES[:4]), at=("equals",))
        if device.safety_monitor is not None and not isinstance(self.equals, bool):
            raise Refusal("a safety monitor is safe or not", "`true` or `false`", at=("equals",))


class FramesModel(ObservatoryPart):
    """Names of frames: folders and files, with the night that a frame belongs to."""

    folder: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        "{run}",
        description="folder of a run within the frames folder, from `{run}`, `{night}`, `{sequence}` and "
        "`{observatory}`; a run whose folder exists already gets the next free number after it: `normal-2`",
    )
    file: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        "{number}-{frame}-{camera}",
        description="name of a file without its suffix, from `{number}` (of the exposure, eight digits), `{frame}`, "
        "`{camera}` and `{night}`; `{number}` and `{camera}` are required, because they make it unique; files that a "
        "camera's own program has named keep their names",
    )
    timezone: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None,
        description="time zone of the site, such as `America/Santiago`: a night's date is that of the noon before it; "
        "without one, that of the computer",
    )

    def night(self, utc: datetime) -> str:
        """Return the date of the night that a moment belongs to, such as `20261123`: a night begins at noon.

        Args:
            utc: the moment, with its time zone.
        """
        local = utc.astimezone(None if self.timezone is None else ZoneInfo(self.timezone))
        return f"{local.replace(tzinfo=None) - timedelta(hours=12):%Y%m%d}"

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        _require_template("folder", self.folder, FOLDER_FIELDS, folders=True)
        _require_template("file", self.file, FILE_FIELDS, folders=False)
        if len(re.findall(r"\{(number|camera)\}", self.file)) > len(NEEDED_IN_FILE):
            raise Refusal("{number} or {camera} is duplicated", "each of them once", at=("file",))
        for name in NEEDED_IN_FILE:
            if f"{{{name}}}" not in self.file:
                said = f"{{{name}}} is missing: two files could get the same name"
                raise Refusal(said, "a name with {number} and {camera}", at=("file",))
        if self.timezone is not None:
            _require_zone(self.timezone)
        return self


def _require_template(key: str, template: str, known: tuple[str, ...], *, folders: bool) -> None:
    """Refuse a template with unknown fields, or that could lead out of its folder."""
    allowed = f"letters, digits, . _ + = - and {listed(f'{{{name}}}' for name in known)}"
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        raise Refusal(f"a brace in {template!r} has no partner", allowed, at=(key,)) from None
    for words, name, form, conversion in parts:
        if not _PLAIN.fullmatch(words.replace("/", "") if folders else words):
            raise Refusal(f"{words!r} can't be part of a name", allowed, at=(key,))
        if name is None:
            continue
        if form or conversion or name not in known:
            close = nearest(name, known)
            raise Refusal(f"unknown field {{{name}}}", allowed, f"{{{close}}}" if close else None, at=(key,))
    folder_names = template.split("/")
    if any(not name or name.startswith(".") for name in folder_names):
        raise Refusal(f"{template!r} has an empty or hidden part", allowed, at=(key,))
    if len(folder_names) > _DEEPEST:
        raise Refusal(f"{template!r} is {len(folder_names)} folders deep", f"at most {_DEEPEST}", at=(key,))


def _require_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Refusal(
            f"unknown time zone {name!r}", "a name of the IANA database, such as America/Santiago", at=("timezone",)
        ) from None


class NotifyTarget(ObservatoryPart):
    """One receiver of notifications: a command, or a URL that gets JSON."""

    url: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        None, description="`http` or `https`; it gets the notification as JSON by POST"
    )
    command: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = Field(
        None,
        description="program and its arguments, without a shell; it gets the notification as JSON on standard input, "
        "and one sentence in `$SAFELIGHT_TEXT`",
    )
    events: Annotated[tuple[NotifyEvent, ...], Field(min_length=1)] = Field(
        NOTIFY_EVENTS, description="which events are sent; `guard`: a guard has switched lamps off"
    )
    timeout_s: Positive = Field(10.0, description="how long one try may take")
    attempts: Annotated[int, Field(ge=1, le=100, strict=True)] = Field(
        8, description="how often delivery is tried, with waits in between that grow from 2 s to 2 minutes"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise Refusal("a receiver has one way", "either `url` or `command`")
        if self.url is not None:
            _require_url(self.url)
        return self


def _require_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refusal(f"{url!r} is not a URL", "http://... or https://...", at=("url",))
