"""Fibre mask behind an actor of the kind `lvmtan` (`FibreSelector`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.clu.link import Broker, Link
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.protocols import FibreStatus

if TYPE_CHECKING:
    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.observatory import FibselModel

__all__ = ["CluFibsel"]


class _FibselOptions(BaseModel):
    """Model of the `options` of the fibre mask.

    Attributes:
        cache_s: time for which the actor repeats a status without asking its motor, s. lvmtan 0.3.6 does so for 1 s
            (`statusCacheAge` of its worker), and a second is added for a motor that answers slowly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Broker = Broker()
    actor: str = "lvm.spec.fibsel"
    cache_s: float = Field(default=2.0, ge=0)


class CluFibsel:
    """Mask whose actor answers from a cache, `Moving` included. A status from before the end of a motion is wrong."""

    def __init__(self, site: DriverSite, model: FibselModel) -> None:
        self._options = read_options(_FibselOptions, model.options, "fibsel.options")
        self._clock = site.clock
        self._link = Link(self._options.broker, site.clock)
        # What moved before this process began is unknown.
        self._last_motion = site.clock.now()

    async def move(self, steps: int) -> None:
        """Move. The position in the answer is the old one and is ignored. A cancelled move continues."""
        try:
            async with self._link.sent(
                self._options.actor, "moveAbsolute", "--", steps, device="fibsel", as_verb="move", expires=True
            ) as pending:
                await pending.answer()
        finally:
            self._last_motion = self._clock.now()

    async def status(self) -> FibreStatus:
        """Read the position of the mask, after the cache of its last motion has expired."""
        seen = await self._fresh_look()
        # A motion that another program began may have ended since the actor read it.
        return await self._fresh_look() if seen.moving else seen

    async def stop(self) -> None:
        """Stop the motor."""
        await self._link.ask(self._options.actor, "stop", device="fibsel")
        self._last_motion = self._clock.now()

    async def close(self) -> None:
        """Release the connection. Moves nothing."""
        await self._link.close()

    async def _fresh_look(self) -> FibreStatus:
        stale_s = self._options.cache_s - (self._clock.now() - self._last_motion)
        if stale_s > 0:
            await self._clock.sleep(stale_s)
        answer = await self._link.ask(self._options.actor, "status", device="fibsel")
        # An actor that can't reach its motor says "Unknown".
        moving = answer.get("Moving") is True
        if moving:
            self._last_motion = self._clock.now()
        return FibreStatus(_steps(answer.get("Position")), moving)


def _steps(position: Any) -> int | None:
    is_number = isinstance(position, int | float) and not isinstance(position, bool)
    return round(position) if is_number and position == position else None  # noqa: PLR0124  # not a number
