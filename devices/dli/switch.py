"""REST requests to a Digital Loggers switch (Web Power Switch Pro and relatives), with digest authentication.

`GET relay/outlets/` lists the outlets from number 1; `PUT relay/outlets/0/state/` with `value=true` switches the first.
`PUT relay/outlets/=0,3/state/` switches several at once (a matrix URI). Every PUT needs the header `X-CSRF`.
Source: Digital Loggers' REST API reference; the same requests are sent by LVM's actor lvmnps 1.2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from pydantic import Field

from safelight.devices.errors import DeviceDisconnected, DeviceFailed, DeviceUnknown
from safelight.devices.observatory.driver_options import Login, Port, Wait
from safelight.devices.unreachable import why_unreachable
from safelight.documents.errors import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safelight.devices.protocols import Timekeeper

__all__ = ["DliOptions", "DliSwitch", "Outlet"]

Outlet = dict[str, Any]


class DliOptions(Login):
    """Model of the `options` of the driver `dli`.

    Attributes:
        outlets: lamp -> the outlet's name as the switch has it, or its number as printed on the switch (from 1).
            A lamp that isn't named here is on the outlet of its own name.
        deadline_s: deadline of one request, s; [assumed] LVM's actor gives its switch 3 s.
    """

    port: Port = 80
    user: str = "admin"
    outlets: dict[str, str | int] = Field(default_factory=dict)
    https: bool = False
    api: str = "/restapi/"
    deadline_s: Wait = 4.0


class DliSwitch:
    """Connection to one switch, opened at the first request, and again after it was lost.

    Args:
        options: its address and login.
        clock: all waiting goes through it.
        device: its name in errors.
    """

    def __init__(self, options: DliOptions, clock: Timekeeper, device: str) -> None:
        self._options = options
        self._clock = clock
        self._device = device
        self._client: httpx.AsyncClient | None = None

    async def outlets(self, verb: str) -> list[Outlet]:
        """Return every outlet, as the switch reports it now.

        Raises:
            DeviceError: no answer, a refusal, or an answer that is not a list of outlets.
        """
        answer = await self._send("GET", "relay/outlets/", verb)
        try:
            found = answer.json()
            return [dict(outlet) for outlet in found]
        except (ValueError, TypeError) as error:
            raise DeviceUnknown(
                f"answered with something that is not a list of outlets: {answer.text[:80]!r}",
                device=self._device,
                verb=verb,
            ) from error

    async def turn(self, places: Iterable[int], verb: str, *, on: bool) -> None:
        """Switch outlets, counted from 0.

        Raises:
            DeviceError: no answer, or a refusal for at least one of them.
        """
        chosen = list(places)
        place = str(chosen[0]) if len(chosen) == 1 else "=" + ",".join(map(str, chosen))
        answer = await self._send("PUT", f"relay/outlets/{place}/state/", verb, {"value": "true" if on else "false"})
        if answer.status_code == httpx.codes.MULTI_STATUS and not _all_well(answer):
            raise DeviceUnknown(
                f"switched only some of the outlets: {answer.text[:120]}", device=self._device, verb=verb
            )

    async def close(self) -> None:
        """Release the connection. Switches nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(self, method: str, path: str, verb: str, form: dict[str, str] | None = None) -> httpx.Response:
        try:
            async with self._clock.timeout(self._options.deadline_s):
                answer = await self._open().request(method, path, data=form)
        except TimeoutError:
            # The library closes the connection on which an answer is still due. Requests on others continue.
            raise DeviceUnknown(
                f"no answer in {self._options.deadline_s:g} s; read it back before you repeat the command",
                device=self._device,
                verb=verb,
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._lost(error, verb) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise DeviceFailed("the switch refuses user or password", device=self._device, verb=verb)
        if not answer.is_success:
            raise DeviceFailed(
                f"the switch says {answer.status_code} {answer.reason_phrase}: {answer.text[:80].strip()}",
                device=self._device,
                verb=verb,
            )
        return answer

    def _lost(self, error: Exception, verb: str) -> DeviceFailed | DeviceDisconnected:
        where = f"{self._options.host}:{self._options.port}"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL | httpx.UnsupportedProtocol):
            words = f"no switch answers at {where}: {why_unreachable(error)}"
            return DeviceFailed(words, device=self._device, verb=verb)
        reason = f"the connection to {where} was lost; {quoted('httpx', str(error) or type(error).__name__)}"
        return DeviceDisconnected(reason, device=self._device, verb=verb)

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            options = self._options
            scheme = "https" if options.https else "http"
            self._client = httpx.AsyncClient(
                base_url=f"{scheme}://{options.host}:{options.port}/{options.api.strip('/')}/",
                auth=httpx.DigestAuth(options.user, options.secret("admin")),
                headers={"X-CSRF": "x", "Accept": "application/json"},
                timeout=None,  # noqa: S113 - the clock's timeout is the deadline, in the observatory's time
                trust_env=False,  # a switch on the observatory's network is not behind a proxy
                verify=options.https,
            )
        return self._client


def _all_well(answer: httpx.Response) -> bool:
    """Return whether each part of a 207 answer is a success. Parts are plain values or carry a status."""
    try:
        parts = answer.json()
    except ValueError:
        return True
    found = parts.values() if isinstance(parts, dict) else parts if isinstance(parts, list) else []
    codes = [part.get("status") for part in found if isinstance(part, dict)]
    return all(code is None or int(str(code)[:3]) < httpx.codes.BAD_REQUEST for code in codes)
