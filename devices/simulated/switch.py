"""Simulated power switch: outlets in a file, which stay on when the process that lit them dies.

`home/simulated/switch.json` holds each outlet (on, since when, by whom) and the last transitions, from which
the pixels are computed. All observatories in a state folder share it. Nothing is kept in memory: every status reads the
file. There is no fsync, because switching off must take milliseconds only, and a power cut switches lamps off anyway.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp, inf, pi, sin
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.lamp_drivers import no_such_lamp
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.protocols import LampState
from safelight.devices.simulated.device_line import Command, DeviceLine, Units
from safelight.devices.simulated.dimmers import Dimmers
from safelight.devices.simulated.lamp_spans import Event, believable, spans
from safelight.devices.simulated.state_file import CorruptStateError, StateFile, whoami

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.observatory import LampMonitorModel
    from safelight.devices.simulated.motion import Span

__all__ = ["MonitorOptions", "Outlet", "SimulatedLampMonitor", "SimulatedLamps", "SimulatedSwitch"]

_KEPT = 120  # number of transitions; few enough to be written in half a millisecond
_FLICKER_S = 25.0  # time in which a flickering lamp goes from bright to faint and back


@dataclass(frozen=True, slots=True)
class Outlet:
    """State of one outlet in the switch's file.

    Attributes:
        state: on, off or unknown.
        since: when it was last switched; None where it never was, or where that is unknown.
        who: the process that switched it.
    """

    state: LampState
    since: datetime | None = None
    who: str = ""


class SimulatedSwitch:
    """File of the switch."""

    def __init__(self, site: DriverSite) -> None:
        self.names = tuple(site.observatory.lamps.units)
        self._clock = site.clock
        self._file = StateFile(site.home / "simulated" / "switch.json", device="lamps", stubborn=True)

    def outlets(self) -> dict[str, Outlet]:
        """Return every outlet, read from the file now."""
        return self._outlets(self._plain())

    def _plain(self) -> Any:
        """Return the file's content, or False where it can't be understood."""
        try:
            return self._file.read()
        except CorruptStateError:
            return False

    def _outlets(self, plain: Any) -> dict[str, Outlet]:
        outlets, unlisted = _mapping(_mapping(plain).get("outlets")), Outlet(_unlisted(plain))
        return {name: _outlet(outlets[name]) if name in outlets else unlisted for name in self.names}

    def turn(self, lamps: Units, *, on: bool) -> None:
        """Switch lamps.

        The outlets of other observatories in the file stay as they are. An unreadable file is repaired, and the other
        lamps are then unknown.
        """
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
            others = _mapping(_mapping(plain).get("outlets"))
            self._file.write(
                {
                    "outlets": others | {name: _plain(outlet) for name, outlet in outlets.items()},
                    "unlisted": _unlisted(plain),
                    "serial": serial,
                    "transitions": transitions[-_KEPT:],
                }
            )

    def serial(self) -> int:
        """Return the number of the last transition, which gives their order where clocks disagree."""
        return self._history(self._plain())[0]

    def switchings(self) -> dict[str, tuple[int, int]]:
        """Return lamp -> numbers of its last transitions to on and to off, which rise with each."""
        found = dict.fromkeys(self.names, (0, 0))
        for serial, _, lamp, on in self._history(self._plain())[1]:
            if lamp in found:
                found[lamp] = (serial, found[lamp][1]) if on else (found[lamp][0], serial)
        return found

    def _history(self, plain: Any) -> tuple[int, list[list[Any]]]:
        if plain is None:
            return 0, []
        try:
            return int(plain["serial"]), [_transition(item) for item in plain["transitions"]]
        except (KeyError, TypeError, ValueError):
            # After a repair, numbers continue above all earlier ones.
            return int(self._clock.utc().timestamp() * 1000), []

    def lit(self, lamp: str, window: Span, serials: tuple[int, int | None]) -> list[Span]:
        """Return the times at which a lamp was lit, up to the end of an integration.

        The order of transitions is the file's, which is true also where two processes' clocks differ. A switching
        during the integration (by its serial) is counted inside it.

        Args:
            lamp: its name.
            window: the integration, seconds of UTC.
            serials: those of the last transition when it began, and when it ended (None: the process died).
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
            # Its state then: the opposite of its next transition, or its present state.
            burning = not after[0] if after else self._outlets(plain)[lamp].state == "on"
            return [(-inf, ends)] if burning else []
        return spans(believable(before, begins) + sorted(during, key=lambda item: item[0]), ends)


class SimulatedLamps:
    """Lamps on the simulated switch (`Lamps`), by the main path or the second one.

    Args:
        site: the observatory, its clock and its state folder.
        family: `lamps` or `second_lamps`. Each path has its own faults.
    """

    def __init__(self, site: DriverSite, family: str = "lamps") -> None:
        self._model = site.observatory.lamps
        self._switch = SimulatedSwitch(site)
        self._line = DeviceLine(family, self._switch.names, site.faults, site.clock)
        self._believed: dict[str, LampState] = {}
        self._dimmers = Dimmers(site)
        self._dimmed: dict[str, float] = {}
        # One switch for each state folder, shared by all observatories in it.
        place = f"simulated {socket.gethostname()}:{(site.home / 'simulated').absolute()}"
        # One name alone means the whole switch, except where there is one lamp: there it would mean the lamp's outlet.
        self.hardware = (place, f"{place} {self.names[0]}") if len(self.names) == 1 else (place,)

    @property
    def names(self) -> Units:
        """Names of the lamps in the observatory document."""
        return self._switch.names

    def outlets(self) -> Mapping[str, Outlet]:
        """Return every outlet with its last switching, read from the switch's file now. Takes no time."""
        return self._switch.outlets()

    async def switchings(self) -> Mapping[str, tuple[int, int]]:
        """Return lamp -> numbers that rise with each switching on, and off. Takes no time."""
        return self._switch.switchings()

    async def on(self, lamp: str) -> None:
        """Light one lamp, when the command is acknowledged."""
        units = self._known(lamp, "on")
        self._believed[lamp] = "on"
        await self._line.send(Command("on", units, self._model.on_s, lambda obey, _lie: self._turn(obey, on=True)))

    async def off(self, lamp: str) -> None:
        """Switch one lamp off, when the command arrives."""
        units = self._known(lamp, "off")
        self._believed[lamp] = "off"
        await self._line.send(Command("off", units, self._model.off_s, _done, begin=self._darken))

    async def all_off(self) -> None:
        """Switch all lamps off, when the command arrives."""
        self._believed = dict.fromkeys(self.names, "off")
        await self._line.send(Command("all_off", self.names, self._model.all_off_s, _done, begin=self._darken))

    async def status(self) -> Mapping[str, LampState]:
        """Read every lamp back from the file."""
        return await self._line.send(Command("status", self.names, self._model.status_s, self._answer, reading=True))

    async def set_level(self, lamp: str, percent: float) -> None:
        """Set the output of one lamp, lit or not."""
        units = self._known(lamp, "set_level")
        self._dimmed[lamp] = percent
        await self._line.send(
            Command(
                "set_level",
                units,
                self._model.status_s,
                lambda obey, _lie: self._dimmers.set(lamp, percent) if obey else None,
            )
        )

    async def levels(self) -> Mapping[str, float | None]:
        """Read the level of each lamp that can be dimmed from the file."""
        return await self._line.send(
            Command("levels", self._dimmers.names, self._model.status_s, self._percents, reading=True)
        )

    def _percents(self, obey: Units, lie: Units) -> dict[str, float | None]:
        found: dict[str, float | None] = dict.fromkeys(self._dimmers.names)
        found |= {lamp: self._dimmers.at(lamp) for lamp in obey}
        return found | {lamp: self._dimmed.get(lamp, self._dimmers.at(lamp)) for lamp in lie}

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
            raise no_such_lamp(lamp, self.names, "lamps", verb)
        return (lamp,)


class MonitorOptions(BaseModel):
    """Model of the `options` of the photodiode: what it reads, and how fast lamps brighten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    full: Annotated[float, Field(gt=0, le=1e9)] = Field(100.0, description="reading of each lamp that is warm")
    dark: Annotated[float, Field(ge=0, le=1e9)] = Field(0.0, description="reading in darkness")
    tau_s: Annotated[float, Field(gt=0, le=86_400)] = Field(
        20.0, description="time in which the light that is still missing falls to 37 %, s"
    )
    flicker: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="how much the light varies, as a fraction")


class SimulatedLampMonitor:
    """Photodiode that sees all lamps (`LampMonitor`)."""

    def __init__(self, site: DriverSite, model: LampMonitorModel) -> None:
        self._options = read_options(MonitorOptions, model.options, "lamps.monitor.options")
        self._switch = SimulatedSwitch(site)
        self._clock = site.clock
        self._line = DeviceLine("lamp_monitor", (), site.faults, site.clock)
        self._takes_s = site.observatory.lamps.status_s

    async def read(self) -> float:
        """Return the light of all lamps. A diode that lies reads darkness."""
        return await self._line.send(Command("read", ("lamp_monitor",), self._takes_s, self._seen, reading=True))

    def _seen(self, obey: Units, _lie: Units) -> float:
        options, now = self._options, self._clock.utc()
        if not obey:
            return options.dark
        lit = [outlet for outlet in self._switch.outlets().values() if outlet.state == "on"]
        ages_s = [0.0 if outlet.since is None else (now - outlet.since).total_seconds() for outlet in lit]
        light = sum(options.full * (1.0 - exp(-max(0.0, age_s) / options.tau_s)) for age_s in ages_s)
        wave = sin(2.0 * pi * now.timestamp() / _FLICKER_S)
        return options.dark + light * (1.0 + options.flicker * wave)


def _done(_obey: Units, _lie: Units) -> None:
    """Return the empty answer of a command that acted when it arrived."""


def _mapping(plain: Any) -> dict[str, Any]:
    return plain if isinstance(plain, dict) else {}


def _unlisted(plain: Any) -> LampState:
    """Return the state of the outlets that the file does not list: off as long as it has never been repaired."""
    return "off" if plain is None or _mapping(plain).get("unlisted") == "off" else "unknown"


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
