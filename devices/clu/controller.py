"""One spectrograph: its detector controller (an actor `lvmscp`) and its shutter (an actor `lvmieb`)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.clu.words import as_json
from safelight.devices.errors import DeviceError, DeviceFailed, DeviceUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from safelight.devices.clu.link import Link, Pending
    from safelight.devices.observatory import SpectrographsModel
    from safelight.devices.protocols import ExposureOrder, Timekeeper

__all__ = ["Activity", "Controller", "Overheard", "Shutter"]

Activity = Literal["idle", "integrating", "holding", "reading", "error", "unknown"]
Shutter = Literal["open", "closed", "unknown"]

_SETTLING_S = 0.3
"""[assumed] What is added to the actors' own times before something counts as wrong, s."""

_ABORT_S = 10.0
"""[assumed] An abort closes the shutter first, with one more try after 3 s."""

_WRITING_S = 2.5
"""[wire] An actor that is idle and writes nothing says so after 1 s."""


@dataclass(slots=True)
class Overheard:
    """What a box has told its detector's actor of the shutter, which that actor itself makes nothing of.

    Attributes:
        seen: each position, in order.
    """

    unit: str
    seen: list[Shutter] = field(default_factory=list)

    def hear(self, keywords: Mapping[str, Any]) -> None:
        """Take a reply in."""
        told = keywords.get(f"{self.unit}_shutter")
        if told is not None:
            self.seen.append(_position(told))


@dataclass(frozen=True, slots=True)
class Controller:
    """One spectrograph.

    Attributes:
        unit: its name (`sp1`).
        detector: the actor that integrates and reads out.
        box: the actor that moves the shutter.
        look_every_s: how often it is looked at while it integrates, s.
        overheard: the shutter's moves, as the two actors speak of them.
    """

    unit: str
    detector: str
    box: str
    link: Link
    clock: Timekeeper
    model: SpectrographsModel
    look_every_s: float
    overheard: Overheard

    @property
    def device(self) -> str:
        """Its name in errors."""
        return f"spectrographs.{self.unit}"

    async def expose(self, order: ExposureOrder, number: int) -> datetime:
        """Integrate, and watch the shutter meanwhile; the actor itself says done with a shutter that never opened.

        Returns:
            When it had ended, the shutter closed again; UTC.

        Raises:
            DeviceError: the actor failed or vanished, somebody aborted, or the shutter is not as it should be.
        """
        words = (f"--{order.flavour}", "--no-readout", "-s", number, "--", f"{order.exposure_s:.3f}")
        began = self.clock.now()
        due = began + self.model.lead_s + self.model.tail_s + _SETTLING_S
        self.overheard.seen.clear()
        async with self.link.sent(self.detector, "expose", *words, device=self.device, expires=True) as pending:
            while not pending.ended.done():
                with suppress(TimeoutError):
                    async with self.clock.timeout(due - self.clock.now()):
                        await pending.answer()
                if not pending.ended.done():
                    await self._watch(order, began, pending)
                due = self.clock.now() + self.look_every_s
            await pending.answer()
        ended = self.clock.utc()
        # Short exposures are over before it is sure that the shutter must be open; none may have been moved at all.
        if order.opens_shutter and self.overheard.seen and "open" not in self.overheard.seen:
            raise DeviceFailed("its shutter did not open", device=self.device, verb="expose")
        return ended

    async def _watch(self, order: ExposureOrder, began: float, pending: Pending) -> None:
        """Look; something wrong is looked at once more before it counts."""
        if await self._wrong(order, began) is None:
            return
        await self.clock.sleep(_SETTLING_S)
        wrong = await self._wrong(order, began)
        if wrong is not None and not pending.ended.done():
            raise DeviceFailed(wrong, device=self.device, verb="expose")

    async def _wrong(self, order: ExposureOrder, began: float) -> str | None:
        """Whether it still integrates, with the shutter as it should be; in words if not."""
        try:
            activity = await self._detector()
        except DeviceUnknown:
            return None
        except DeviceFailed as error:
            raise DeviceUnknown(
                f"can't be asked any more while it integrates: {error.reason}", device=self.device, verb="expose"
            ) from error
        if activity in {"idle", "error"}:
            return f"does not integrate any more: it is {activity}"
        wanted: Shutter = "open" if order.opens_shutter else "closed"
        seen = await self.shutter()
        # Only a look that was over before the shutter may close again proves anything.
        if seen == wanted or (order.opens_shutter and self.clock.now() - began > order.exposure_s - _SETTLING_S):
            return None
        return f"its shutter is {seen} while it integrates, and should be {wanted}"

    async def read(self, header: Mapping[str, object]) -> None:
        """Read out and write; returns when the files are written.

        Raises:
            DeviceError: nothing to read out, or no files.
        """
        words = ("--header", as_json(header))
        async with self.link.sent(
            self.detector, "read", *words, device=self.device, as_verb="read_out", expires=True
        ) as pending:
            await pending.answer()

    async def abort(self) -> None:
        """Stop whatever it does; the shutter is closed in any case, and whatever the detector's actor says."""
        failures: list[DeviceError] = []
        for step in (self._abort_detector, self.close_shutter, self.reset):
            try:
                await step()
            except DeviceError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def reset(self) -> None:
        """Clear an error and a waiting charge."""
        await self._ask(self.detector, "reset")

    async def close_shutter(self) -> None:
        """Close the shutter, and read it back."""
        if await self.shutter() == "closed":
            return
        await self._ask(self.box, "shutter close", self.unit, as_verb="abort")
        seen = await self.shutter()
        if seen != "closed":
            raise DeviceFailed(f"its shutter does not close: it is {seen}", device=self.device, verb="abort")

    async def shutter(self) -> Shutter:
        """The shutter, asked of its motor; unreadable is `unknown`."""
        try:
            answer = await self._ask(self.box, "shutter status", self.unit)
        except DeviceError:
            return "unknown"
        return _position(answer.get(f"{self.unit}_shutter"))

    async def activity(self, *, may_write: bool) -> Activity:
        """What the detector does.

        Args:
            may_write: a read-out was broken off by us: idle is only believed when the actor writes nothing.
        """
        try:
            activity = await self._detector()
        except DeviceError:
            return "unknown"
        if activity == "idle" and may_write and await self._writes():
            return "reading"
        return activity

    async def _writes(self) -> bool:
        """Whether the actor still writes files; its status says idle meanwhile."""
        try:
            words = ("wait-until-idle", "--allow-errored")
            await self._ask(self.detector, *words, as_verb="status", deadline_s=_WRITING_S)
        except DeviceUnknown:
            return True
        except DeviceFailed:
            return False
        return False

    async def _detector(self) -> Activity:
        answer = await self._ask(self.detector, "status", "--simple")
        status: Any = answer.get("status")
        names = set(status.get("status_names") or []) if isinstance(status, dict) else set()
        return _activity(names)

    async def _abort_detector(self) -> None:
        """An actor that exposes nothing refuses, which is as good."""
        with suppress(DeviceFailed):
            await self._ask(self.detector, "abort", "--reset", deadline_s=_ABORT_S)

    async def _ask(
        self, actor: str, verb: str, *words: object, as_verb: str = "", deadline_s: float | None = None
    ) -> dict[str, Any]:
        return await self.link.ask(actor, verb, *words, device=self.device, as_verb=as_verb, deadline_s=deadline_s)


def _position(told: Any) -> Shutter:
    """From what the box tells of a shutter."""
    if not isinstance(told, dict) or told.get("invalid") or not isinstance(told.get("open"), bool):
        return "unknown"
    return "open" if told["open"] else "closed"


def _activity(names: set[str]) -> Activity:
    """From the controller's status bits."""
    if names & {"ERROR", "POWERBAD", "POWEROFF"}:
        return "error"
    if "EXPOSING" in names:
        return "integrating"
    if names & {"READING", "FETCHING", "FLUSHING"}:
        return "reading"
    if "READOUT_PENDING" in names:
        return "holding"
    return "idle" if "IDLE" in names else "unknown"
