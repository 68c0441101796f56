"""Observatory document: devices, durations, deadlines and retries.

Compiler and runner depend on the names of the attributes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory.parts import (
    LONGEST_SILENCE_S,
    LONGEST_TRY_S,
    Deadline,
    Deadlines,
    Direction,
    FibselModel,
    Grown,
    GuardPolicy,
    Keyword,
    LampModel,
    LampMonitorModel,
    LampsModel,
    Name,
    Options,
    PlaceName,
    Retries,
    RetryPolicy,
    SecondPath,
    SpectrographsModel,
    StateKind,
    TelescopesModel,
)
from safelight.devices.observatory.selectors import FlavourModel, FlavourName, SelectorsModel, require_positions
from safelight.devices.observatory.site_habits import ConditionModel, FramesModel, NotifyTarget, SiteModel
from safelight.devices.observatory.source_shutters import Shields, require_blocking, shields_of
from safelight.devices.observatory.yaml_document import nearest, read_parsed, refusal
from safelight.devices.protocols import AltAz
from safelight.documents.errors import Problem, Refusal
from safelight.documents.names import listed
from safelight.documents.names import nearest as meant
from safelight.documents.places import dotted, line_of

__all__ = [
    "Deadline",
    "Deadlines",
    "Direction",
    "FibselModel",
    "GuardPolicy",
    "LampModel",
    "LampMonitorModel",
    "LampsModel",
    "Observatory",
    "Retries",
    "RetryPolicy",
    "SecondPath",
    "SpectrographsModel",
    "StateKind",
    "TelescopesModel",
    "load_observatory",
    "shipped_observatories",
]


class Observatory(Grown):
    """Observatory with its devices, named positions, timings and policies."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"selectors", "flavours", "sequences", "header", "frames", "notify", "site", "conditions"}
    )

    name: Name = Field(description="its name; only one run at a time is possible for each name in a journal")
    description: str = Field("", description="for people")
    telescopes: TelescopesModel | None = Field(None, description="left out where there are none")
    positions: dict[PlaceName, dict[Name, Direction]] = Field(
        {}, description="named position -> telescope -> where it looks; each position names every telescope"
    )
    default_position: PlaceName = Field(
        "calibration", description="where lamp frames point, where a sequence does not say otherwise"
    )
    park_position: PlaceName = Field("park", description="where telescopes are parked")
    lamps: LampsModel = Field(description="the lamps on their switch")
    spectrographs: SpectrographsModel = Field(description="all spectrographs, exposed together")
    fibsel: FibselModel | None = Field(None, description="the fibre mask; left out if there is none")
    selectors: SelectorsModel | None = Field(
        None, description="devices with named positions (slits, gratings, mirrors, caps); left out if there are none"
    )
    flavours: dict[FlavourName, FlavourModel] = Field(
        {}, description="flavour -> what its frames need: bias, dark, arc, flat or object"
    )
    deadlines: Deadlines = Field(Deadlines(), description="how long to wait")
    retries: Retries = Field(Retries(), description="how often to try again")
    policies: tuple[str, ...] = Field(
        (), description="JSON Schemas that narrow which sequences may be run here: files, relative to the document"
    )
    guard: GuardPolicy = Field(GuardPolicy(), description="the rhythm of the guards")
    sequences: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None, description="folder with the site's own sequences, relative to the document; `run NAME` finds them first"
    )
    header: dict[Keyword, str | int | float | bool] = Field(
        {}, description="FITS keyword -> value, for every frame: `TELESCOP`, `INSTRUME` and the like"
    )
    conditions: dict[Name, ConditionModel] = Field(
        {}, description="condition of a night -> how it is read; requests of the queue may wait for it"
    )
    site: SiteModel | None = Field(None, description="place on Earth, for schedules by the sun")
    frames: FramesModel = Field(FramesModel(), description="names of folders and files")
    notify: tuple[NotifyTarget, ...] = Field((), description="who is notified of what happens, and how")
    _folder: Path = PrivateAttr(default=Path())
    _file: str = PrivateAttr(default="")
    _lines: dict[str, int] = PrivateAttr(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 of the content. It does not depend on the order of keys, comments or the file's name."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()

    @property
    def file(self) -> Path | None:
        """File from which the document was read, as it was named, or None."""
        return Path(self._file) if self._file else None

    @property
    def policy_paths(self) -> tuple[Path, ...]:
        """Schema files of the policies. Relative ones are relative to the document."""
        return tuple(self._folder / policy for policy in self.policies)

    @property
    def sequences_folder(self) -> Path | None:
        """Folder with the site's own sequences, or None where the document names none."""
        return None if self.sequences is None else self._folder / self.sequences

    def targets(self, position: str) -> dict[str, AltAz]:
        """Return where each telescope points at a named position.

        Raises:
            ObservatoryError: no such position; the message names the nearest.
        """
        if position not in self.positions:
            raise ObservatoryError(f"no position {position!r}; {nearest(position, self.positions)}")
        return {name: AltAz(to.alt_deg, to.az_deg) for name, to in self.positions[position].items()}

    @property
    def shields(self) -> Shields:
        """Return the positions that block each lamp that may warm up behind a source shutter."""
        return shields_of(self.lamps.units, self.selectors.units if self.selectors else {})

    @property
    def real_devices(self) -> tuple[str, ...]:
        """Return the kinds of device that are not simulated, as the document names them."""
        parts = {
            "telescopes": self.telescopes,
            "lamps": self.lamps,
            "lamps.second_path": self.lamps.second_path,
            "spectrographs": self.spectrographs,
            "fibsel": self.fibsel,
            "selectors": self.selectors,
        }
        return tuple(name for name, part in parts.items() if part is not None and part.driver != "simulated")

    def located(self, error: ObservatoryError) -> ObservatoryError:
        """Return an error about this document with its file and lines, if it was read from a file."""
        if not self._file:
            return error
        problems = error.problems
        # Drivers of other packages begin their message with the path: `lamps.options.relays lacks Neon`.
        path = error.reason.partition(" ")[0].rstrip(":")
        if not problems and path.partition(".")[0] in type(self).model_fields and "." in path:
            problems = (Problem("", None, path, "", error.reason.removeprefix(path).lstrip(": ")),)
        return ObservatoryError(problems=[self._located(problem) for problem in problems]) if problems else error

    def _located(self, problem: Problem) -> Problem:
        if problem.file:
            return problem
        path = problem.path
        while path and path not in self._lines:
            path = path.rpartition(".")[0]
        return replace(problem, file=self._file, line=self._lines.get(path, 1))

    @model_validator(mode="after")
    def _selected(self) -> Self:
        units = self.selectors.units if self.selectors else {}
        for name, lamp in self.lamps.units.items():
            require_positions(lamp.requires, units, ("lamps", "units", name, "requires"))
            require_blocking(lamp, units, ("lamps", "units", name, "warm_behind_shutter"))
        for flavour, model in self.flavours.items():
            require_positions(model.requires, units, ("flavours", flavour, "requires"))
        require_positions(self.spectrographs.dark_at, units, ("spectrographs", "dark_at"))
        if self.spectrographs.dark_at and self.spectrographs.shutter == "own":
            said = "a spectrograph with a shutter is dark behind it"
            raise Refusal(said, "`shutter: none`, or no `dark_at`", at=("spectrographs", "dark_at"))
        return self

    @model_validator(mode="after")
    def _darkens_in_time(self) -> Self:
        """Check that a lamp can be switched off within the deadline of a try, and is tried again soon."""
        lamps, policy = self.lamps, self.retries.of("safing")
        takes_s = max(lamps.off_s, lamps.all_off_s, lamps.status_s)
        deadline_s = self.deadlines.deadline_s("safing", lamps.off_s)
        where = ("deadlines", "kinds", "safing") if "safing" in self.deadlines.kinds else ("deadlines",)
        if not takes_s < deadline_s <= LONGEST_TRY_S:
            said = f"a lamp has {deadline_s:g} s to be switched off, and its command or read-back takes {takes_s:g} s"
            allowed = f"a deadline for `safing` above {takes_s:g} s, and at most {LONGEST_TRY_S:g} s"
            raise Refusal(said, allowed, at=where)
        wait_s = max((policy.first_wait_s, policy.longest_wait_s) if policy.attempts > 1 else (0.0,))
        if wait_s > LONGEST_SILENCE_S:
            rules = ("retries", "kinds", "safing") if "safing" in self.retries.kinds else ("retries", "default")
            said = f"a lamp that is not off is tried again after up to {wait_s:g} s"
            raise Refusal(said, f"waits of at most {LONGEST_SILENCE_S:g} s for `safing`", at=rules)
        return self

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.telescopes is None:
            return self
        for key in ("default_position", "park_position"):
            position = getattr(self, key)
            if position not in self.positions:
                raise Refusal(
                    f"unknown position {position!r}",
                    listed(self.positions) if self.positions else "a name under `positions`, which has none",
                    meant(position, self.positions),
                    at=(key,) if key in self.model_fields_set else ("positions",),
                )
        for position, targets in self.positions.items():
            _same(position, targets, self.telescopes.units)
        return self


def _same(position: str, targets: dict[str, Direction], telescopes: dict[str, Options]) -> None:
    """Check that a position gives a direction for each telescope."""
    for name in targets:
        if name not in telescopes:
            where = ("positions", position, name)
            raise Refusal(f"unknown telescope {name!r}", listed(telescopes), meant(name, telescopes), at=where)
    for name in telescopes:
        if name not in targets:
            said = f"the telescope {name!r} is missing"
            raise Refusal(said, "`alt_deg` and `az_deg` of each telescope", at=("positions", position))


def shipped_observatories() -> dict[str, Path]:
    """Return the observatory documents that come with safelight, by name (one in each driver's folder)."""
    return {path.stem: path for path in sorted(Path(__file__).parents[1].glob("*/*.yaml"))}


def load_observatory(source: str | Path) -> Observatory:
    """Return the observatory of that name or file.

    Args:
        source: a shipped name (`simulated`) or the path of a YAML or JSON document.

    Raises:
        ObservatoryError: unknown name, unreadable file or wrong content; each fault with file, line and path.
    """
    path = _document(source)
    parsed = read_parsed(path)
    if _is_sequence(parsed.raw):
        said = "expected an observatory document, got a sequence"
        raise ObservatoryError(problems=[Problem(str(path), line_of((), parsed.lines), "", "", said)])
    try:
        observatory = Observatory.model_validate(parsed.raw)
    except ValidationError as error:
        raise refusal(error, Observatory, parsed, str(path)) from error
    observatory._folder = path.resolve().parent  # noqa: SLF001  # our own model
    observatory._file = str(path)  # noqa: SLF001
    observatory._lines = {dotted(place): line for place, line in parsed.lines.items()}  # noqa: SLF001
    return observatory


_OF_SEQUENCES = frozenset({"biases", "darks", "steps"})
"""Keys that only sequences have."""


def _is_sequence(raw: object) -> bool:
    """Return whether a document is one of the other kind, so that one sentence says more than a list of its keys."""
    return isinstance(raw, Mapping) and "spectrographs" not in raw and not raw.keys().isdisjoint(_OF_SEQUENCES)


def _document(source: str | Path) -> Path:
    shipped = shipped_observatories()
    if str(source) in shipped:
        return shipped[str(source)]
    path = Path(source)
    if path.suffix in {".yaml", ".yml", ".json"} or os.sep in str(source) or path.exists():
        return path
    raise ObservatoryError(f"no observatory {str(source)!r}, and no such file; {nearest(source, shipped)}")
