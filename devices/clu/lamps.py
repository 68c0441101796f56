"""Lamps on a network power switch behind an actor of the kind `lvmnps` (`Lamps`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.clu.link import Broker, Link
from safelight.devices.clu.overhearing import Reported
from safelight.devices.clu.timers import Timers
from safelight.devices.errors import DeviceError, DeviceUnknown
from safelight.devices.lamp_drivers import no_such_lamp
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.outlets import folded, lamp_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from safelight.devices.clu.link import Pending
    from safelight.devices.drivers import DriverSite
    from safelight.devices.protocols import LampState

__all__ = ["CluLamps"]

_LOOK_EVERY_S = 0.1


class _LampOptions(BaseModel):
    """Model of the `options` of the lamps.

    Attributes:
        actor: name of the actor.
        outlets: lamp -> the outlet's name; a lamp that isn't named here is on the outlet of its own name.
        all_off: `all-off` switches off every outlet, lamp or not; `lamps` switches off the lamps alone.
        dead_man: light with `--off-after`: the actor itself switches the lamp off after its maximum on-time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Broker = Broker()
    actor: str = "lvmnps.calib"
    outlets: dict[str, str] = Field(default_factory=dict)
    all_off: Literal["all-off", "lamps"] = "lamps"
    dead_man: bool = True


class CluLamps:
    """Lamps as the switch itself reports them: the actor asks the switch at every status."""

    def __init__(self, site: DriverSite) -> None:
        self._model = site.observatory.lamps
        self._options = read_options(_LampOptions, self._model.options, "lamps.options")
        self._outlets = {lamp: self._options.outlets.get(lamp, lamp) for lamp in self._model.units}
        self._clock = site.clock
        self._reported = Reported(self._outlets)
        self._link = Link(self._options.broker, site.clock, watch={self._options.actor: self._reported.hear})
        broker = self._options.broker
        switch = f"{broker.host.casefold()}:{broker.port}/{self._options.actor}"
        self.hardware = tuple(f"{switch}/{folded(outlet)}" for outlet in self._outlets.values())
        self._timers = Timers(site.home, f"{self._options.actor}@{broker.host}:{broker.port}", site.clock)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lamps in the observatory document."""
        return tuple(self._outlets)

    async def on(self, lamp: str) -> None:
        """Light one lamp, and read the switch until it is on.

        With a dead-man timer, the actor answers only when it has switched the lamp off again.
        """
        outlet = self._known(lamp, "on")
        device = f"lamps.{lamp}"
        if not self._options.dead_man:
            await self._link.ask(self._options.actor, "on", "--", outlet, device=device)
            return
        lease_s = self._model.units[lamp].longest_on_s
        words = ("--off-after", f"{lease_s:.1f}", "--", outlet)
        sent = False
        try:
            async with (
                self._clock.timeout(self._options.broker.deadline_s),
                self._link.sent(self._options.actor, "on", *words, device=device, expires=True) as pending,
            ):
                sent = True
                await self._clock.in_thread(partial(self._timers.note, outlet, lease_s))
                await self._lit(lamp, pending)
        except TimeoutError:
            reason = "the switch does not read it as on" if sent else "the broker did not take the command"
            raise DeviceUnknown(f"{reason}; switch it off and read it back", device=device, verb="on") from None

    async def off(self, lamp: str) -> None:
        """Switch one lamp off. The command waits in the actor's queue as long as it must."""
        outlet = self._known(lamp, "off")
        await self._link.ask(self._options.actor, "off", "--", outlet, device=f"lamps.{lamp}", expires=False)

    async def all_off(self) -> None:
        """Switch all lamps off with one command."""
        words = ("all-off",) if self._options.all_off == "all-off" else ("off", "--", *self._outlets.values())
        await self._link.ask(self._options.actor, *words, device="lamps", as_verb="all_off", expires=False)

    async def status(self) -> Mapping[str, LampState]:
        """Read every outlet. A lamp whose outlet the switch does not name is `unknown`."""
        answer = await self._link.ask(self._options.actor, "status", device="lamps")
        found = {
            folded(str(outlet.get("name", ""))): lamp_state(outlet)
            for outlet in answer.get("outlets") or []
            if isinstance(outlet, dict)
        }
        return {lamp: found.get(folded(outlet), "unknown") for lamp, outlet in self._outlets.items()}

    async def switchings(self) -> Mapping[str, tuple[int, int]]:
        """Return lamp -> how often it went on and off, from all replies of the actor."""
        return self._reported.counts()

    def timers(self) -> Mapping[str, tuple[datetime, ...]]:
        """Return lamp -> when the actor will switch it off for an earlier lighting, UTC, as far as known here."""
        pending = self._timers.pending()
        return {lamp: pending[outlet] for lamp, outlet in self._outlets.items() if outlet in pending}

    async def close(self) -> None:
        """Release the connection. Switches nothing."""
        await self._link.close()

    async def _lit(self, lamp: str, pending: Pending) -> None:
        """Wait until the switch reads the lamp as on, or the actor reports a failure."""
        while not pending.ended.done():
            if await self._reads_on(lamp):
                return
            await self._clock.sleep(_LOOK_EVERY_S)
        await pending.answer()

    async def _reads_on(self, lamp: str) -> bool:
        """Return whether the lamp is read as on. A failed read-back is not a failure to light."""
        try:
            outlet = self._outlets[lamp]
            answer = await self._link.ask(self._options.actor, "status", "--", outlet, device=f"lamps.{lamp}")
        except DeviceError:
            return False
        info: Any = answer.get("outlet_info")
        return isinstance(info, dict) and lamp_state(info) == "on"

    def _known(self, lamp: str, verb: str) -> str:
        if lamp not in self._outlets:
            raise no_such_lamp(lamp, self.names, "lamps", verb)
        return self._outlets[lamp]
