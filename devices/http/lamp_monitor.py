"""A photodiode with a web API (`LampMonitor`): one request, and where the number is in its answer."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from safelight.devices.command_context import CommandContext
from safelight.devices.http.answers import found_in
from safelight.devices.http.description import Address, BoardRequest, Place
from safelight.devices.http_line import HttpLine, HttpRequest
from safelight.devices.observatory.driver_options import Wait, read_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite

__all__ = ["HttpLampMonitor", "HttpMonitorOptions", "number_in"]

_SHOWN = 80
"""Characters of an answer that an error shows."""
_GOOD = range(200, 300)


class HttpMonitorOptions(BoardRequest):
    """The `options` of a photodiode.

    Attributes:
        url: its address, `http://HOST` or `http://HOST:PORT`.
        answer: where the number is: a place in JSON, or a regular expression.
        deadline_s: how long the request may take, s.
        verify: whether the certificate of an https server has to be valid.
    """

    url: Address
    answer: Place
    deadline_s: Wait = 4.0
    verify: bool = True


class HttpLampMonitor:
    """One photodiode.

    Args:
        site: the observatory and its clock.
        options: the driver's options in the document.
    """

    def __init__(self, site: DriverSite, options: Mapping[str, Any]) -> None:
        self._options = read_options(HttpMonitorOptions, options, "lamps.monitor.options")
        chosen = self._options
        self._line = HttpLine(chosen.url, site.clock, chosen.deadline_s, verify=chosen.verify)
        self._request = HttpRequest(chosen.method, chosen.path, chosen.body, tuple(chosen.headers.items()))

    async def read(self) -> float:
        """Return the number.

        Raises:
            DeviceError: no answer, or none with a number in that place.
        """
        context = CommandContext("lamp_monitor", "read")
        answer = await self._line.send(self._request, context)
        value = number_in(answer.text, self._options.answer) if answer.status_code in _GOOD else None
        if value is None:
            said = f"status {answer.status_code}, {answer.text[:_SHOWN]!r}"
            raise context.failed(f"{self._line.where} answers without a number where one is expected: {said}")
        return value

    async def close(self) -> None:
        """Release the connection."""
        await self._line.close()


def number_in(text: str, place: Place) -> float | None:
    """Return the finite number at a place of an answer, or None where there is none."""
    value = found_in(text, place, "")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
