"""What `safelight check --live` does: connect, read everything back, move nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from safelight.devices import Devices, Lamps, Observatory

__all__ = ["live_check"]

_WORTH = {
    "hardware": "the hardware is read",
    "memory": "the device repeats its last command: check the lamp once, by eye",
    "simulated": "simulated",
}
_UNSAID = "the driver does not say whether hardware or memory is read: check the lamp once, by eye"

_NEVER = (
    "never commanded since its driver was started? `safelight lamps off` commands it, and reads it back. If it stays "
    "unknown, is the channel or element of it right?"
)


async def live_check(observatory: "Observatory") -> dict[str, Any]:
    """Read every device of an observatory back.

    Returns:
        `ok`; `lamps`: for each path, each lamp with its `state` and what an *off* of it is worth; `devices`: what each
        other device says; `problems`: what could not be read, in sentences.
    """
    from safelight.devices import open_devices  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.clock import Clock  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415

    devices = open_devices(observatory, clock=Clock(), home=default_home())
    try:
        return await _read(devices, observatory)
    finally:
        await devices.close()


async def _read(devices: "Devices", observatory: "Observatory") -> dict[str, Any]:
    problems: list[str] = []
    switch, second = observatory.lamps, observatory.lamps.second_path
    lamps = {"lamps": await _lamps(devices.lamps, switch.driver, "lamps", problems)}
    if devices.second_lamps is not None and second is not None:
        lamps["second path"] = await _lamps(devices.second_lamps, second.driver, "the second path", problems)
    others: dict[str, Any] = {}
    for kind in ("spectrographs", "telescopes", "fibsel", "selectors"):
        device = getattr(devices, kind)
        if device is not None:
            found = await _asked(device.status(), kind, problems)
            others[kind] = None if found is None else _plain(found)
    if devices.lamp_monitor is not None:
        others["lamp_monitor"] = await _asked(devices.lamp_monitor.read(), "the lamp monitor", problems)
    return {"ok": not problems, "lamps": lamps, "devices": others, "problems": problems}


async def _lamps(lamps: "Lamps", driver: str, path: str, problems: list[str]) -> dict[str, dict[str, str]]:
    found = await _asked(lamps.status(), path, problems) or dict.fromkeys(lamps.names, "unknown")
    worth = getattr(lamps, "read_back", {})
    unsaid = _WORTH.get(driver, _UNSAID)
    unread = [lamp for lamp in lamps.names if found.get(lamp) == "unknown"]
    if unread and len(unread) < len(lamps.names):
        silent = [lamp for lamp in unread if worth.get(lamp) == "memory"]
        wrong = [lamp for lamp in unread if lamp not in silent]
        if wrong:
            problems.append(f"{path}: {', '.join(wrong)} can't be read: is the channel or element of it right?")
        if silent:
            problems.append(f"{path}: {', '.join(silent)}: {_NEVER}")
    return {
        lamp: {"state": str(found.get(lamp, "unknown")), "off": _WORTH.get(worth.get(lamp, ""), unsaid)}
        for lamp in lamps.names
    }


async def _asked(work: "Awaitable[Any]", what: str, problems: list[str]) -> Any:
    from safelight.devices import DeviceError  # noqa: PLC0415

    try:
        return await work
    except DeviceError as error:
        problems.append(f"{what}: {error}")
        return None


def _plain(found: Any) -> Any:
    """Return a status as JSON has it."""
    from dataclasses import asdict, is_dataclass  # noqa: PLC0415

    if isinstance(found, dict):
        return {name: _plain(each) for name, each in found.items()}
    return asdict(found) if is_dataclass(found) and not isinstance(found, type) else found
