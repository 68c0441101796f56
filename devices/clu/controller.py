"""Control of one spectrograph: its detector (an actor `lvmscp`) and its shutter (an actor `lvmieb`)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.clu.protocol import as_json
from safelight.devices.errors import DeviceError, DeviceFailed, DeviceUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from safelight.devices.clu.doors import Doors
    from safelight.devices.clu.link import Link, Pending
    from safelight.devices.observatory.observatory import SpectrographsModel
    from safelight.devices.protocols import ExposureOrder, Timekeeper

__all__ = ["Activity", "Controller", "Overheard", "Shutter"]

Activity = Literal["idle", "integrating", "holding", "reading", "error", "unknown"]
Shutter = Literal["open", "closed", "unknown"]

_SETTLING_S = 0.3
"""[assumed] Margin on the actors' own times before a state counts as wrong, s."""

_ABORT_S = 10.0
"""[assumed] Time limit of an abort, s. It closes the shutter first, with one more try after 3 s."""

_RESETS = 4
"""How often a reset is tried. An abort in the midst of a message of the actor's own may cost it its channel to the
broker, and it hears nothing for some ten seconds (seen with lvmscp 0.10.8 and aiormq 7.2.4).
"""

_WRITING_S = 2.5
"""[wire] Time limit for an actor to report that it writes nothing, s. It takes 1 s."""


@dataclass(slots=True)
class Overheard:
    """Shutter positions that a box has reported to its detector's actor, which ignores them.

    Attributes:
        seen: each position, in order.
    """

    unit: str
    seen: list[Shutter] = field(default_factory=list)

    def hear(self, keywords: Mapping[str, Any]) -> None:
        """Take in one reply."""
        told = keywords.get(f"{self.unit}_shutter")
        if told is not None:
            self.seen.append(_position(told))


@dataclass(frozen=True, slots=True)
class Controller:
    """Controller of one spectrograph.

    Attributes:
        unit: its name (`sp1`).
        detector: the actor that integrates and reads out.
        box: the actor that moves the shutter.
        look_every_s: interval of its checks while it integrates, s.
        overheard: the shutter's moves, as the two actors report them to each other.
        doors: its Hartmann doors.
    """

    unit: str
    detector: str
    box: str
    link: Link
    clock: Timekeeper
    model: SpectrographsModel
    look_every_s: float
    overheard: Overheard
    doors: Doors

    @property
    def device(self) -> str:
        """Its name in errors."""
        return f"spectrographs.{self.unit}"

    async def expose(self, order: ExposureOrder, number: int) -> datetime:
        """Integrate, and check the shutter meanwhile.

        The actor itself reports success with a shutter that never opened.

        Returns:
            Time at which it had ended and the shutter was closed, UTC.

        Raises:
            DeviceError: the actor failed or vanished, the exposure was aborted, or shutter or doors were wrong.
        """
        words = (f"--{order.flavour}", "--no-readout", "-s", number, "--", f"{order.exposure_s:.3f}")
        began = self.clock.now()
        due = began + self.model.lead_s + self.model.tail_s + _SETTLING_S
        seen: set[Activity] = set()
        self.overheard.seen.clear()
        async with self.link.sent(self.detector, "expose", *words, device=self.device, expires=True) as pending:
            while not pending.ended.done():
                with suppress(TimeoutError):
                    async with self.clock.timeout(due - self.clock.now()):
                        await pending.answer()
                if not pending.ended.done():
                    await self._watch(order, began, seen, pending)
                due = self.clock.now() + self.look_every_s
            await pending.answer()
        ended = self.clock.utc()
        # A short exposure may end before the shutter is certainly open, so it must at least have been seen to move.
        if order.opens_shutter and self.overheard.seen and "open" not in self.overheard.seen:
            raise DeviceFailed("its shutter did not open", device=self.device, verb="expose")
        closed = await self.doors.closed() if order.opens_shutter else None
        if closed is not None:
            raise DeviceFailed(f"{closed}, after the exposure", device=self.device, verb="expose")
        return ended

    async def _watch(self, order: ExposureOrder, began: float, seen: set[Activity], pending: Pending) -> None:
        """Check the exposure. A fault counts only if a second check confirms it.

        Args:
            order: the exposure.
            began: `clock.now()` of its command.
            seen: what the detector has been doing since, as far as it was read.
            pending: the command.
        """
        if await self._wrong(order, began, seen) is None:
            return
        await self.clock.sleep(_SETTLING_S)
        wrong = await self._wrong(order, began, seen)
        if wrong is not None and not pending.ended.done():
            raise DeviceFailed(wrong, device=self.device, verb="expose")

    async def _wrong(self, order: ExposureOrder, began: float, seen: set[Activity]) -> str | None:
        """Return, in words, what is wrong with the running integration or its shutter, or None."""
        try:
            activity = await self._detector()
        except DeviceUnknown:
            return None
        except DeviceFailed as error:
            raise DeviceUnknown(
                f"does not answer any more while it integrates: {error.reason}", device=self.device, verb="expose"
            ) from error
        if activity == "idle" and "integrating" not in seen:
            return self._not_begun(began)
        seen.add(activity)
        if activity in {"idle", "error"}:
            return f"does not integrate any more: it is {activity}"
        wanted: Shutter = "open" if order.opens_shutter else "closed"
        shutter = await self.shutter()
        # Only a check that ended before the shutter may close again proves anything.
        if shutter == wanted or (order.opens_shutter and self.clock.now() - began > order.exposure_s - _SETTLING_S):
            return await self.doors.closed() if order.opens_shutter else None
        return f"its shutter is {shutter} while it integrates, and should be {wanted}"

    def _not_begun(self, began: float) -> str | None:
        """Return, in words, that the integration has not begun, or None while the actor may just be slow to begin."""
        waited_s = self.clock.now() - began
        longest_s = self.model.lead_s + self.model.tail_s + self.link.broker.deadline_s
        return None if waited_s < longest_s else f"has not begun to integrate after {waited_s:.0f} s: it is idle"

    async def read(self, header: Mapping[str, object]) -> None:
        """Read out and write. Return when the files are written.

        Raises:
            DeviceError: nothing to read out, or no files.
        """
        words = ("--header", as_json(header))
        async with self.link.sent(
            self.detector, "read", *words, device=self.device, as_verb="read_out", expires=True
        ) as pending:
            await pending.answer()

    async def abort(self) -> None:
        """Stop whatever it does. The shutter is closed even if the detector's actor fails."""
        failures: list[DeviceError] = []
        for step in (self._abort_detector, self.close_shutter, self.reset):
            try:
                await step()
            except DeviceError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def reset(self) -> None:
        """Clear an error and a waiting charge. A reset whose answer is lost is repeated, which harms nothing."""
        for _ in range(_RESETS - 1):
            with suppress(DeviceUnknown):
                await self._ask(self.detector, "reset")
                return
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
        """Read the shutter from its motor. Unreadable is `unknown`."""
        try:
            answer = await self._ask(self.box, "shutter status", self.unit)
        except DeviceError:
            return "unknown"
        return _position(answer.get(f"{self.unit}_shutter"))

    async def activity(self, *, may_write: bool) -> Activity:
        """Return what the detector is doing.

        Args:
            may_write: whether we interrupted a readout. Then idle is believed only if the actor writes nothing.
        """
        try:
            activity = await self._detector()
        except DeviceError:
            return "unknown"
        if activity == "idle" and may_write and await self._writes():
            return "reading"
        return activity

    async def _writes(self) -> bool:
        """Return whether the actor still writes files, while its status already says idle."""
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
        """Abort the exposure. An actor that exposes nothing refuses, which is as good."""
        with suppress(DeviceFailed):
            await self._ask(self.detector, "abort", "--reset", deadline_s=_ABORT_S)

    async def _ask(
        self, actor: str, verb: str, *words: object, as_verb: str = "", deadline_s: float | None = None
    ) -> dict[str, Any]:
        return await self.link.ask(actor, verb, *words, device=self.device, as_verb=as_verb, deadline_s=deadline_s)


def _position(told: Any) -> Shutter:
    """Return the shutter's position from a reply of the box."""
    if not isinstance(told, dict) or told.get("invalid") or not isinstance(told.get("open"), bool):
        return "unknown"
    return "open" if told["open"] else "closed"


def _activity(names: set[str]) -> Activity:
    """Return the activity from the controller's status bits."""
    if names & {"ERROR", "POWERBAD", "POWEROFF"}:
        return "error"
    if "EXPOSING" in names:
        return "integrating"
    if names & {"READING", "FETCHING", "FLUSHING"}:
        return "reading"
    if "READOUT_PENDING" in names:
        return "holding"
    return "idle" if "IDLE" in names else "unknown"
