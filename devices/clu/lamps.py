"""The lamps on a network power switch that an actor of the kind `lvmnps` switches (`Lamps`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.clu.link import Broker, Link
from safelight.devices.document import nearest
from safelight.devices.errors import DeviceError, DeviceFailed, DeviceUnknown
from safelight.devices.options import read_options
from safelight.devices.outlets import folded, lamp_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.clu.link import Pending
    from safelight.devices.drivers import Site
    from safelight.devices.protocols import LampState

__all__ = ["CluLamps"]

_LOOK_EVERY_S = 0.1


class _Options(BaseModel):
    """The `options` of the lamps.

    Attributes:
        actor: who switches.
        outlets: lamp -> the outlet's name; a lamp that isn't named here is on the outlet of its own name.
        all_off: `all-off` darkens every outlet of the switch, lamp or not; `lamps` darkens the lamps alone.
        dead_man: light with `--off-after`: the actor itself darkens the lamp after its lease.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Broker = Broker()
    actor: str = "lvmnps.calib"
    outlets: dict[str, str] = Field(default_factory=dict)
    all_off: Literal["all-off", "lamps"] = "lamps"
    dead_man: bool = True


class CluLamps:
    """The lamps, as the switch itself tells them; the actor asks the switch at every status."""

    def __init__(self, site: Site) -> None:
        self._model = site.observatory.lamps
        self._options = read_options(_Options, self._model.options, "lamps.options")
        self._outlets = {lamp: self._options.outlets.get(lamp, lamp) for lamp in self._model.units}
        self._clock = site.clock
        self._link = Link(self._options.broker, site.clock)

    @property
    def names(self) -> tuple[str, ...]:
        """The lamps, as the observatory document names them."""
        return tuple(self._outlets)

    async def on(self, lamp: str) -> None:
        """Light one lamp. With a dead-man, the actor answers only when it has darkened it: the switch is read."""
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
                await self._lit(lamp, pending)
        except TimeoutError:
            reason = "the switch does not read it as on" if sent else "the broker did not take the command"
            raise DeviceUnknown(f"{reason}; switch it off and read it back", device=device, verb="on") from None

    async def off(self, lamp: str) -> None:
        """Darken one lamp; the command waits in the actor's queue as long as it must."""
        outlet = self._known(lamp, "off")
        await self._link.ask(self._options.actor, "off", "--", outlet, device=f"lamps.{lamp}", expires=False)

    async def all_off(self) -> None:
        """Darken all with one command."""
        words = ("all-off",) if self._options.all_off == "all-off" else ("off", "--", *self._outlets.values())
        await self._link.ask(self._options.actor, *words, device="lamps", as_verb="all_off", expires=False)

    async def status(self) -> Mapping[str, LampState]:
        """Read every outlet; a lamp whose outlet the switch does not name is `unknown`."""
        answer = await self._link.ask(self._options.actor, "status", device="lamps")
        found = {
            folded(str(outlet.get("name", ""))): lamp_state(outlet)
            for outlet in answer.get("outlets") or []
            if isinstance(outlet, dict)
        }
        return {lamp: found.get(folded(outlet), "unknown") for lamp, outlet in self._outlets.items()}

    async def close(self) -> None:
        """Release the connection; switches nothing."""
        await self._link.close()

    async def _lit(self, lamp: str, pending: Pending) -> None:
        """Until the switch reads the lamp as on, or the actor says that it failed."""
        while not pending.ended.done():
            if await self._reads_on(lamp):
                return
            await self._clock.sleep(_LOOK_EVERY_S)
        await pending.answer()

    async def _reads_on(self, lamp: str) -> bool:
        """Failing to read is no failure to light."""
        try:
            outlet = self._outlets[lamp]
            answer = await self._link.ask(self._options.actor, "status", "--", outlet, device=f"lamps.{lamp}")
        except DeviceError:
            return False
        info: Any = answer.get("outlet_info")
        return isinstance(info, dict) and lamp_state(info) == "on"

    def _known(self, lamp: str, verb: str) -> str:
        if lamp not in self._outlets:
            raise DeviceFailed(f"no such lamp; {nearest(lamp, self.names)}", device=f"lamps.{lamp}", verb=verb)
        return self._outlets[lamp]
