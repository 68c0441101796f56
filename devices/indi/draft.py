"""Draft of an observatory document from what an INDI server has: text, with a question where nothing can be known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safelight.devices.drafts import (
    CAMERA_TIMES,
    NO_CAMERA,
    NewLamps,
    NewNames,
    as_yaml,
    document,
    in_comment,
    lamp_times,
)
from safelight.devices.indi.course import EXPOSURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from safelight.devices.indi.inventory import FoundIndiDevice
    from safelight.devices.indi.properties import Vector

__all__ = ["camera_options", "draft", "lamps_of"]


@dataclass(frozen=True, slots=True)
class OffTimes:
    """Times of lamps and of their off, s, as in the shipped observatories.

    Attributes:
        deadline_s: of one question.
        answers_s: until an on, an off and an off of all is answered.
        margin_s: how much longer than expected an off may take.
    """

    deadline_s: float
    answers_s: tuple[float, float, float]
    margin_s: float


_TIMES = {
    "none": OffTimes(4.0, (0.3, 0.3, 0.5), 5.5),
    "reconnect": OffTimes(8.0, (0.7, 0.7, 4.0), 12.0),
    "on-then-off": OffTimes(12.0, (1.2, 2.4, 7.0), 16.0),
}
"""How an off is forced -> times. The slowest way of all lamps counts."""


@dataclass(frozen=True, slots=True)
class FoundLamp:
    """Something that may be a lamp.

    Attributes:
        name: what people call it.
        options: as in the document.
        flavour: what its light is good for, as far as that is known.
        lit: whether it says that it is on.
    """

    name: str
    options: Mapping[str, object]
    flavour: str = "arc"
    lit: bool = False


def lamps_of(device: FoundIndiDevice) -> tuple[FoundLamp, ...]:
    """Return everything of a device that may be a lamp, by the properties that drivers have for lamps."""
    switches = [vector for vector in device.vectors.values() if vector.kind == "switch"]
    return tuple(lamp for vector in switches for lamp in _lamps_in(device, vector))


def _lamps_in(device: FoundIndiDevice, vector: Vector) -> Iterator[FoundLamp]:
    """Return what a switch vector has of lamps."""
    name = vector.name
    if name == "CALIBRATION" and {"SKY", "FLAT", "CALIBRATION"} <= set(vector.values):
        return _spox(device, vector)
    if name == "CALIB_LAMPS":
        return _eshel(device, vector)
    if vector.label == "light source":
        return _usis(device, vector)
    if name in {"POWER_CHANNELS", "POWER_CONTROL"}:
        return _power(device, vector)
    return _single(device, vector)


def _single(device: FoundIndiDevice, vector: Vector) -> Iterator[FoundLamp]:
    """Yield the lamp of a light box or a relay, if the vector is one."""
    name, base = vector.name, {"device": device.name, "property": vector.name}
    if name == "FLAT_LIGHT_CONTROL":
        ends = {"is_on": "FLAT_LIGHT_ON", "is_off": "FLAT_LIGHT_OFF"}
        yield FoundLamp(device.name, base | ends, "flat", vector.on == ("FLAT_LIGHT_ON",))
    elif name.startswith("DIGITAL_OUTPUT_") and {"ON", "OFF"} <= set(vector.values):
        said = _text(device, "DIGITAL_OUTPUT_LABELS", name) or f"{device.name} {name}"
        yield FoundLamp(said, base | {"is_on": "ON", "is_off": "OFF"}, lit="ON" in vector.on)


def _spox(device: FoundIndiDevice, vector: Vector) -> Iterator[FoundLamp]:
    more = {"is_off": "SKY", "also_on": ["DARK"], "force_off": "reconnect"}
    for element, flavour in (("CALIBRATION", "arc"), ("FLAT", "flat")):
        options: dict[str, object] = {"device": device.name, "property": vector.name, "is_on": element}
        yield FoundLamp(element, options | more, flavour, vector.on == (element,))


def _eshel(device: FoundIndiDevice, vector: Vector) -> Iterator[FoundLamp]:
    for element in vector.values:
        options = {"device": device.name, "property": vector.name, "is_on": element, "force_off": "on-then-off"}
        yield FoundLamp(element, options, "arc" if element == "THAR" else "flat", element in vector.on)


def _power(device: FoundIndiDevice, vector: Vector) -> Iterator[FoundLamp]:
    for place, element in enumerate(vector.values, start=1):
        said = _text(device, "POWER_LABELS", f"POWER_LABEL_{place}") or vector.labels.get(element, "")
        options = {"device": device.name, "property": vector.name, "is_on": element}
        yield FoundLamp(said or element, options, lit=element in vector.on)


def _usis(device: FoundIndiDevice, vector: Vector) -> Iterator[FoundLamp]:
    """Yield the lamps of a USIS, whose names are counters: its labels stay."""
    base: dict[str, object] = {"device": device.name, "property": "label:light source", "is_off": "label:SKY"}
    for label, flavour in (("CALIB", "arc"), ("FLAT", "flat")):
        element = vector.element(f"label:{label}")
        if element is not None:
            options = base | {"is_on": f"label:{label}", "also_on": ["label:DARK"], "read_back": "hardware"}
            yield FoundLamp(label, options, flavour, vector.on == (element,))


def _text(device: FoundIndiDevice, name: str, element: str) -> str:
    vector = device.vectors.get(name)
    return "" if vector is None else vector.values.get(element, "")


def camera_options(host: str, port: int, found: Iterable[FoundIndiDevice]) -> dict[str, Any]:
    """Return the `options` of spectrographs with every camera of a server.

    Args:
        host: of the server.
        port: the same.
        found: what it has.
    """
    names = NewNames()
    cameras = {names.new(device.name): {"device": device.name} for device in found if EXPOSURE in device.vectors}
    return {"host": host, "port": port, "cameras": cameras}


def draft(
    host: str, port: int, found: Iterable[FoundIndiDevice], *, name: str = "observatory", file: str = ""
) -> str | None:
    """Return the draft as YAML with comments, a valid document, or None if nothing is known as a lamp.

    Args:
        host: of the server.
        port: the same.
        found: what it has.
        name: of the observatory.
        file: where the draft is written, for its first lines.
    """
    devices = tuple(found)
    lamps = [lamp for device in devices for lamp in lamps_of(device)]
    if not lamps:
        return None
    cameras = [device for device in devices if EXPOSURE in device.vectors]
    times = max((_TIMES[str(lamp.options.get("force_off", "none"))] for lamp in lamps), key=lambda one: one.margin_s)
    ports = {device.name: _text(device, "DEVICE_PORT", "PORT") for device in devices if lamps_of(device)}
    sections = [
        "\n".join(_lamp_section(host, port, lamps, ports, times)) + "\n" + lamp_times(*times.answers_s),
        "\n".join(_camera_section(host, port, cameras)) if cameras else NO_CAMERA,
        *_others(devices),
    ]
    done = "Its devices were connected. Nothing was switched."
    return document(f"INDI server {host}:{port}", done, name, file, sections, margin_s=times.margin_s)


def _lamp_section(
    host: str, port: int, lamps: Iterable[FoundLamp], ports: Mapping[str, str], times: OffTimes
) -> Iterator[str]:
    names = NewLamps()
    options, units = [], []
    groups: dict[object, list[str]] = {}
    for one in lamps:
        lamp = names.new(one.name)
        if "also_on" in one.options:
            groups.setdefault(one.options["device"], []).append(lamp)
        options.append(f"      {lamp}: {as_yaml(one.options)}")
        lit = "; it says that it is ON now" if one.lit else ""
        unit = names.unit(lamp, one.flavour)
        units.append(f"    {lamp}: {unit}  # TODO is it a lamp? If not, remove it here and above{lit}")
    yield "lamps:"
    yield "  driver: indi"
    yield "  options:"
    yield f"    host: {as_yaml(host)}"
    yield f"    port: {port}"
    yield f"    deadline_s: {times.deadline_s}"
    settings = {device: {"DEVICE_PORT": {"PORT": path}} for device, path in ports.items() if path}
    if settings:
        yield "    # As the server has them now. A driver that was started anew gets them before it is connected."
        yield f"    settings: {as_yaml(settings)}"
    yield "    # TODO does a driver read its hardware? Switch the lamp by hand, and see whether check --live notices:"
    yield "    # then add read_back: hardware"
    yield "    lamps:"
    yield from options
    exclusive = [f"[{', '.join(group)}]" for group in groups.values() if len(group) > 1]
    if exclusive:
        yield f"  exclusive: [{', '.join(exclusive)}]  # the hardware lights one at a time"
    yield "  units:  # TODO arc or flat? seconds of warm-up? the longest that it may be on?"
    yield from units


def _camera_section(host: str, port: int, devices: Iterable[FoundIndiDevice]) -> Iterator[str]:
    names = NewNames()
    cameras = {names.new(device.name): device for device in devices}
    yield "spectrographs:  # TODO which cameras belong to your spectrograph? Remove the others"
    yield "  driver: indi"
    yield "  units:"
    yield f"    spectrograph: {{cameras: [{', '.join(cameras)}]}}"
    yield "  options:"
    yield f"    host: {as_yaml(host)}"
    yield f"    port: {port}"
    yield "    cameras:"
    for name, device in cameras.items():
        yield f"      {name}: {{device: {as_yaml(device.name)}}}"
    yield "  # shutter: none  # TODO has the camera a shutter? If not, say so, and in `dark_at` what makes it dark"
    yield CAMERA_TIMES


def _others(devices: Iterable[FoundIndiDevice]) -> Iterator[str]:
    """Yield a comment for each device that a person has to decide on."""
    for device in devices:
        said = in_comment(device.name)
        if device.trouble:
            yield (
                f"# {said} could not be connected: {in_comment(device.trouble, 200)}\n"
                "# TODO set it up at the server (DEVICE_PORT is the port of a serial device), and run init again\n"
            )
        for name in ("FILTER_SLOT", "FLIP_MIRROR", "CAP_PARK"):
            if name in device.vectors:
                yield f"# {said} has {name}. TODO does a frame need it somewhere? Then describe it under `selectors`.\n"
        if "EQUATORIAL_EOD_COORD" in device.vectors:
            yield (
                f"# Not used: the telescope {said}. TODO does it point at a screen for calibrations, or is it parked\n"
                "# for them? Then describe `telescopes` and `positions`: see the page on describing an observatory.\n"
            )
