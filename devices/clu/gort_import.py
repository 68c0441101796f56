"""Import of a configuration of gort (LVM's own program) as an observatory document. What is left out is reported.

Values that gort does not have (durations, deadlines, maximum on-times) are taken from the shipped observatory `lvm`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from safelight.devices.clu import gort_sequences
from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory.observatory import Observatory
from safelight.devices.observatory.yaml_document import refusal
from safelight.documents.parsed import Parsed

__all__ = ["Imported", "import_gort"]

_CALIBRATION = ("specs.calibration", "recipes.calibration")
"""Paths under which the versions of gort keep their calibration sequences."""


@dataclass(slots=True)
class Imported:
    """Result of an import.

    Attributes:
        observatory: the document, as plain values that are valid.
        sequences: name -> a sequence document; a recipe with parameters is one too.
        left_out: path in gort's configuration -> why.
    """

    observatory: dict[str, Any]
    sequences: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Source:
    """Gort's configuration, and which of its parts have been used."""

    plain: Mapping[str, Any]
    used: set[str] = field(default_factory=set)

    def take(self, path: str) -> Any:
        """Return the value at a path, or None if there is none."""
        value: Any = self.plain
        for key in path.split("."):
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]
        self.used.add(path)
        return value

    def mapping(self, path: str) -> dict[str, Any]:
        """Return the mapping at a path, empty if there is none.

        Raises:
            ObservatoryError: the value there is not a mapping.
        """
        value = self.take(path)
        if value is not None and not isinstance(value, Mapping):
            raise ObservatoryError(f"gort's {path} should be a mapping, not {type(value).__name__}")
        return {str(key): inner for key, inner in (value or {}).items()}

    def rest(self) -> Iterator[str]:
        """Yield the shortest paths under which nothing was used."""
        yield from self._rest(self.plain, "")

    def _rest(self, value: Any, path: str) -> Iterator[str]:
        if path in self.used:
            return
        inside = any(used.startswith(f"{path}." if path else "") for used in self.used)
        if inside and isinstance(value, Mapping):
            for key, inner in value.items():
                yield from self._rest(inner, f"{path}.{key}" if path else str(key))
        else:
            yield path


def import_gort(plain: Any, base: Mapping[str, Any], name: str = "lvm") -> Imported:
    """Turn a configuration of gort into an observatory document.

    Args:
        plain: gort's configuration (the content of `lvmgort.yml`).
        base: the plain values of an observatory of ours, for what gort does not know.
        name: the observatory's name.

    Raises:
        ObservatoryError: it is not a configuration of gort, or the result is not a valid observatory.
    """
    if not isinstance(plain, Mapping) or "telescopes" not in plain or "specs" not in plain:
        raise ObservatoryError("this is not a configuration of gort: it has no `telescopes` or no `specs`")
    source = _Source(plain)
    document = {**deepcopy(dict(base)), "name": name}
    unused = _telescopes(source, document)
    _fibsel(source, document)
    _spectrographs(source, document)
    found = Imported(document, left_out={path: gort_sequences.reason(path) for path in unused})
    _calibration(source, found)
    try:
        found.observatory = Observatory.model_validate(document).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        problems = refusal(error, Observatory, Parsed(document), "").problems
        sentences = "; ".join(str(problem) for problem in problems)
        raise ObservatoryError(f"gort's configuration gives no observatory: {sentences}") from error
    found.left_out |= {path: gort_sequences.reason(path) for path in source.rest() if path not in found.left_out}
    return found


def _telescopes(source: _Source, document: dict[str, Any]) -> list[str]:
    """Convert units and positions. Return the paths of the telescopes' settings that are not needed."""
    devices = source.mapping("telescopes.devices")
    names = list(devices) or list(document["telescopes"]["units"])
    if devices:
        document["telescopes"]["units"] = {
            name: {"actor": device["actor"]} if isinstance(device, Mapping) and "actor" in device else {}
            for name, device in devices.items()
        }
    if source.take("enclosure.bypass_local_mode") is True:
        document["telescopes"]["options"].pop("enclosure", None)
    positions = source.mapping("telescopes.named_positions")
    if positions:
        document["positions"] = {name: _position(where, names) for name, where in positions.items()}
    return [
        f"telescopes.devices.{name}.{part}"
        for name, device in devices.items()
        for part in (device if isinstance(device, Mapping) else ())
        if part not in {"actor", "fibsel"}
    ]


def _position(where: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Convert one named position. Gort's `all` stands for every telescope."""
    return {
        name: {"alt_deg": float(place["alt"]), "az_deg": float(place["az"])}
        for name in names
        if (place := where.get(name, where.get("all")))
    }


def _fibsel(source: _Source, document: dict[str, Any]) -> None:
    fibres = source.mapping("telescopes.mask_positions")
    if fibres:
        document["fibsel"]["fibres"] = {name: int(steps) for name, steps in fibres.items()}
    for device in source.mapping("telescopes.devices").values():
        if isinstance(device, Mapping) and device.get("fibsel"):
            document["fibsel"]["options"]["actor"] = device["fibsel"]


def _spectrographs(source: _Source, document: dict[str, Any]) -> None:
    devices = source.mapping("specs.devices")
    if devices:
        document["spectrographs"]["units"] = list(devices)
        document["spectrographs"]["options"]["detectors"] = {
            name: device["actor"]
            for name, device in devices.items()
            if isinstance(device, Mapping) and "actor" in device
        }
    counter = source.take("specs.nextExposureNumber")
    if counter:
        path = PurePosixPath(str(counter))
        document["spectrographs"]["options"] |= {"data_root": str(path.parent), "counter": path.name}
    if "{SJD}" in str(source.take("specs.data_path") or "") and not counter:
        document["spectrographs"]["options"]["data_root"] = str(PurePosixPath(source.take("specs.data_path")).parent)


def _calibration(source: _Source, found: Imported) -> None:
    """Turn defaults into the lamps' own, and copy the sequences, which our loader can read."""
    document = found.observatory
    switch = "calib"
    for path in _CALIBRATION:
        if not source.mapping(path):
            continue
        source.used.discard(path)
        switch = str(source.take(f"{path}.lamps_nps") or switch)
        document["default_position"] = source.take(f"{path}.position") or document["default_position"]
        found.left_out |= _defaults(source, f"{path}.defaults", document)
        _sequences(source, path, found)
    recipe = source.mapping(gort_sequences.LONG_TERM)
    if recipe:
        source.used.discard(gort_sequences.LONG_TERM)
        source.used |= {f"{gort_sequences.LONG_TERM}.{key}" for key in gort_sequences.parameters(recipe)}
        found.sequences["long_term_calibrations"] = gort_sequences.long_term(recipe)
    actor = source.take(f"nps.devices.{switch}.actor")
    if actor:
        document["lamps"]["options"]["actor"] = actor


def _sequences(source: _Source, path: str, found: Imported) -> None:
    """Translate the sequences, and leave out what is not a sequence."""
    mask = {
        key: value
        for key in ("positions", "initial_position")
        if (value := source.take(f"{path}.defaults.fibsel.{key}")) is not None
    }
    whole = source.mapping(f"{path}.sequences")
    for name, content in whole.items():
        if isinstance(content, Mapping):
            found.sequences[name] = gort_sequences.translated(content, mask)
        else:
            found.left_out[f"{path}.sequences.{name}"] = "expected a mapping, as a sequence of frames is"
    first = mask.get("initial_position")
    if first is not None and f"'initial_position': {first!r}" not in repr(found.sequences):
        found.left_out[f"{path}.defaults.fibsel.initial_position"] = "no sequence here has a sweep that it applies to"


def _defaults(source: _Source, path: str, document: dict[str, Any]) -> dict[str, str]:
    """Turn gort's defaults into the lamps' own. Return the paths for unknown lamps, and why they are left out."""
    warmup_s = source.take(f"{path}.warmup")
    flavours = {name.casefold(): flavour for name, flavour in source.mapping(f"{path}.flavours").items()}
    for lamp, unit in document["lamps"]["units"].items():
        own_s = warmup_s.get(lamp) if isinstance(warmup_s, Mapping) else warmup_s
        unit["warmup_s"] = unit["warmup_s"] if own_s is None else float(own_s)
        unit["flavour"] = flavours.get(lamp.casefold(), unit["flavour"])
    fibres = source.take(f"{path}.fibsel.positions")
    if isinstance(fibres, str):
        document["fibsel"]["default_fibres"] = fibres
    known = {lamp.casefold() for lamp in document["lamps"]["units"]}
    why = f"unknown lamp; known: {', '.join(document['lamps']['units'])}"
    return {f"{path}.flavours.{name}": why for name in flavours if name not in known}
