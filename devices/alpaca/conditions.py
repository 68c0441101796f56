"""Conditions of a night that an Alpaca server knows: SafetyMonitor, Dome, ObservingConditions."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from safelight.devices.alpaca.server import NOT_IMPLEMENTED, AlpacaDevice, AlpacaServer, Refused
from safelight.devices.command_context import CommandContext, bounded
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
    context = CommandContext("condition", "read")
    try:
        async with bounded(clock, timeout_s, context):
            if wanted.safety_monitor is not None:
                return await _is_safe(server, wanted.safety_monitor, context)
            if wanted.dome is not None:
                return await _shutter(server, wanted.dome, context)
            return await _weather(server, wanted, context)
    finally:
        await server.close()


async def _is_safe(server: AlpacaServer, number: int, context: CommandContext) -> bool:
    value = await server.get(AlpacaDevice("safetymonitor", number), "issafe", context)
    if not isinstance(value, bool):
        raise context.unknown(f"safety monitor {number} at {server.where} says that it is safe: {value!r}")
    return value


async def _shutter(server: AlpacaServer, number: int, context: CommandContext) -> str:
    value = await server.get(AlpacaDevice("dome", number), "shutterstatus", context)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(DOME_STATES):
        raise context.unknown(f"dome {number} at {server.where} says that its shutter is {value!r}")
    if DOME_STATES[value] == "error":
        raise context.failed(f"dome {number} at {server.where} reports an error of its shutter")
    return DOME_STATES[value]


async def _weather(server: AlpacaServer, wanted: AlpacaConditionModel, context: CommandContext) -> float:
    device = AlpacaDevice("observingconditions", wanted.weather or 0)
    sensor = str(wanted.sensor)
    value = _number(await server.get(device, sensor, context))
    if value is None:
        raise context.unknown(f"{server.where} gives no number for {sensor}")
    try:
        age_s = _number(await server.ask(device, "timesincelastupdate", context, SensorName=sensor))
    except Refused as refused:
        if refused.number != NOT_IMPLEMENTED:
            raise context.failed(f"the age of {sensor} can't be read: error {refused.number:#x}") from None
        # The specification demands it of every sensor: without it nothing says that the station still measures.
        raise context.failed(f"{server.where} does not say how old its {sensor} is") from None
    if age_s is None or age_s < 0:
        raise context.unknown(f"{server.where} has not measured {sensor} yet")
    if age_s > wanted.longest_age_s:
        raise context.unknown(f"{sensor} at {server.where} is {age_s:.0f} s old, more than {wanted.longest_age_s:g} s")
    return value


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if known else None
