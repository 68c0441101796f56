"""A configuration of gort (LVM's own program) as an observatory document of ours; what is left out is said.

What gort does not know (how long things take, deadlines, leases) is taken from the shipped observatory `lvm`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory import Observatory

__all__ = ["Imported", "import_gort"]

_CALIBRATION = ("specs.calibration", "recipes.calibration")
"""Where the versions of gort keep their calibration sequences."""

_NO_NEED = "nothing here needs it"


@dataclass(slots=True)
class Imported:
    """What came out.

    Attributes:
        observatory: the document, as plain values that are valid.
        sequences: name -> a sequence document, as gort has it.
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
        """The value at a path, None if there is none."""
        value: Any = self.plain
        for key in path.split("."):
            if not isinstance(value, Mapping) or key not in value:
                return None
            value = value[key]
        self.used.add(path)
        return value

    def mapping(self, path: str) -> dict[str, Any]:
        """The mapping at a path; empty if there is none.

        Raises:
            ObservatoryError: there is something else.
        """
        value = self.take(path)
        if value is not None and not isinstance(value, Mapping):
            raise ObservatoryError(f"gort's {path} should be a mapping, not {type(value).__name__}")
        return {str(key): inner for key, inner in (value or {}).items()}

    def rest(self) -> Iterator[str]:
        """The shortest paths under which nothing was used."""
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
        name: what the observatory is to be called.

    Raises:
        ObservatoryError: it is no configuration of gort, or what comes out is no observatory.
    """
    if not isinstance(plain, Mapping) or "telescopes" not in plain or "specs" not in plain:
        raise ObservatoryError("this is no configuration of gort: it has no `telescopes` or no `specs`")
    source = _Source(plain)
    document = {**deepcopy(dict(base)), "name": name}
    unused = _telescopes(source, document)
    _fibsel(source, document)
    _spectrographs(source, document)
    found = Imported(document, left_out=dict.fromkeys(unused, _NO_NEED))
    _calibration(source, found)
    try:
        found.observatory = Observatory.model_validate(document).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        sentences = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ObservatoryError("gort's configuration gives no observatory: " + "; ".join(sentences)) from error
    found.left_out |= dict.fromkeys(source.rest(), "nothing here needs it")
    return found


def _telescopes(source: _Source, document: dict[str, Any]) -> list[str]:
    """Units and positions; returns the paths of what the telescopes have and we don't need."""
    devices = source.mapping("telescopes.devices")
    names = list(devices) or list(document["telescopes"]["units"])
    if devices:
        document["telescopes"]["units"] = {
            name: {"actor": device["actor"]} if isinstance(device, Mapping) and "actor" in device else {}
            for name, device in devices.items()
        }
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
    """One named position; gort's `all` stands for every telescope."""
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
            name: device["actor"] for name, device in devices.items() if isinstance(device, Mapping)
        }
    counter = source.take("specs.nextExposureNumber")
    if counter:
        path = PurePosixPath(str(counter))
        document["spectrographs"]["options"] |= {"data_root": str(path.parent), "counter": path.name}
    if "{SJD}" in str(source.take("specs.data_path") or "") and not counter:
        document["spectrographs"]["options"]["data_root"] = str(PurePosixPath(source.take("specs.data_path")).parent)


def _calibration(source: _Source, found: Imported) -> None:
    """Defaults become the lamps' own; the sequences are as they are: our loader reads them."""
    document = found.observatory
    switch = "calib"
    for path in _CALIBRATION:
        if not source.mapping(path):
            continue
        source.used.discard(path)
        switch = str(source.take(f"{path}.lamps_nps") or switch)
        document["default_position"] = source.take(f"{path}.position") or document["default_position"]
        _defaults(source, f"{path}.defaults", document)
        found.sequences |= source.mapping(f"{path}.sequences")
    actor = source.take(f"nps.devices.{switch}.actor")
    if actor:
        document["lamps"]["options"]["actor"] = actor


def _defaults(source: _Source, path: str, document: dict[str, Any]) -> None:
    warmup_s = source.take(f"{path}.warmup")
    flavours = {name.casefold(): flavour for name, flavour in source.mapping(f"{path}.flavours").items()}
    for lamp, unit in document["lamps"]["units"].items():
        own_s = warmup_s.get(lamp) if isinstance(warmup_s, Mapping) else warmup_s
        unit["warmup_s"] = unit["warmup_s"] if own_s is None else float(own_s)
        unit["flavour"] = flavours.get(lamp.casefold(), unit["flavour"])
    fibres = source.take(f"{path}.fibsel.positions")
    if isinstance(fibres, str):
        document["fibsel"]["default_fibres"] = fibres
