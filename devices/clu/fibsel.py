"""The fibre mask behind an actor of the kind `lvmtan` (`FibreSelector`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.clu.link import Broker, Link
from safelight.devices.options import read_options
from safelight.devices.protocols import FibreStatus

if TYPE_CHECKING:
    from safelight.devices.drivers import Site
    from safelight.devices.observatory import FibselModel

__all__ = ["CluFibsel"]


class _Options(BaseModel):
    """The `options` of the fibre mask.

    Attributes:
        cache_s: for how long the actor repeats a position without asking its motor, s; [wire] 2 s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Broker = Broker()
    actor: str = "lvm.spec.fibsel"
    cache_s: float = Field(default=2.0, ge=0)


class CluFibsel:
    """The mask. Its actor answers with positions from a cache: what was read before a motion had ended is not true."""

    def __init__(self, site: Site, model: FibselModel) -> None:
        self._options = read_options(_Options, model.options, "fibsel.options")
        self._clock = site.clock
        self._link = Link(self._options.broker, site.clock)
        # Nobody knows what moved before this process began.
        self._last_motion = site.clock.now()

    async def move(self, steps: int) -> None:
        """Move; the position in its answer is the one of before, and is not looked at. Cancelled, it goes on."""
        try:
            async with self._link.sent(
                self._options.actor, "moveAbsolute", "--", steps, device="fibsel", as_verb="move", expires=True
            ) as pending:
                await pending.answer()
        finally:
            self._last_motion = self._clock.now()

    async def status(self) -> FibreStatus:
        """Where the mask is, once the cache has passed since it last moved."""
        seen = await self._look()
        if not seen.moving and self._stale_s > 0:
            await self._clock.sleep(self._stale_s)
            seen = await self._look()
        return seen

    async def stop(self) -> None:
        """Stop the motor."""
        await self._link.ask(self._options.actor, "stop", device="fibsel")
        self._last_motion = self._clock.now()

    async def close(self) -> None:
        """Release the connection; moves nothing."""
        await self._link.close()

    @property
    def _stale_s(self) -> float:
        return self._options.cache_s - (self._clock.now() - self._last_motion)

    async def _look(self) -> FibreStatus:
        answer = await self._link.ask(self._options.actor, "status", device="fibsel")
        moving = bool(answer.get("Moving"))
        if moving:
            self._last_motion = self._clock.now()
        return FibreStatus(_steps(answer.get("Position")), moving)


def _steps(position: Any) -> int | None:
    is_number = isinstance(position, int | float) and not isinstance(position, bool)
    return round(position) if is_number and position == position else None  # noqa: PLR0124  # not a number
