"""The simulated power switch: outlets in a file, which stay on when the process that lit them dies.

`home/simulated/switch.json` holds each outlet (on, since when, by whom) and the last transitions, from which
the pixels are computed. Nothing is remembered in memory: every status reads the file. No fsync: lamps off is
a matter of milliseconds, and a power cut switches lamps off anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any, get_args

from safelight.devices.document import nearest
from safelight.devices.errors import DeviceFailed
from safelight.devices.protocols import LampState
from safelight.devices.simulated.history import Event, believable, spans
from safelight.devices.simulated.line import Command, Line, Units
from safelight.devices.simulated.statefile import CorruptStateError, StateFile, whoami

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import Site
    from safelight.devices.simulated.track import Span

__all__ = ["Outlet", "SimulatedLamps", "Switch"]

_KEPT = 120  # transitions; few enough to be written in half a millisecond


@dataclass(frozen=True, slots=True)
class Outlet:
    """One outlet as the switch's file tells it.

    Attributes:
        state: on, off or unknown.
        since: when it was last switched; None where it never was, or nobody knows.
        who: the process that switched it.
    """

    state: LampState
    since: datetime | None = None
    who: str = ""


class Switch:
    """The switch's file."""

    def __init__(self, site: Site) -> None:
        self.names = tuple(site.observatory.lamps.units)
        self._clock = site.clock
        self._file = StateFile(site.home / "simulated" / "switch.json", device="lamps", stubborn=True)

    def outlets(self) -> dict[str, Outlet]:
        """Every outlet, read from the file now."""
        return self._outlets(self._plain())

    def _plain(self) -> Any:
        """The file's content; False where it can't be understood."""
        try:
            return self._file.read()
        except CorruptStateError:
            return False

    def _outlets(self, plain: Any) -> dict[str, Outlet]:
        if plain is None:
            return dict.fromkeys(self.names, Outlet("off"))
        outlets = _mapping(_mapping(plain).get("outlets"))
        return {name: _outlet(outlets.get(name)) for name in self.names}

    def turn(self, lamps: Units, *, on: bool) -> None:
        """Switch lamps; repairs a file that can't be understood (the other lamps are then unknown)."""
        with self._file.locked():
            plain = self._plain()
            outlets = self._outlets(plain)
            serial, transitions = self._history(plain)
            now, who = self._clock.utc(), whoami()
            state: LampState = "on" if on else "off"
            for lamp in lamps:
                if outlets[lamp].state != state:
                    serial += 1
                    transitions.append([serial, now.timestamp(), lamp, on])
                    outlets[lamp] = Outlet(state, now, who)
            self._file.write(
                {
                    "outlets": {name: _plain(outlet) for name, outlet in outlets.items()},
                    "serial": serial,
                    "transitions": transitions[-_KEPT:],
                }
            )

    def serial(self) -> int:
        """The number of the last transition: orders them where clocks don't."""
        return self._history(self._plain())[0]

    def _history(self, plain: Any) -> tuple[int, list[list[Any]]]:
        if plain is None:
            return 0, []
        try:
            return int(plain["serial"]), [_transition(item) for item in plain["transitions"]]
        except (KeyError, TypeError, ValueError):
            # After a repair numbers go on above any that went before.
            return int(self._clock.utc().timestamp() * 1000), []

    def lit(self, lamp: str, window: Span, serials: tuple[int, int | None]) -> list[Span]:
        """When a lamp was lit, up to the end of an integration.

        The order of transitions is the file's, which is true also where two processes' clocks differ. What
        was switched during the integration (by its serial) is counted inside it.

        Args:
            lamp: which one.
            window: the integration, seconds of UTC.
            serials: of the last transition when it began, and when it ended (None: the process died).
        """
        begins, ends = window
        plain = self._plain()
        before: list[Event] = []
        during: list[Event] = []
        after: list[bool] = []
        for serial, utc, name, on in self._history(plain)[1]:
            if name != lamp:
                continue
            if serial <= serials[0]:
                before.append((utc, on))
            elif (serials[1] is None and utc < ends) or (serials[1] is not None and serial <= serials[1]):
                during.append((min(max(utc, begins), ends), on))
            else:
                after.append(on)
        if not before and not during:
            # What it was then: the opposite of what it was switched to later, or what it still is.
            burning = not after[0] if after else self._outlets(plain)[lamp].state == "on"
            return [(-inf, ends)] if burning else []
        return spans(believable(before, begins) + sorted(during, key=lambda item: item[0]), ends)


class SimulatedLamps:
    """The lamps on the simulated switch (`Lamps`), by the main path or the second one.

    Args:
        site: the observatory, its clock and its home.
        family: `lamps` or `second_lamps`: the two paths have faults of their own.
    """

    def __init__(self, site: Site, family: str = "lamps") -> None:
        self._model = site.observatory.lamps
        self._switch = Switch(site)
        self._line = Line(family, self._switch.names, site.faults, site.clock)
        self._believed: dict[str, LampState] = {}

    @property
    def names(self) -> Units:
        """The lamps, as the observatory document names them."""
        return self._switch.names

    def outlets(self) -> Mapping[str, Outlet]:
        """Every outlet with since when and by whom, read from the switch's file now; takes no time."""
        return self._switch.outlets()

    async def on(self, lamp: str) -> None:
        """Light one lamp, when the command is acknowledged."""
        units = self._known(lamp, "on")
        self._believed[lamp] = "on"
        await self._line.send(Command("on", units, self._model.on_s, lambda obey, _lie: self._turn(obey, on=True)))

    async def off(self, lamp: str) -> None:
        """Darken one lamp, when the command arrives."""
        units = self._known(lamp, "off")
        self._believed[lamp] = "off"
        await self._line.send(Command("off", units, self._model.off_s, _done, begin=self._darken))

    async def all_off(self) -> None:
        """Darken all lamps, when the command arrives."""
        self._believed = dict.fromkeys(self.names, "off")
        await self._line.send(Command("all_off", self.names, self._model.all_off_s, _done, begin=self._darken))

    async def status(self) -> Mapping[str, LampState]:
        """Read every lamp back from the file."""
        return await self._line.send(Command("status", self.names, self._model.status_s, self._answer, reading=True))

    def _answer(self, obey: Units, lie: Units) -> dict[str, LampState]:
        outlets = self._switch.outlets()
        states: dict[str, LampState] = {name: outlets[name].state for name in obey}
        states |= {name: self._believed.get(name, outlets[name].state) for name in lie}
        return {name: states.get(name, "unknown") for name in self.names}

    def _darken(self, lamps: Units) -> None:
        self._turn(lamps, on=False)

    def _turn(self, lamps: Units, *, on: bool) -> None:
        if lamps:
            self._switch.turn(lamps, on=on)

    def _known(self, lamp: str, verb: str) -> Units:
        if lamp not in self.names:
            raise DeviceFailed(f"no such lamp; {nearest(lamp, self.names)}", device=f"lamps.{lamp}", verb=verb)
        return (lamp,)


def _done(_obey: Units, _lie: Units) -> None:
    """The answer of a command that acted when it arrived."""


def _mapping(plain: Any) -> dict[str, Any]:
    return plain if isinstance(plain, dict) else {}


def _outlet(plain: Any) -> Outlet:
    state: Any = _mapping(plain).get("state")
    if state not in get_args(LampState):
        return Outlet("unknown")
    try:
        since = None if plain.get("since") is None else datetime.fromtimestamp(plain["since"], UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        since = None
    return Outlet(state, since, str(plain.get("who", "")))


def _plain(outlet: Outlet) -> dict[str, Any]:
    since = None if outlet.since is None else outlet.since.timestamp()
    return {"state": outlet.state, "since": since, "who": outlet.who}


def _transition(item: Any) -> list[Any]:
    serial, utc, lamp, on = item
    return [int(serial), float(utc), str(lamp), bool(on)]
