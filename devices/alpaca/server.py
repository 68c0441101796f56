"""The wire: requests to one Alpaca server, and what its answers mean.

Source: ASCOM Alpaca API. Success is `ErrorNumber` 0, whatever the status 200 says. `Connected` is set to true before
the first use, and never to false: other clients share the device.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlencode

import httpx

from safelight.devices.command_context import CommandContext
from safelight.devices.http_line import HttpLine, HttpRequest

if TYPE_CHECKING:
    from safelight.devices.errors import DeviceError
    from safelight.devices.protocols import Timekeeper

__all__ = ["NOT_IMPLEMENTED", "AlpacaDevice", "AlpacaServer", "Kind", "Refused"]

Kind = Literal[
    "switch",
    "covercalibrator",
    "camera",
    "telescope",
    "filterwheel",
    "safetymonitor",
    "dome",
    "observingconditions",
]

NOT_IMPLEMENTED = 0x400
_NOT_CONNECTED = 0x407
_NOTHING_DONE = frozenset({NOT_IMPLEMENTED, 0x401, 0x402, _NOT_CONNECTED, 0x408, 0x40B})
"""Errors with which a device says that it did nothing: not implemented, invalid value, value not set, not connected,
parked, invalid operation."""
_CLIENT = 4713
_transactions = itertools.count(1)
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class AlpacaDevice:
    """One device of a server.

    Attributes:
        kind: as in the address of a request.
        number: from 0.
    """

    kind: Kind
    number: int


class Refused(Exception):
    """Error of the device, with its number, which the caller translates."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.message = message


class AlpacaServer:
    """One server. The connection is opened at the first request.

    Args:
        where: `HOST:PORT`.
        clock: all waiting goes through it.
        deadline_s: how long one request may take, s.
    """

    def __init__(self, where: str, clock: Timekeeper, deadline_s: float) -> None:
        self._line = HttpLine(f"http://{where}", clock, deadline_s)
        self.where = self._line.where
        self._connected: set[AlpacaDevice] = set()
        self._names: dict[AlpacaDevice, tuple[object, ...]] = {}
        self._naming: dict[tuple[AlpacaDevice, bool], asyncio.Lock] = {}

    async def get(
        self,
        device: AlpacaDevice,
        method: str,
        context: CommandContext,
        *,
        overtakes: bool = False,
        **parameters: object,
    ) -> Any:
        """Return the value of a property.

        Raises:
            DeviceError: no answer, or an error of the device.
        """
        try:
            return await self.ask(device, method, context, overtakes=overtakes, **parameters)
        except Refused as refused:
            raise context.failed(_words(device, method, refused)) from None

    async def ask(
        self,
        device: AlpacaDevice,
        method: str,
        context: CommandContext,
        *,
        overtakes: bool = False,
        **parameters: object,
    ) -> Any:
        """Return the value of a property, where an error of the device is an answer too.

        Raises:
            Refused: the device answers with an error.
            DeviceError: no answer.
        """
        await self._connect(device, context, overtakes=overtakes)
        answer = await self._send("GET", device, method, context, parameters, overtakes=overtakes)
        if "Value" not in answer:
            raise context.unknown(f"{self.where} answered {method} without a value: {str(answer)[:_SHOWN]}")
        return answer["Value"]

    async def put(
        self,
        device: AlpacaDevice,
        method: str,
        context: CommandContext,
        *,
        overtakes: bool = False,
        **parameters: object,
    ) -> None:
        """Command a device.

        Raises:
            DeviceError: no answer, or an error of the device.
        """
        try:
            await self.order(device, method, context, overtakes=overtakes, **parameters)
        except Refused as refused:
            raise _refusal(device, method, refused, context) from None

    async def put_slowly(self, device: AlpacaDevice, method: str, context: CommandContext, deadline_s: float) -> None:
        """Command a device that may answer only when it is done.

        Args:
            device: which one.
            method: as in the address of the request.
            context: for errors.
            deadline_s: how long that may take, s.

        Raises:
            DeviceError: no answer, or an error of the device.
        """
        await self._connect(device, context, overtakes=False)
        try:
            await self._send("PUT", device, method, context, {}, overtakes=False, deadline_s=deadline_s)
        except Refused as refused:
            raise _refusal(device, method, refused, context) from None

    async def order(
        self,
        device: AlpacaDevice,
        method: str,
        context: CommandContext,
        *,
        overtakes: bool = False,
        **parameters: object,
    ) -> None:
        """Command a device, where an error of the device is an answer too.

        Raises:
            Refused: the device answers with an error.
            DeviceError: no answer.
        """
        await self._connect(device, context, overtakes=overtakes)
        await self._send("PUT", device, method, context, parameters, overtakes=overtakes)

    async def image(self, device: AlpacaDevice, context: CommandContext, deadline_s: float) -> httpx.Response:
        """Return the answer to the request for the image of a camera, as bytes where the server can."""
        await self._connect(device, context, overtakes=False)
        form: dict[str, object] = {"ClientID": _CLIENT, "ClientTransactionID": next(_transactions)}
        path = self._path(device, "imagearray", form)
        accept = (("Accept", "application/imagebytes, application/json;q=0.5"),)
        return await self._line.send(HttpRequest("GET", path, None, accept), context, deadline_s=deadline_s)

    async def element_names(
        self, device: AlpacaDevice, context: CommandContext, *, overtakes: bool
    ) -> tuple[object, ...]:
        """Return the names of a switch's elements. They are read once: there may be many, and several lamps ask.

        Raises:
            DeviceError: no answer, or one that makes no sense.
        """
        lock = self._naming.setdefault((device, overtakes), asyncio.Lock())
        async with lock:
            if device not in self._names:
                number = await self.get(device, "maxswitch", context, overtakes=overtakes)
                if isinstance(number, bool) or not isinstance(number, int):
                    raise context.unknown(f"{self.where} says that it has {number!r} elements")
                order = partial(self.get, device, "getswitchname", context, overtakes=overtakes)
                self._names[device] = tuple([await order(Id=place) for place in range(number)])
            return self._names[device]

    async def element_place(
        self, device: AlpacaDevice, name: object, context: CommandContext, *, overtakes: bool
    ) -> int:
        """Return the place of a switch's element, which is looked up by name.

        Raises:
            DeviceError: no answer, or not exactly one element of that name.
        """
        names = await self.element_names(device, context, overtakes=overtakes)
        if names.count(name) != 1:
            self.forget_names(device)
            has = ", ".join(map(str, names)) or "none"
            raise context.failed(
                f"switch {device.number} at {self.where} has not exactly one element {name!r}; its elements: {has}"
            )
        return names.index(name)

    def forget_names(self, device: AlpacaDevice) -> None:
        """Read the names of a switch's elements anew when they are next needed."""
        self._names.pop(device, None)

    async def configured(self, context: CommandContext) -> list[tuple[Kind, int]] | None:
        """Return kind and number of every device that the server lists, or None where it has no list.

        Raises:
            DeviceError: no server answers.
        """
        path = "/management/v1/configureddevices"
        response = await self._line.send(
            HttpRequest("GET", f"{path}?ClientID={_CLIENT}&ClientTransactionID=1"), context
        )
        known = set(get_args(Kind))
        try:
            listed = response.json()["Value"] if response.is_success else None
            found = [(str(each["DeviceType"]).lower(), int(each["DeviceNumber"])) for each in listed or ()]
        except (ValueError, TypeError, KeyError):
            return None
        return None if listed is None else [(kind, number) for kind, number in found if kind in known]  # type: ignore[misc]

    async def close(self) -> None:
        """Release the connections without switching anything, and leave the devices connected."""
        self._connected.clear()
        await self._line.close()

    async def _connect(self, device: AlpacaDevice, context: CommandContext, *, overtakes: bool) -> None:
        if device in self._connected:
            return
        try:
            await self._send("PUT", device, "connected", context, {"Connected": True}, overtakes=overtakes)
        except Refused as refused:
            raise context.failed(f"can't be connected: {_words(device, 'connected', refused)}") from None
        self._connected.add(device)

    async def _send(
        self,
        verb: str,
        device: AlpacaDevice,
        method: str,
        context: CommandContext,
        parameters: dict[str, object],
        *,
        overtakes: bool,
        deadline_s: float | None = None,
    ) -> dict[str, Any]:
        form = {**parameters, "ClientID": _CLIENT, "ClientTransactionID": next(_transactions)}
        if verb == "GET":
            request = HttpRequest("GET", self._path(device, method, form))
        else:
            kind = (("Content-Type", "application/x-www-form-urlencoded"),)
            request = HttpRequest("PUT", self._path(device, method, {}), urlencode(form), kind)
        response = await self._line.send(request, context, overtakes=overtakes, deadline_s=deadline_s)
        try:
            return self._meaning(response, method, context, form["ClientTransactionID"])
        except Refused as refused:
            if refused.number == _NOT_CONNECTED:
                # Another client has disconnected it, or the server was started anew: the next verb connects.
                self._connected.discard(device)
                self.forget_names(device)
            raise

    @staticmethod
    def _path(device: AlpacaDevice, method: str, form: dict[str, object]) -> str:
        path = f"/api/v1/{device.kind}/{device.number}/{method}"
        return f"{path}?{urlencode(form)}" if form else path

    def _meaning(
        self, response: httpx.Response, method: str, context: CommandContext, transaction: object
    ) -> dict[str, Any]:
        """Return the answer as a mapping.

        Raises:
            Refused: the device answers with an error.
            DeviceError: the server refuses or breaks, or answers something else.
        """
        said = " ".join(response.text.split())[:_SHOWN]
        if response.is_client_error:
            raise context.failed(f"{self.where} refuses {method} with {response.status_code}: {said!r}")
        try:
            answer = response.json() if response.is_success else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not {"ErrorNumber", "ServerTransactionID", "Value"} & answer.keys():
            raise context.unknown(f"{self.where} answered {method} with {response.status_code}: {said!r}")
        number = answer.get("ErrorNumber", 0)
        # Some servers leave out their errors' transaction.
        if answer.get("ClientTransactionID", transaction) not in {transaction, 0} or not isinstance(number, int):
            raise context.unknown(f"{self.where} answered {method} with what belongs to no request of ours: {said!r}")
        if number:
            raise Refused(number, str(answer.get("ErrorMessage", "")))
        return answer


def _refusal(device: AlpacaDevice, method: str, refused: Refused, context: CommandContext) -> DeviceError:
    """Return the error for a command that was answered with one: nothing was done, or that is unknown."""
    known = refused.number in _NOTHING_DONE
    return (context.failed if known else context.unknown)(_words(device, method, refused))


def _words(device: AlpacaDevice, method: str, refused: Refused) -> str:
    said = " ".join(refused.message.split())[:_SHOWN]
    return f"{device.kind} {device.number} answered {method} with error {refused.number:#x}: {said!r}"
