"""Conditions of a night that an Alpaca server knows: SafetyMonitor, Dome, ObservingConditions."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from safelight.devices.alpaca.server import NOT_IMPLEMENTED, AlpacaDevice, AlpacaServer, Refused
from safelight.devices.asker import Asker, bounded
from safelight.devices.observatory.device_conditions import DOME_STATES, AlpacaConditionModel

if TYPE_CHECKING:
    from safelight.devices.protocols import Timekeeper

__all__ = ["read_condition"]


async def read_condition(wanted: AlpacaConditionModel, clock: Timekeeper, timeout_s: float) -> bool | float | str:
    """Return the value of a condition. The device is connected first, and nothing else is written.

    Args:
        wanted: which device.
        clock: all waiting goes through it.
        timeout_s: how long it may take, s.

    Raises:
        DeviceError: no answer, or one that makes no sense.
    """
    server = AlpacaServer(wanted.server, clock, timeout_s)
    asker = Asker("condition", "read")
    try:
        async with bounded(clock, timeout_s, asker):
            if wanted.safety_monitor is not None:
                return await _is_safe(server, wanted.safety_monitor, asker)
            if wanted.dome is not None:
                return await _shutter(server, wanted.dome, asker)
            return await _weather(server, wanted, asker)
    finally:
        await server.close()


async def _is_safe(server: AlpacaServer, number: int, asker: Asker) -> bool:
    value = await server.get(AlpacaDevice("safetymonitor", number), "issafe", asker)
    if not isinstance(value, bool):
        raise asker.unknown(f"safety monitor {number} at {server.where} says that it is safe: {value!r}")
    return value


async def _shutter(server: AlpacaServer, number: int, asker: Asker) -> str:
    value = await server.get(AlpacaDevice("dome", number), "shutterstatus", asker)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(DOME_STATES):
        raise asker.unknown(f"dome {number} at {server.where} says that its shutter is {value!r}")
    if DOME_STATES[value] == "error":
        raise asker.failed(f"dome {number} at {server.where} reports an error of its shutter")
    return DOME_STATES[value]


async def _weather(server: AlpacaServer, wanted: AlpacaConditionModel, asker: Asker) -> float:
    device = AlpacaDevice("observingconditions", wanted.weather or 0)
    sensor = str(wanted.sensor)
    value = _number(await server.get(device, sensor, asker))
    if value is None:
        raise asker.unknown(f"{server.where} gives no number for {sensor}")
    try:
        age_s = _number(await server.ask(device, "timesincelastupdate", asker, SensorName=sensor))
    except Refused as refused:
        if refused.number != NOT_IMPLEMENTED:
            raise asker.failed(f"the age of {sensor} can't be read: error {refused.number:#x}") from None
        # The specification demands it of every sensor: without it nothing says that the station still measures.
        raise asker.failed(f"{server.where} does not say how old its {sensor} is") from None
    if age_s is None or age_s < 0:
        raise asker.unknown(f"{server.where} has not measured {sensor} yet")
    if age_s > wanted.longest_age_s:
        raise asker.unknown(f"{sensor} at {server.where} is {age_s:.0f} s old, more than {wanted.longest_age_s:g} s")
    return value


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if known else None
