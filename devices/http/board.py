"""One relay board: requests from its description, and what its answers mean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import httpx

from safelight.devices.command_context import CommandContext
from safelight.devices.errors import DeviceError
from safelight.devices.http.answers import as_expected, state_in
from safelight.devices.http.description import CHANNEL, Board, BoardCommand, BoardRequest, Server
from safelight.devices.http_line import HttpLine, HttpRequest
from safelight.devices.observatory.driver_options import secret_of

if TYPE_CHECKING:
    from safelight.devices.protocols import LampState, Timekeeper

__all__ = ["RelayBoard"]

_SHOWN = 80
"""Characters of an answer that an error shows."""


class RelayBoard:
    """One relay board and the lamps on it.

    Args:
        server: its address and its lamps.
        board: its description.
        clock: all waiting goes through it.
        deadline_s: how long one request may take, s.
        family: `lamps` or `second_lamps`, for errors.
    """

    def __init__(self, server: Server, board: Board, clock: Timekeeper, deadline_s: float, family: str) -> None:
        self._board, self._family = board, family
        self.read_back = board.read_back
        self.channels = {lamp: str(channel) for lamp, channel in server.lamps.items()}
        user, password = server.user or "", secret_of(server)
        kinds = {"basic": httpx.BasicAuth, "digest": httpx.DigestAuth}
        kind = kinds.get(board.login) if user else None
        auth = None if kind is None else kind(user, password)
        self._login = {"user": user, "password": password} if user and board.login == "query" else {}
        self._line = HttpLine(server.url, clock, deadline_s, auth=auth, verify=server.verify)
        self.where = self._line.where

    @property
    def darkens_at_once(self) -> bool:
        """Whether the board has one request that switches all of its relays off."""
        return self._board.all_off is not None

    async def turn(self, lamp: str, *, on: bool) -> None:
        """Switch one lamp. An off overtakes.

        Raises:
            DeviceError: no answer, a refusal, or an answer that is not as described.
        """
        context = CommandContext(f"{self._family}.{lamp}", "on" if on else "off")
        command = self._board.switch_on if on else self._board.switch_off
        await self._command(command, self.channels[lamp], context, overtakes=not on)

    async def all_off(self) -> None:
        """Switch all relays off with the board's own request.

        Raises:
            DeviceError: as `turn`.
        """
        if self._board.all_off is not None:
            await self._command(self._board.all_off, "", CommandContext(self._family, "all_off"), overtakes=True)

    async def states(self) -> dict[str, LampState]:
        """Read every lamp. A lamp whose request fails is `unknown`.

        Raises:
            DeviceError: no request was answered.
        """
        asked: dict[HttpRequest, list[str]] = {}
        for lamp, channel in self.channels.items():
            asked.setdefault(self._request(self._board.status, channel), []).append(lamp)
        answers = await asyncio.gather(*map(self._read, asked), return_exceptions=True)
        found: dict[str, LampState] = dict.fromkeys(self.channels, "unknown")
        for lamps, answer in zip(asked.values(), answers, strict=True):
            if isinstance(answer, str):
                reading = self._board.status.answer
                found |= {lamp: state_in(answer, reading, self.channels[lamp]) for lamp in lamps}
            elif not isinstance(answer, DeviceError) or not any(isinstance(each, str) for each in answers):
                raise answer
        return found

    async def close(self) -> None:
        """Release the connections without switching anything."""
        await self._line.close()

    async def _read(self, request: HttpRequest) -> str:
        context = CommandContext(self._family, "status")
        answer = await self._line.send(request, context)
        _demand_success(answer, context, (), self.where)
        return answer.text

    async def _command(self, command: BoardCommand, channel: str, context: CommandContext, *, overtakes: bool) -> None:
        answer = await self._line.send(self._request(command, channel), context, overtakes=overtakes)
        _demand_success(answer, context, command.codes, self.where)
        if command.expect is not None and not as_expected(answer.text, command.expect, channel):
            raise context.unknown(f"{self.where} answered not as its description says: {_short(answer)!r}")

    def _request(self, request: BoardRequest, channel: str) -> HttpRequest:
        path = request.path.replace(CHANNEL, quote(channel, safe=""))
        if self._login:
            path += ("&" if "?" in path else "?") + urlencode(self._login)
        body = None if request.body is None else request.body.replace(CHANNEL, channel)
        return HttpRequest(request.method, path, body, tuple(request.headers.items()))


def _demand_success(answer: httpx.Response, context: CommandContext, codes: tuple[int, ...], where: str) -> None:
    """Raise where a board refuses or breaks.

    Raises:
        DeviceError: the status is not one of success.
    """
    code = answer.status_code
    if code in codes or (not codes and answer.is_success):
        return
    if code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise context.failed(f"{where} refuses user or password ({code})")
    words = f"{where} answered {code} {answer.reason_phrase}: {_short(answer)!r}"
    raise context.failed(words) if answer.is_client_error else context.unknown(words)


def _short(answer: httpx.Response) -> str:
    return " ".join(answer.text.split())[:_SHOWN]
