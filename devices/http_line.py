"""Requests to one HTTP server that switches or exposes: deadlines, errors, and commands that overtake.

Small servers answer one request at a time. Requests to a server go out one after the other. A request that overtakes
does not wait for an answer that is still due: it has a connection of its own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from safelight.devices.command_context import CommandContext
from safelight.devices.errors import DeviceDisconnected, DeviceFailed
from safelight.devices.unreachable import why_unreachable
from safelight.documents.errors import quoted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from safelight.devices.protocols import Timekeeper

__all__ = ["HttpLine", "HttpRequest", "server_name"]

_PATIENCE_S = 0.05
"""How long a request that overtakes waits for another one that overtakes, s."""

_KEPT_S = 2.0
"""How long a connection is kept without a request, s: small servers have few, and close them without a word."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
"""Errors after which nothing was sent."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request.

    Attributes:
        method: `GET`, `PUT`, `POST` and so on.
        path: with its query; it begins with a slash.
        body: the text that is sent, if any.
        headers: in addition to those that every request has.
    """

    method: str
    path: str
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def server_name(url: str) -> str:
    """Return host and port of an address, without regard to case."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{(parts.hostname or '').casefold()}:{port}"


class HttpLine:
    """The connections to one server. The first is opened at the first request.

    Args:
        url: `http://HOST:PORT`, perhaps with a path that every request begins with.
        clock: all waiting goes through it.
        deadline_s: how long one request may take, s, the wait for the one before it included.
        auth: what the server wants to know of us.
        verify: whether the certificate of an https server has to be valid.
    """

    def __init__(
        self,
        url: str,
        clock: Timekeeper,
        deadline_s: float,
        *,
        auth: httpx.Auth | None = None,
        verify: bool = True,
    ) -> None:
        self.where = server_name(url)
        self._url, self._clock, self._deadline_s = url.rstrip("/"), clock, deadline_s
        self._auth, self._verify = auth, verify
        self._ordinary: _Lane | None = None
        self._urgent: _Lane | None = None

    async def send(
        self, request: HttpRequest, context: CommandContext, *, overtakes: bool = False, deadline_s: float | None = None
    ) -> httpx.Response:
        """Send a request once, and return the answer, whatever its status is.

        Args:
            request: what is sent.
            context: for whom.
            overtakes: whether it goes out while other requests wait for their answers.
            deadline_s: how long it may take, s; by default as long as every other one.

        Raises:
            DeviceError: no answer.
        """
        sent = False
        lane = self._lane(overtakes=overtakes)
        within_s = self._deadline_s if deadline_s is None else deadline_s
        try:
            async with self._clock.timeout(within_s), lane.turn(self._clock):
                sent = True
                return await lane.client.request(
                    request.method,
                    self._url + request.path,
                    content=request.body,
                    headers=dict(request.headers),
                )
        except TimeoutError:
            seconds = f"{within_s:g} s"
            if not sent:
                words = f"not sent: {self.where} has not answered the request before it for {seconds}"
                raise context.failed(words) from None
            # The library closes the connection on which an answer is still due.
            words = f"no answer from {self.where} in {seconds}; read it back before you ask again"
            raise context.unknown(words) from None
        # A name that no host can have is a UnicodeError, raised before anything is sent.
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
            raise self._lost(error, context) from error

    async def close(self) -> None:
        """Release the connections without switching anything."""
        lanes = [lane for lane in (self._ordinary, self._urgent) if lane is not None]
        self._ordinary = self._urgent = None
        for lane in lanes:
            await lane.client.aclose()

    def _lane(self, *, overtakes: bool) -> _Lane:
        if overtakes:
            # A kept connection may be dead without knowing it, and would cost an off its deadline.
            self._urgent = self._urgent or _Lane(self._client(keep=False), _PATIENCE_S)
            return self._urgent
        self._ordinary = self._ordinary or _Lane(self._client(keep=True), None)
        return self._ordinary

    def _client(self, *, keep: bool) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            auth=self._auth,
            timeout=None,  # noqa: S113 - the clock's timeout is the deadline, in the observatory's time
            trust_env=False,  # a switch on the observatory's network is not behind a proxy
            verify=self._verify and self._url.startswith("https"),  # certificates take long to load
            limits=httpx.Limits(max_keepalive_connections=None if keep else 0, keepalive_expiry=_KEPT_S),
        )

    def _lost(self, error: Exception, context: CommandContext) -> DeviceFailed | DeviceDisconnected:
        if isinstance(error, _NOT_SENT):
            return context.failed(f"no server answers at {self.where}: {why_unreachable(error)}")
        said = quoted("httpx", str(error) or type(error).__name__)
        words = f"the connection to {self.where} was lost; {said}"
        return DeviceDisconnected(words, device=context.device, verb=context.verb)


class _Lane:
    """One client, on which requests take turns.

    Args:
        client: the connections.
        patience_s: after so long a request goes out all the same; None to wait for its turn.
    """

    def __init__(self, client: httpx.AsyncClient, patience_s: float | None) -> None:

        self.client = client
        self._patience_s = patience_s
        self._lock: asyncio.Lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, clock: Timekeeper) -> AsyncIterator[None]:
        """Wait for the turn of a request."""
        mine = False
        try:
            if self._patience_s is None:
                mine = await self._lock.acquire()
            else:
                with suppress(TimeoutError):
                    async with clock.timeout(self._patience_s):
                        mine = await self._lock.acquire()
            yield
        finally:
            if mine:
                self._lock.release()
