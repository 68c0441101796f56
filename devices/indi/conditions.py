"""Conditions of a night that an INDI server knows: elements of switch, number, light and text vectors."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from safelight.devices.command_context import CommandContext, bounded
from safelight.devices.indi.device import IndiDevice, the_element
from safelight.devices.indi.line import IndiLine

if TYPE_CHECKING:
    from safelight.devices.indi.properties import Vector
    from safelight.devices.observatory.device_conditions import IndiConditionModel
    from safelight.devices.protocols import Timekeeper

__all__ = ["read_condition"]


async def read_condition(wanted: IndiConditionModel, clock: Timekeeper, timeout_s: float) -> bool | float | str:
    """Return the value of an element. The device is connected first, and nothing else is written.

    Args:
        wanted: which element.
        clock: all waiting goes through it.
        timeout_s: how long it may take, s.

    Raises:
        DeviceError: no answer, no such element, or a vector that can't be believed.
    """
    line = IndiLine(wanted.host, wanted.port, clock, timeout_s)
    context = CommandContext("condition", "read")
    try:
        async with bounded(clock, timeout_s, context):
            device = IndiDevice(line, wanted.device, {})
            await device.connect(context)
            vector = await device.read(wanted.property, context)
            return _value(vector, wanted, context)
    finally:
        await line.close()


def _value(vector: Vector, wanted: IndiConditionModel, context: CommandContext) -> bool | float | str:
    """Return the value of an element that can be believed.

    Raises:
        DeviceError: it can't.
    """
    element = the_element(vector, wanted.element, context)
    where = f"{vector.device} {vector.name}"
    text = vector.values[element]
    if vector.kind == "light":
        # The state of the vector is the worst of its lights: it says nothing against one of them.
        return text
    if vector.state in {"Busy", "Alert"}:
        # What moves shows its goal already.
        raise context.unknown(f"{where} is in state {vector.state}")
    if vector.state == "Idle" and not wanted.believe_idle:
        raise context.unknown(f"{where} is in state Idle: it has reported nothing since its driver was started")
    if vector.kind == "switch":
        if vector.rule == "OneOfMany" and len(vector.on) != 1:
            raise context.unknown(f"{where} has {len(vector.on)} elements that are on, where one is expected")
        return text == "On"
    if vector.kind == "text":
        return text
    number = vector.number(element)
    if number is None or not isfinite(number):
        raise context.unknown(f"{where} {element} is {text!r}: no number")
    return number
