"""Draft of an observatory document from what an Alpaca server has: text, with a question where nothing can be known."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from safelight.devices.alpaca.inventory import Element, FoundDevice

__all__ = ["camera_options", "draft", "has_lamps"]

_NOT_PRESENT = 0
"""`CalibratorState` of a CoverCalibrator without a light."""
_CONDITIONS = {
    "safetymonitor": ("safe", "safety_monitor", ""),
    "dome": ("dome_closed", "dome", ", equals: closed"),
    "observingconditions": ("dry", "weather", ", below: 90"),
}
"""Kind of device -> a condition of a night that it can be: its name, the key, and what is wanted."""


def has_lamps(found: Iterable[FoundDevice]) -> bool:
    """Return whether a server has anything that can be a lamp."""
    return any(_has_light(each) or any(element.writable for element in each.elements) for each in found)


def camera_options(where: str, found: Iterable[FoundDevice]) -> dict[str, Any]:
    """Return the `options` of spectrographs with every camera of a server.

    Args:
        where: `HOST:PORT` of the server.
        found: what it has.
    """
    names = NewNames()
    cameras: dict[str, dict[str, object]] = {}
    for camera in _of(found, "camera"):
        shutterless = dict(camera.properties).get("hasshutter") is False
        cameras[names.new(camera.name)] = {"device": camera.device.number} | (
            {"shutter": "none"} if shutterless else {}
        )
    return {"server": where, "cameras": cameras}


def draft(where: str, found: Iterable[FoundDevice], *, name: str = "observatory", file: str = "") -> str:
    """Return the draft as YAML with comments. It is a valid document if the server has anything that can be a lamp.

    Args:
        where: `HOST:PORT` of the server.
        found: what it has.
        name: of the observatory.
        file: where the draft is written, for its first lines.
    """
    devices = tuple(found)
    sections = [
        "\n".join(_lamps(where, devices)) + "\n" + lamp_times(),
        "\n".join(_cameras(where, devices)) if _of(devices, "camera") else NO_CAMERA,
        *_others(where, devices),
    ]
    return document(f"Alpaca server {where}", "Nothing was switched.", name, file, sections)


def _of(devices: Iterable[FoundDevice], kind: str) -> list[FoundDevice]:
    return [each for each in devices if each.device.kind == kind]


def _lamps(where: str, devices: tuple[FoundDevice, ...]) -> Iterator[str]:
    """Yield the section of lamps: each element that can be written may be one."""
    names = NewLamps()
    options, units = [], []
    for switch in _of(devices, "switch"):
        for element in switch.elements:
            if not element.writable:
                options.append(
                    f"    # {in_comment(element.name)} (switch {switch.device.number}) can't be written: a sensor"
                )
                continue
            lamp = names.new(element.name)
            options.append(
                f"      {lamp}: {{switch: {switch.device.number}, element: {as_yaml(element.name)}{_dims(element)}}}"
            )
            question = f"is it a lamp? If not, remove it here and above{_lit(element)}"
            units.append(f"    {lamp}: {names.unit(lamp, 'arc')}  # TODO {question}")
    for panel in _of(devices, "covercalibrator"):
        if not _has_light(panel):
            options.append(f"    # {in_comment(panel.name)} (cover calibrator {panel.device.number}) has no light")
            continue
        lamp = names.new(panel.name)
        most = dict(panel.properties).get("maxbrightness", 1)
        options.append(
            f"      {lamp}: {{cover_calibrator: {panel.device.number}, brightness: {most}}}  # TODO how bright?"
        )
        units.append(f"    {lamp}: {names.unit(lamp, 'flat')}  # TODO how long does it warm up?")
    yield "lamps:"
    yield "  driver: alpaca"
    yield "  options:"
    yield f"    server: {where}"
    yield "    lamps:"
    yield from options
    yield "  units:  # TODO arc or flat? seconds of warm-up? the longest that it may be on?"
    yield from units


def _has_light(device: FoundDevice) -> bool:
    """Return whether a device is a CoverCalibrator with a light: many are covers and nothing else."""
    return device.device.kind == "covercalibrator" and dict(device.properties).get("calibratorstate") != _NOT_PRESENT


def _dims(element: Element) -> str:
    plain = (element.least, element.most) == (0.0, 1.0)
    return "" if plain else f", value: {element.most:g}"


def _lit(element: Element) -> str:
    return "" if element.value == element.least else f"; it is ON now ({element.value:g})"


def _cameras(where: str, devices: tuple[FoundDevice, ...]) -> Iterator[str]:
    """Yield the section of spectrographs: one that has all cameras of the server."""
    names = NewNames()
    cameras = {names.new(camera.name): camera for camera in _of(devices, "camera")}
    yield "spectrographs:  # TODO which cameras belong to your spectrograph? Remove the others"
    yield "  driver: alpaca"
    yield "  units:"
    yield f"    spectrograph: {{cameras: [{', '.join(cameras)}]}}"
    yield "  options:"
    yield f"    server: {where}"
    yield "    cameras:"
    for name, camera in cameras.items():
        known = dict(camera.properties)
        size = f"{known.get('cameraxsize', '?')} x {known.get('cameraysize', '?')} pixels"
        yield f"      {name}:  # {in_comment(camera.name)}, {size}"
        yield f"        device: {camera.device.number}"
        if known.get("hasshutter") is False:
            yield "        shutter: none  # biases and darks are dark only if all else is: TODO what makes it dark?"
        if known.get("cansetccdtemperature"):
            yield "        # cool_to_c: -10.0  # TODO how cold?"
    yield CAMERA_TIMES


def _others(where: str, devices: tuple[FoundDevice, ...]) -> Iterator[str]:
    """Yield a comment for each device that a person has to decide on."""
    for telescope in _of(devices, "telescope"):
        which = f"{in_comment(telescope.name)} ({telescope.device.number})"
        yield (
            f"# The server has a telescope, {which}. TODO does it point at a screen for\n"
            "# calibrations? Then describe `telescopes` and `positions`: see the page on describing an observatory.\n"
        )
    for other in devices:
        which = f"{other.device.kind} {other.device.number}, {in_comment(other.name)}"
        if other.device.kind == "filterwheel":
            yield f"# Not used: {which}. TODO does a frame need a filter? Then describe it under `selectors`.\n"
        if other.device.kind in _CONDITIONS:
            name, key, wanted = _CONDITIONS[other.device.kind]
            sensor = ", sensor: humidity" if key == "weather" else ""
            device = f"{{server: {where}, {key}: {other.device.number}{sensor}}}"
            yield (
                f"# Not used: {which}. TODO do requests of the queue wait for it? Then it is a condition:\n"
                f"# conditions: {{{name}: {{alpaca: {device}{wanted}}}}}\n"
            )
