"""Deliberately wrong drivers. Each differs from the right one in one mistake that drivers are known to make."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from safelight.devices import (
    AltAz,
    DeviceError,
    DeviceFailed,
    DeviceUnknown,
    ExposureOrder,
    FibreStatus,
    LampState,
    SelectorStatus,
    SpectrographStatus,
    TelescopeStatus,
)
from tests.testing.drivers import LOOK_S, Line, ToyFibsel, ToyLamps, ToySelectors, ToySpectrographs, ToyTelescopes
from tests.testing.instrument import LAMPS, TELESCOPES, UNITS, WHEELS

OFF: Mapping[str, LampState] = dict.fromkeys(LAMPS, "off")


class LiesOffOnError(ToyLamps):
    """Call every lamp off that can't be read."""

    async def status(self) -> Mapping[str, LampState]:
        """Lie."""
        try:
            return await super().status()
        except DeviceError:
            return OFF


class LiesOffOnAnything(ToyLamps):
    """Call every lamp off whatever happens, cancellation included."""

    async def status(self) -> Mapping[str, LampState]:
        """Lie."""
        try:
            return await super().status()
        except BaseException:  # noqa: BLE001 - the mistake
            return OFF


class ForgetsWhatIsMissing(ToyLamps):
    """Call a lamp off that an answer does not name."""

    async def status(self) -> Mapping[str, LampState]:
        """Fill up what was cut off."""
        answer = await _raw(self, "lamp ?")
        told = {word[:-2]: word[-1] for word in answer.split() if word[-2:-1] == "="}
        return {lamp: "on" if told.get(lamp) == "1" else "off" for lamp in LAMPS}


class Remembers(ToyLamps):
    """Answer from memory."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.memory: dict[str, LampState] = dict(OFF)

    async def on(self, lamp: str) -> None:
        """Remember."""
        await super().on(lamp)
        self.memory[lamp] = "on"

    async def off(self, lamp: str) -> None:
        """Remember."""
        await super().off(lamp)
        self.memory[lamp] = "off"

    async def all_off(self) -> None:
        """Remember."""
        await super().all_off()
        self.memory = dict(OFF)

    async def status(self) -> Mapping[str, LampState]:
        """Believe the memory."""
        return dict(self.memory)


class RemembersInTrouble(Remembers):
    """Answer from memory when the switch does not answer."""

    async def status(self) -> Mapping[str, LampState]:
        """Believe the memory in trouble."""
        try:
            self.memory = dict(await ToyLamps.status(self))
        except DeviceError:
            return dict(self.memory)
        return dict(self.memory)


class SkipsOff(Remembers):
    """Send no off to a lamp that is believed to be off."""

    async def off(self, lamp: str) -> None:
        """Save a command."""
        if self.memory[lamp] == "on":
            await super().off(lamp)

    async def status(self) -> Mapping[str, LampState]:
        """Read the switch."""
        return await ToyLamps.status(self)


class AllOffOfWhatItLit(Remembers):
    """Darken what this process has lit, and nothing else."""

    async def all_off(self) -> None:
        """Save commands."""
        for lamp, state in self.memory.items():
            if state == "on":
                await self.off(lamp)

    async def status(self) -> Mapping[str, LampState]:
        """Read the switch."""
        return await ToyLamps.status(self)


class SwallowsCancellation(ToyLamps):
    """Try again whatever is raised."""

    async def off(self, lamp: str) -> None:
        """Try for ever."""
        while True:
            try:
                return await super().off(lamp)
            except (DeviceUnknown, asyncio.CancelledError):
                continue


class CancelledMeansDone(ToyLamps):
    """Turn a cancellation into an error of its own."""

    async def on(self, lamp: str) -> None:
        """Hide the cancellation."""
        try:
            await super().on(lamp)
        except asyncio.CancelledError:
            raise DeviceFailed("cancelled", device="toy", verb="on") from None


class QueuesBehindReads(ToyLamps):
    """Ask one question at a time."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.lock = asyncio.Lock()

    async def ask(self, verb: str, line: str) -> list[str]:
        """Wait for all questions before."""
        async with self.lock:
            return await super().ask(verb, line)


class BlocksTheLoop(ToyLamps):
    """Ask with a blocking socket."""

    async def ask(self, verb: str, line: str) -> list[str]:
        """Block."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.4) as one:
                one.sendall(f"{line}\n".encode())
                return one.recv(4096).decode("ascii", "replace").split()[1:-1]
        except OSError as error:
            raise DeviceFailed(str(error), device="toy", verb=verb) from error


class LeaksForeignErrors(ToyLamps):
    """Let errors of the system through."""

    async def ask(self, verb: str, line: str) -> list[str]:
        """Catch nothing."""
        answer = await _raw(self, line)
        return _checked(answer.split(), verb)


class WaitsForEver(ToyLamps):
    """Keep no deadline on questions."""

    deadline_s = 1e6


class CallsUnknownFailed(ToyLamps):
    """Say that nothing was done, whatever went wrong."""

    async def ask(self, verb: str, line: str) -> list[str]:
        """Call everything a failure."""
        try:
            return await super().ask(verb, line)
        except DeviceError as error:
            raise DeviceFailed(error.reason, device="toy", verb=verb) from error


class BelievesAnyAnswer(ToyLamps):
    """Take every answer to a command as success."""

    async def ask(self, verb: str, line: str) -> list[str]:
        """Check answers to questions alone."""
        try:
            answer = await _raw(self, line)
        except (OSError, TimeoutError) as error:
            raise DeviceError(str(error), device="toy", verb=verb) from error
        return _checked(answer.split(), verb) if line.endswith("?") else []


class NeverComesBack(ToyLamps):
    """Give the hardware up after the first error."""

    lost = False

    async def ask(self, verb: str, line: str) -> list[str]:
        """Fail for ever."""
        if self.lost:
            raise DeviceFailed("gone", device="toy", verb=verb)
        try:
            return await super().ask(verb, line)
        except DeviceError:
            self.lost = True
            raise


class ReadsTheAnswerBefore(ToyLamps):
    """Keep one connection, and take a late answer as that to the next question."""

    link: Any = None

    async def ask(self, verb: str, line: str) -> list[str]:
        """Use the old connection after a timeout."""
        try:
            async with self.clock.timeout(self.deadline_s):
                self.link = self.link or await asyncio.open_connection("127.0.0.1", self.port)
                self.link[1].write(f"{line}\n".encode())
                answer = (await self.link[0].readline()).decode("ascii", "replace").split()
        except TimeoutError as error:
            raise DeviceError("late", device="toy", verb=verb) from error
        except OSError as error:
            self.link = None
            raise DeviceError(str(error), device="toy", verb=verb) from error
        if not answer:
            self.link = None
        return _checked(answer, verb)

    async def close(self) -> None:
        """Close the connection."""
        if self.link is not None:
            self.link[1].close()


class LightsAnyName(ToyLamps):
    """Take the first lamp where the name is not known."""

    def _known(self, lamp: str) -> None:
        """Refuse nothing."""

    async def on(self, lamp: str) -> None:
        """Guess."""
        await super().on(lamp if lamp in LAMPS else LAMPS[0])


class LeavesATask(ToyLamps):
    """Leave a poller behind."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.poller: asyncio.Task[None] | None = None

    async def status(self) -> Mapping[str, LampState]:
        """Begin to poll."""
        self.poller = self.poller or asyncio.get_running_loop().create_task(self.poll())
        return await super().status()

    async def poll(self) -> None:
        """Poll for ever."""
        while True:
            await self.clock.sleep(LOOK_S)


class ClosesOnce(ToyLamps):
    """Fail at the second close."""

    closed = False

    async def close(self) -> None:
        """Close."""
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class DoesNotWait(ToyTelescopes):
    """Return from a slew when it has begun."""

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Begin alone."""
        for name, to in targets.items():
            await self.ask("goto", f"mount goto {name} {to.alt_deg} {to.az_deg}")


class MovesSomeOfThem(ToyTelescopes):
    """Move the telescopes that are known although one is not."""

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Refuse too late."""
        for name, to in targets.items():
            await super().goto({name: to})


class TellsItsTarget(ToyTelescopes):
    """Tell where the telescopes were sent to."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.sent: dict[str, AltAz] = dict.fromkeys(TELESCOPES, AltAz(40.0, 100.0))

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Remember."""
        self.sent |= targets if set(targets) <= set(TELESCOPES) else {}
        await super().goto(targets)

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Believe the memory of places."""
        found = await super().status()
        return {name: TelescopeStatus(self.sent[name], slewing=seen.slewing) for name, seen in found.items()}


class TellsItsLastPlace(ToyTelescopes):
    """Tell the last place in trouble."""

    last: Mapping[str, TelescopeStatus] = dict.fromkeys(TELESCOPES, TelescopeStatus(None, slewing=False))

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Believe the memory in trouble."""
        try:
            self.last = await super().status()
        except DeviceError:
            return self.last
        return self.last


class StopsNothing(ToyTelescopes):
    """Acknowledge a stop without sending it."""

    async def stop(self) -> None:
        """Do nothing."""
        await self.ask("stop", "mount ?")


class SlewsQueue(ToyTelescopes):
    """Ask one question at a time."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.lock = asyncio.Lock()

    async def ask(self, verb: str, line: str) -> list[str]:
        """Wait for all questions before."""
        async with self.lock:
            return await super().ask(verb, line)


class MaskDoesNotWait(ToyFibsel):
    """Return from a move when it has begun."""

    async def move(self, steps: int) -> None:
        """Begin alone."""
        await self.ask("move", f"mask move {steps}")


class MaskTellsItsTarget(ToyFibsel):
    """Tell where the mask was sent to."""

    sent: int | None = None

    async def move(self, steps: int) -> None:
        """Remember."""
        self.sent = steps
        await super().move(steps)

    async def status(self) -> FibreStatus:
        """Believe the memory of places."""
        return FibreStatus(self.sent, moving=(await super().status()).moving)


class MaskIsAtZero(ToyFibsel):
    """Call a mask that can't be read at zero."""

    async def status(self) -> FibreStatus:
        """Make a number up."""
        try:
            return await super().status()
        except DeviceError:
            return FibreStatus(0, moving=False)


class MaskStopsLate(ToyFibsel):
    """Let a move end before it is stopped."""

    async def stop(self) -> None:
        """Wait for the end."""
        while (await self.status()).moving:
            await self.clock.sleep(LOOK_S)
        await super().stop()


class MaskIgnoresCancellation(ToyFibsel):
    """Go on waiting for a move that was cancelled."""

    async def move(self, steps: int) -> None:
        """Shield."""
        task = asyncio.ensure_future(super().move(steps))
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                continue


class WheelsDoNotWait(ToySelectors):
    """Return when the moves have begun."""

    async def move(self, targets: Mapping[str, str]) -> None:
        """Do not wait."""
        for name, position in targets.items():
            await self.ask("move", f"wheel move {name} {position}")


class WheelsMoveTogether(ToySelectors):
    """Move wheels that are not named as well."""

    async def move(self, targets: Mapping[str, str]) -> None:
        """Give every wheel a target."""
        await super().move({name: targets.get(name, positions[-1]) for name, positions in WHEELS.items()})


class WheelsTellTheirTarget(ToySelectors):
    """Believe the last command."""

    sent: Mapping[str, str] | None = None

    async def move(self, targets: Mapping[str, str]) -> None:
        """Remember."""
        self.sent = targets
        await super().move(targets)

    async def status(self) -> Mapping[str, SelectorStatus]:
        """Believe the memory."""
        found = await super().status()
        told = self.sent or {}
        return {name: SelectorStatus(told.get(name, each.position), moving=each.moving) for name, each in found.items()}


class WheelsAreAtTheFirst(ToySelectors):
    """Call wheels that can't be read at their first position."""

    async def status(self) -> Mapping[str, SelectorStatus]:
        """Make positions up."""
        try:
            return await super().status()
        except DeviceError:
            return {name: SelectorStatus(positions[0], moving=False) for name, positions in WHEELS.items()}


class WheelsTakeAnyName(ToySelectors):
    """Leave the check of names to the hardware, which has moved other wheels by then."""

    async def move(self, targets: Mapping[str, str]) -> None:
        """Check nothing."""
        for name, position in targets.items():
            await self.ask("move", f"wheel move {name} {position}")
        while any(seen.moving for seen in (await self.status()).values()):
            await self.clock.sleep(LOOK_S)


class WheelsStopNothing(ToySelectors):
    """Send no stop."""

    async def stop(self) -> None:
        """Do nothing."""


class CallsUnreadableIdle(ToySpectrographs):
    """Call spectrographs idle and closed that can't be read."""

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Lie."""
        try:
            return await super().status()
        except DeviceError:
            return dict.fromkeys(UNITS, SpectrographStatus("idle", "closed", 0))


class CountsSeconds(ToySpectrographs):
    """Count the seconds of an exposure without watching it."""

    async def expose(self, order: ExposureOrder) -> int:
        """Sleep."""
        flavour = "arc" if order.opens_shutter else order.flavour
        answer = await self.ask("expose", f"spec expose {flavour} {order.exposure_s}")
        await self.clock.sleep(order.exposure_s + LOOK_S)
        self.held = (int(answer[0]) if answer else 1, order.name)
        return self.held[0]

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Believe that there is a charge."""
        found = await super().status()
        return dict.fromkeys(UNITS, SpectrographStatus("holding", "closed", self.held[0])) if self.held else found


class WritesInPlace(ToySpectrographs):
    """Write files under their names, and read the second half afterwards."""

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Begin the file before the pixels are there."""
        if self.held is None:
            raise DeviceFailed("nothing to read", device="toy", verb="read_out")
        path = folder / f"{self.held[0]:08d}-{self.held[1]}-b1.fits"
        with suppress(OSError):
            path.write_bytes(b"SIMPLE  =                    T" + b" " * 50)
        return await super().read_out(header, folder)


class LeaksOSError(ToySpectrographs):
    """Let errors of the disk through."""

    def write(
        self, file: Path, pixels: "np.ndarray[tuple[int], np.dtype[np.uint16]]", header: Mapping[str, object]
    ) -> None:
        """Raise what the system raises, as something else than OSError is raised past the driver."""
        try:
            super().write(file, pixels, header)
        except OSError as error:
            raise RuntimeError(str(error)) from error


class DropsTheHeader(ToySpectrographs):
    """Leave cards out."""

    def write(
        self, file: Path, pixels: "np.ndarray[tuple[int], np.dtype[np.uint16]]", header: Mapping[str, object]
    ) -> None:
        """Write the texts alone."""
        super().write(file, pixels, {key: value for key, value in header.items() if isinstance(value, str)})


class LeavesPartsBehind(ToySpectrographs):
    """Leave temporary files behind."""

    def write(
        self, file: Path, pixels: "np.ndarray[tuple[int], np.dtype[np.uint16]]", header: Mapping[str, object]
    ) -> None:
        """Copy instead of renaming."""
        super().write(file, pixels, header)
        fits.PrimaryHDU(pixels).writeto(file.with_suffix(".part"))


class BelievesAbort(ToySpectrographs):
    """Take the shutter as closed after an abort."""

    aborted = False

    async def abort(self) -> None:
        """Do not read back."""
        await self.ask("abort", "spec abort")
        self.aborted = True

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Believe the abort."""
        found = await super().status()
        return dict.fromkeys(UNITS, SpectrographStatus("idle", "closed", 0)) if self.aborted else found


class OpensForDarks(ToySpectrographs):
    """Open the shutter for every exposure."""

    async def expose(self, order: ExposureOrder) -> int:
        """Forget the flavour."""
        return await super().expose(ExposureOrder("arc", order.exposure_s, order.name))


class NumbersOfItsOwn(ToySpectrographs):
    """Count exposures in the process."""

    count = 0

    async def expose(self, order: ExposureOrder) -> int:
        """Count."""
        await super().expose(order)
        self.count += 1
        return self.count


class AbortQueues(ToySpectrographs):
    """Ask one question at a time."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.lock = asyncio.Lock()

    async def ask(self, verb: str, line: str) -> list[str]:
        """Wait for all questions before."""
        async with self.lock:
            return await super().ask(verb, line)


class AbortSwallows(ToySpectrographs):
    """Call an abort a success whatever happens."""

    async def abort(self) -> None:
        """Catch all errors."""
        try:
            await super().abort()
        except DeviceError:
            return


async def _raw(driver: Line, line: str) -> str:
    """Ask without a look at the answer."""
    async with driver.clock.timeout(driver.deadline_s):
        reader, writer = await asyncio.open_connection("127.0.0.1", driver.port)
        try:
            writer.write(f"{line}\n".encode())
            return (await reader.readline()).decode("ascii", "replace")
        finally:
            writer.close()


def _checked(answer: list[str], verb: str) -> list[str]:
    if answer[:1] != ["OK"] or answer[-1] != ".":
        raise DeviceError(f"said {answer!r}", device="toy", verb=verb)
    return answer[1:-1]
