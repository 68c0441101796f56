"""Reading of a condition that a device of a server knows."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from safelight.devices.errors import ObservatoryError
from safelight.documents.errors import quoted
from safelight.text import how_to_install

if TYPE_CHECKING:
    from safelight.devices.observatory.site_habits import ConditionModel
    from safelight.devices.protocols import Timekeeper

__all__ = ["read_condition"]

_READERS = {"alpaca": "safelight.devices.alpaca.conditions", "indi": "safelight.devices.indi.conditions"}


async def read_condition(condition: ConditionModel, clock: Timekeeper) -> bool | float | str:
    """Return the value of a condition that is read by `alpaca` or `indi`.

    Args:
        condition: how it is read.
        clock: all waiting goes through it.

    Raises:
        DeviceError: it can't be read.
        ObservatoryError: a package that is needed is not installed.
    """
    family: str = "alpaca" if condition.alpaca is not None else "indi"
    try:
        reader: Any = import_module(_READERS[family])
    except ImportError as error:
        needed = error.name or quoted("Python", error)
        words = f"needs a package that is not installed: {needed}. {how_to_install(family)}"
        raise ObservatoryError(words) from error
    found: bool | float | str = await reader.read_condition(getattr(condition, family), clock, condition.timeout_s)
    return found
