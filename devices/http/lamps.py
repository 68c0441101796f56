"""The lamps on relay boards with a web API (`Lamps`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from safelight.devices.concurrently import each_of
from safelight.devices.errors import DeviceError
from safelight.devices.http.board import RelayBoard
from safelight.devices.http.boards import shipped_board, shipped_boards
from safelight.devices.http.description import Board, HttpOptions
from safelight.devices.lamp_drivers import no_such_lamp, options_place
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown, wrong
from safelight.devices.outlets import folded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.protocols import LampState

__all__ = ["HttpLamps"]


class HttpLamps:
    """The lamps on one relay board or several. Relays that are no lamps are not touched.

    Args:
        site: the observatory and its clock.
        family: `lamps` or `second_lamps`.
        options: the driver's options in the document.
    """

    def __init__(self, site: DriverSite, family: str, options: Mapping[str, Any]) -> None:
        where = options_place(family)
        self._names = tuple(site.observatory.lamps.units)
        self._family = family
        chosen = read_options(HttpOptions, options, ".".join(where))
        _demand_lamps(chosen, self._names, where)
        self._board_of: dict[str, RelayBoard] = {}
        for name, server in chosen.servers.items():
            description = _description(chosen, server.board, (*where, "servers", name, "board"))
            board = RelayBoard(server, description, site.clock, chosen.deadline_s, family)
            self._board_of |= dict.fromkeys(server.lamps, board)
        self._boards = tuple(dict.fromkeys(self._board_of.values()))
        self.read_back = {lamp: board.read_back for lamp, board in self._board_of.items()}
        self.hardware = tuple(f"{self._board_of[lamp].where}/{self._channel(lamp)}" for lamp in self._names)

    @property
    def names(self) -> tuple[str, ...]:
        """The lamps, as the observatory document names them."""
        return self._names

    async def on(self, lamp: str) -> None:
        """Switch one lamp's relay on."""
        await self._of(lamp, "on").turn(lamp, on=True)

    async def off(self, lamp: str) -> None:
        """Switch one lamp's relay off. The command goes out while other requests wait for their answers."""
        await self._of(lamp, "off").turn(lamp, on=False)

    async def all_off(self) -> None:
        """Switch all lamps off, on all boards at once. What fails on one does not hinder the others."""
        at_once = [board.all_off() for board in self._boards if board.darkens_at_once]
        alone = [self.off(lamp) for lamp in self._names if not self._board_of[lamp].darkens_at_once]
        await each_of([*at_once, *alone])

    async def status(self) -> Mapping[str, LampState]:
        """Read every relay from its board. The lamps of a board that does not answer are `unknown`.

        Raises:
            DeviceError: no board answers.
        """
        answers = await asyncio.gather(*(board.states() for board in self._boards), return_exceptions=True)
        found: dict[str, LampState] = dict.fromkeys(self._names, "unknown")
        for answer in answers:
            if isinstance(answer, dict):
                found |= answer
            elif not isinstance(answer, DeviceError) or not any(isinstance(each, dict) for each in answers):
                raise answer
        return found

    async def close(self) -> None:
        """Release the connections without switching anything."""
        for board in self._boards:
            await board.close()

    def _of(self, lamp: str, verb: str) -> RelayBoard:
        if lamp not in self._board_of:
            raise no_such_lamp(lamp, self._names, self._family, verb)
        return self._board_of[lamp]

    def _channel(self, lamp: str) -> str:
        return folded(self._board_of[lamp].channels[lamp])


def _description(options: HttpOptions, name: str, place: tuple[str, ...]) -> Board:
    if name in options.boards:
        return options.boards[name]
    if name in shipped_boards():
        return shipped_board(name)
    raise unknown(place, "board", name, {*options.boards, *shipped_boards()})


def _demand_lamps(options: HttpOptions, names: tuple[str, ...], where: tuple[str, ...]) -> None:
    """Raise unless each lamp of the observatory is on one server, and no other lamp on any.

    Raises:
        ObservatoryError: what is wrong, with its place.
    """
    found: dict[str, str] = {}
    for server, entry in options.servers.items():
        for lamp in entry.lamps:
            place = (*where, "servers", server, "lamps", lamp)
            if lamp not in names:
                raise unknown(place, "lamp", lamp, names)
            if lamp in found:
                raise wrong(
                    place, f"the lamp {lamp} is on the server {found[lamp]} as well", "one server for each lamp"
                )
            found[lamp] = server
    missing = [lamp for lamp in names if lamp not in found]
    if missing:
        words = f"the lamp {missing[0]} is on no server"
        raise wrong(
            (*where, "servers"), words, "each lamp of `lamps.units` with its channel, under `lamps` of a server"
        )
