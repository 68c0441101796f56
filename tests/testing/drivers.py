"""Right drivers for the small instrument. The mutants in `test_mutants.py` differ from them in one thing each."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

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
from safelight.engine.clock import Clock
from tests.testing.instrument import LAMPS, TELESCOPES, UNITS, WHEELS

LOOK_S = 0.05


class Line:
    """A connection for each question."""

    deadline_s = 1.8

    def __init__(self, port: int) -> None:
        self.port = port
        self.clock = Clock()

    async def ask(self, verb: str, line: str) -> list[str]:
        """Ask, and return the words of the answer."""
        sent = False
        try:
            async with self.clock.timeout(self.deadline_s):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    sent = True
                    writer.write(f"{line}\n".encode())
                    answer = (await reader.readline()).decode("ascii", "replace").split()
                finally:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()
        except (OSError, TimeoutError) as error:
            outcome = DeviceUnknown if sent else DeviceFailed
            raise outcome(f"no answer: {error!r}", device="toy", verb=verb) from error
        if answer[:1] == ["NO"]:
            raise DeviceFailed(f"refused {line!r}", device="toy", verb=verb)
        if answer[:1] != ["OK"] or answer[-1] != ".":
            raise DeviceUnknown(f"said {answer!r}", device="toy", verb=verb)
        return answer[1:-1]


class ToyLamps(Line):
    """Lamps."""

    names = LAMPS

    async def on(self, lamp: str) -> None:
        """Switch on."""
        self._known(lamp)
        await self.ask("on", f"lamp on {lamp}")

    async def off(self, lamp: str) -> None:
        """Switch off."""
        self._known(lamp)
        await self.ask("off", f"lamp off {lamp}")

    async def all_off(self) -> None:
        """Switch all off."""
        await self.ask("all_off", "lamp alloff")

    async def status(self) -> Mapping[str, LampState]:
        """Read all."""
        told = dict(word.split("=") for word in await self.ask("status", "lamp ?"))
        states: dict[str, LampState] = {"0": "off", "1": "on"}
        return {lamp: states.get(told.get(lamp, ""), "unknown") for lamp in LAMPS}

    def _known(self, lamp: str) -> None:
        if lamp not in LAMPS:
            raise DeviceFailed("no such lamp", device="toy", verb="on")


class ToyTelescopes(Line):
    """Telescopes."""

    names = TELESCOPES

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew, and wait until all have arrived."""
        if not set(targets) <= set(TELESCOPES):
            raise DeviceFailed("no such telescope", device="toy", verb="goto")
        for name, to in targets.items():
            await self.ask("goto", f"mount goto {name} {to.alt_deg} {to.az_deg}")
        while any(seen.slewing for seen in (await self.status()).values()):
            await self.clock.sleep(LOOK_S)

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Read all."""
        found = {}
        for word in await self.ask("status", "mount ?"):
            name, _, numbers = word.partition("=")
            alt, az, moving = map(float, numbers.split(","))
            found[name] = TelescopeStatus(AltAz(alt, az), slewing=bool(moving))
        return found

    async def stop(self) -> None:
        """Stop all."""
        await self.ask("stop", "mount stop")


class ToyFibsel(Line):
    """The mask."""

    async def move(self, steps: int) -> None:
        """Move, and wait until it has arrived."""
        await self.ask("move", f"mask move {steps}")
        while (await self.status()).moving:
            await self.clock.sleep(LOOK_S)

    async def status(self) -> FibreStatus:
        """Read the motor."""
        steps, moving = await self.ask("status", "mask ?")
        return FibreStatus(int(steps), moving=moving == "1")

    async def stop(self) -> None:
        """Stop."""
        await self.ask("stop", "mask stop")


class ToySelectors(Line):
    """Two wheels."""

    names = tuple(WHEELS)

    async def move(self, targets: Mapping[str, str]) -> None:
        """Move, and wait until all have arrived."""
        for name, position in targets.items():
            if position not in WHEELS.get(name, ()):
                raise DeviceFailed(f"no {position} of {name}", device="toy", verb="move")
        for name, position in targets.items():
            await self.ask("move", f"wheel move {name} {position}")
        while any(seen.moving for seen in (await self.status()).values()):
            await self.clock.sleep(LOOK_S)

    async def status(self) -> Mapping[str, SelectorStatus]:
        """Read all."""
        found = dict.fromkeys(WHEELS, SelectorStatus(None, moving=False))
        for word in await self.ask("status", "wheel ?"):
            name, _, told = word.partition("=")
            position, _, moving = told.partition(",")
            found[name] = SelectorStatus(None if position == "-" else position, moving=moving == "1")
        return found

    async def stop(self) -> None:
        """Stop all."""
        await self.ask("stop", "wheel stop")


class ToySpectrographs(Line):
    """Spectrographs with one camera each."""

    names = UNITS
    cameras = ("b1", "b2")

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.held: tuple[int, str] | None = None

    async def expose(self, order: ExposureOrder) -> int:
        """Integrate, and watch it."""
        flavour = "arc" if order.opens_shutter else order.flavour
        answer = await self.ask("expose", f"spec expose {flavour} {order.exposure_s}")
        began = self.clock.now()
        opened = not order.opens_shutter
        while True:
            seen = (await self.status())["sp1"]
            opened = opened or seen.shutter == "open"
            over = self.clock.now() - began > order.exposure_s
            if seen.activity == "holding" and over and opened and answer == [str(seen.exposure_no)]:
                self.held = (seen.exposure_no, order.name)
                return seen.exposure_no
            if seen.activity != "integrating" and not (seen.activity == "holding" and opened):
                raise DeviceFailed("does not integrate", device="toy", verb="expose")
            await self.clock.sleep(LOOK_S)

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Read, write under temporary names, rename."""
        if self.held is None:
            raise DeviceFailed("nothing to read", device="toy", verb="read_out")
        number, name = self.held
        pixels = np.array([int(word) for word in await self.ask("read_out", "spec read")], dtype=np.uint16)
        if not len(pixels):
            raise DeviceUnknown("no pixels", device="toy", verb="read_out")
        self.held = None
        files = tuple(folder / f"{number:08d}-{name}-{camera}.fits" for camera in self.cameras)
        try:
            for file in files:
                self.write(file, pixels, header)
        except OSError as error:
            raise DeviceFailed(f"{folder}: {error}", device="toy", verb="read_out") from error
        return files

    def write(
        self, file: Path, pixels: "np.ndarray[tuple[int], np.dtype[np.uint16]]", header: Mapping[str, object]
    ) -> None:
        """Write one file. It has its name when it is whole."""
        hdu = fits.PrimaryHDU(pixels)
        for key, value in header.items():
            hdu.header[key] = value
        temporary = file.with_suffix(".part")
        hdu.writeto(temporary, overwrite=True)
        temporary.rename(file)

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """Look into the folder."""
        return tuple(sorted(folder.glob(f"{exposure_no:08d}-*.fits")))

    async def abort(self) -> None:
        """Abort, and read the shutter back."""
        await self._clear("abort")

    async def reset(self) -> None:
        """Reset, and read the shutter back."""
        await self._clear("reset")

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Read both."""
        activity, shutter, number = await self.ask("status", "spec ?")
        return dict.fromkeys(UNITS, SpectrographStatus(activity, shutter, int(number)))  # type: ignore[arg-type]

    async def _clear(self, verb: str) -> None:
        await self.ask(verb, f"spec {verb}")
        self.held = None
        if (await self.status())["sp1"].shutter != "closed":
            raise DeviceError("the shutter does not close", device="toy", verb=verb)
