"""The observatory document: what there is, how long it takes, how long to wait, how often to try again.

Attribute names are the contract with the compiler and the runner.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, model_validator

from safelight.devices.document import complaint, nearest, read_document
from safelight.devices.errors import ObservatoryError
from safelight.devices.parts import (
    Deadline,
    Deadlines,
    Direction,
    FibselModel,
    Guard,
    LampModel,
    LampsModel,
    Name,
    Part,
    Retries,
    Retry,
    SecondPath,
    SpectrographsModel,
    StateKind,
    TelescopesModel,
)
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


class Observatory(Part):
    """One observatory: its devices, named positions, timings and policies."""

    name: Name = Field(description="what it is called; in one journal, one run at a time goes on at each name")
    description: str = Field("", description="for people")
    telescopes: TelescopesModel | None = Field(None, description="left out where there are none")
    positions: dict[Name, dict[Name, Direction]] = Field(
        {}, description="named position -> telescope -> where it looks; each position names every telescope"
    )
    default_position: Name = Field(
        "calibration", description="where lamp frames point, where a sequence does not say otherwise"
    )
    park_position: Name = Field("park", description="where telescopes are parked")
    lamps: LampsModel = Field(description="the lamps on their switch")
    spectrographs: SpectrographsModel = Field(description="all spectrographs, exposed together")
    fibsel: FibselModel | None = Field(None, description="the fibre mask; left out where there is none")
    deadlines: Deadlines = Field(Deadlines(), description="how long to wait")
    retries: Retries = Field(Retries(), description="how often to try again")
    policies: tuple[str, ...] = Field(
        (), description="JSON Schemas that narrow which sequences may be run here: files, relative to the document"
    )
    guard: Guard = Field(Guard(), description="the rhythm of the guards")
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
