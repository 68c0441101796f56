"""A small instrument of all five kinds, which speaks lines over TCP: one question, one answer."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Self

from safelight.devices import AltAz
from safelight.engine.clock import Clock
from safelight.testing import (
    FibreSelectorStandIn,
    LampStandIn,
    SelectorStandIn,
    SpectrographStandIn,
    TelescopeStandIn,
    Trouble,
)
from safelight.testing.wire import close_server

LAMPS = ("Argon", "Neon", "Quartz")
TELESCOPES = ("sci", "sky")
UNITS = ("sp1", "sp2")
WHEELS = {"slit": ("narrow", "wide", "none"), "mirror": ("in", "out")}
LEAD_S = 0.05


class Instrument(LampStandIn, TelescopeStandIn, FibreSelectorStandIn, SelectorStandIn, SpectrographStandIn):
    """The hardware. What it does is the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self) -> None:
        self.port = 0
        self.clock = Clock()
        self.trouble: Trouble | None = None
        self.lamps = dict.fromkeys(LAMPS, False)
        self.number = 0
        self.charge: tuple[str, float, float] | None = None
        self.mask = Motion((0.0,), speed=4000.0, clock=self.clock)
        self.mounts = {name: Motion((40.0, 100.0), speed=30.0, clock=self.clock) for name in TELESCOPES}
        self.wheels = {name: Motion((0.0,), speed=1.5, clock=self.clock) for name in WHEELS}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._welcome, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        assert self._server is not None
        await close_server(self._server)
        # Twice: a connection that was being accepted shows itself only after the first turn of the loop.
        for _ in range(2):
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.clock.sleep(0)

    # ---- the truth, and what others do

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Begin or end a trouble."""
        self.trouble = trouble

    def lit(self) -> set[str]:
        """Return the lamps that burn."""
        return {lamp for lamp, on in self.lamps.items() if on}

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch a lamp by hand."""
        self.lamps[lamp] = on

    def where(self) -> Mapping[str, AltAz]:
        """Return where the telescopes are."""
        return {name: AltAz(*mount.here) for name, mount in self.mounts.items()}

    def steps(self) -> int:
        """Return where the mask is."""
        return round(self.mask.here[0])

    def positions(self) -> Mapping[str, str | None]:
        """Return where the wheels are."""
        here = {name: wheel.here[0] for name, wheel in self.wheels.items()}
        return {name: WHEELS[name][int(at)] if at.is_integer() else None for name, at in here.items()}

    def moving(self) -> set[str]:
        """Return the wheels that move."""
        return {name for name, wheel in self.wheels.items() if wheel.moving}

    def open_shutters(self) -> set[str]:
        """Return whose shutter is open."""
        return set(UNITS) if self.activity == "integrating" and self.charge and self.charge[0] == "arc" else set()

    @property
    def activity(self) -> str:
        """What the detectors do."""
        if self.charge is None:
            return "idle"
        return "integrating" if self.charge[1] <= self.clock.now() < self.charge[2] else "holding"

    # ---- the wire

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Whoever is cancelled before its first step closes nothing itself.
        task.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(f"{self._answer(line.decode().split())}\n".encode())
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    def _answer(self, words: list[str]) -> str:
        if words[-1] == "?":
            return f"OK {self._state(words[0])} ."
        if self.trouble == "refused":
            return "NO refused"
        if self.trouble == "not_done":
            return "OK ."
        return self._obey(words)

    def _state(self, part: str) -> str:
        states = {
            "lamp": " ".join(f"{lamp}={int(on)}" for lamp, on in self.lamps.items()),
            "mount": " ".join(
                f"{name}={m.here[0]:.4f},{m.here[1]:.4f},{int(m.moving)}" for name, m in self.mounts.items()
            ),
            "mask": f"{self.steps()} {int(self.mask.moving)}",
            "wheel": " ".join(
                f"{name}={position or '-'},{int(name in self.moving())}" for name, position in self.positions().items()
            ),
            "spec": f"{self.activity} {'open' if self.open_shutters() else 'closed'} {self.number}",
        }
        return states[part]

    def _obey(self, words: list[str]) -> str:  # noqa: C901, PLR0912 - one case a command
        match words:
            case ["lamp", "on" | "off" as state, lamp] if lamp in self.lamps:
                self.lamps[lamp] = state == "on"
            case ["lamp", "alloff"]:
                self.lamps = dict.fromkeys(LAMPS, False)
            case ["mount", "goto", name, alt, az]:
                self.mounts[name].go((float(alt), float(az)))
            case ["mount", "stop"]:
                for mount in self.mounts.values():
                    mount.go(mount.here)
            case ["mask", "move", steps]:
                self.mask.go((float(steps),))
            case ["mask", "stop"]:
                self.mask.go((float(self.steps()),))
            case ["wheel", "move", name, position] if position in WHEELS.get(name, ()):
                self.wheels[name].go((float(WHEELS[name].index(position)),))
            case ["wheel", "stop"]:
                for wheel in self.wheels.values():
                    wheel.go(wheel.here)
            case ["spec", "expose", flavour, seconds] if self.charge is None:
                self.number += 1
                self.charge = (flavour, self.clock.now(), self.clock.now() + float(seconds))
                return f"OK {self.number} ."
            case ["spec", "read"] if self.activity == "holding":
                self.charge = None
                return "OK 1000 1001 1002 1003 ."
            case ["spec", "abort" | "reset"]:
                self.charge = None
            case _:
                return "NO such command"
        return "OK ."


class Motion:
    """Something that moves at a steady speed in all its axes."""

    def __init__(self, at: tuple[float, ...], *, speed: float, clock: Clock) -> None:
        self._clock, self._speed = clock, speed
        self._from = self._to = at
        self._began = 0.0

    @property
    def _part(self) -> float:
        way = max(abs(b - a) for a, b in zip(self._from, self._to, strict=True))
        return min(1.0, (self._clock.now() - self._began) * self._speed / way) if way else 1.0

    @property
    def here(self) -> tuple[float, ...]:
        """Where it is."""
        return tuple(a + self._part * (b - a) for a, b in zip(self._from, self._to, strict=True))

    @property
    def moving(self) -> bool:
        """Whether it moves."""
        return self._part < 1.0

    def go(self, to: tuple[float, ...]) -> None:
        """Move from where it is."""
        self._from, self._to, self._began = self.here, to, self._clock.now()
