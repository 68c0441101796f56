"""Contract of `Spectrographs`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from safelight.devices.errors import DeviceFailed
from safelight.devices.protocols import ExposureOrder, Spectrographs, SpectrographStatus
from safelight.testing.contract import Contract, Scene, demand, each
from safelight.testing.standins import TROUBLES, UNANSWERED, StandIn, Trouble
from safelight.testing.whole_files import is_whole, leftovers

__all__ = ["SpectrographContract", "SpectrographStandIn"]

_HEADER: Mapping[str, object] = {"FRAMEID": ("arc-1", "frame"), "SEQNAME": "arcs", "N": 3, "T": True, "X": 1.5}


class SpectrographStandIn(StandIn):
    """Stand-in for spectrographs: detectors and shutters."""

    def open_shutters(self) -> set[str]:
        """Return the spectrographs whose shutter is really open."""
        raise NotImplementedError


class SpectrographContract(Contract[Spectrographs, SpectrographStandIn]):
    """Demands on a driver of spectrographs: no open shutter is reported closed, and no file is incomplete.

    Attributes:
        exposure_s: duration of exposures that run to their end, s.
        long_s: duration of exposures that are interrupted, s; longer than everything that happens meanwhile.
    """

    exposure_s: ClassVar[float] = 1.0
    long_s: ClassVar[float] = 60.0

    protocol: ClassVar[type] = Spectrographs
    acting: ClassVar[tuple[str, ...]] = ("expose", "read_out", "abort", "reset")
    verbs: ClassVar[tuple[str, ...]] = ("expose", "read_out", "abort", "reset", "status")
    lasting: ClassVar[frozenset[str]] = frozenset({"expose", "read_out"})
    dark: ClassVar[tuple[str, ...]] = ("bias", "dark")

    def call(self, driver: Spectrographs, verb: str, home: Path) -> Awaitable[Any]:
        """Begin a verb: an arc, or a readout into the folder."""
        arc = ExposureOrder("arc", self.exposure_s, "arc-001")
        calls: dict[str, Any] = {"expose": lambda: driver.expose(arc), "reset": driver.reset, "abort": driver.abort}
        calls |= {"read_out": lambda: driver.read_out(_HEADER, home), "status": driver.status}
        result: Awaitable[Any] = calls[verb]()
        return result

    async def prepare(self, scene: Scene[Spectrographs, SpectrographStandIn], verb: str) -> None:
        """Leave a charge for a readout, an open shutter for an abort, and rest for all other verbs."""
        await scene.recovered()
        if verb == "read_out":
            await scene.must("expose", self.call(scene.driver, "expose", Path()))
        elif verb == "abort":
            await self._open_up(scene)

    async def settle(self, scene: Scene[Spectrographs, SpectrographStandIn]) -> None:
        """Demand that an abort closes every shutter, and that status reports it."""
        await scene.recovered()
        await scene.at_last("abort", scene.driver.abort)
        left = scene.hardware.open_shutters()
        demand(not left, f"abort returned, and the shutter of {sorted(left)} is open")
        await _is(scene, "idle", "closed")

    async def _open_up(self, scene: Scene[Spectrographs, SpectrographStandIn]) -> None:
        """Begin a long exposure, and cancel it once its shutters are open. The detectors continue to integrate."""
        exposing = asyncio.ensure_future(scene.driver.expose(ExposureOrder("arc", self.long_s, "arc-long-001")))
        names = set(scene.driver.names)
        await scene.until(
            lambda: exposing.done() or scene.hardware.open_shutters() == names, "expose opened no shutter"
        )
        demand(not exposing.done(), "an exposure was over before its time")
        await scene.cancel("expose", exposing, after_s=0.0)

    # ---- healthy

    def test_an_exposure_becomes_files(self, tmp_path: Path) -> None:
        """Demand that the charge waits with shutters closed, and is read out into one whole file for each camera."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            specs = it.driver
            number = await it.must("expose", self.call(specs, "expose", tmp_path))
            demand(not it.hardware.open_shutters(), "expose returned with a shutter open")
            await _is(it, "holding", "closed", number)
            folder = tmp_path / "frames"
            folder.mkdir()
            files = await it.must("read_out", specs.read_out(_HEADER, folder))
            demand(
                len(files) == len(specs.cameras), f"read_out gave {len(files)} files for {len(specs.cameras)} cameras"
            )
            for file, camera in zip(files, specs.cameras, strict=True):
                demand(f"-{camera}" in file.name, f"{file.name} does not name its camera: demanded is -{camera}")
                demand(is_whole(file, _HEADER), f"{file.name} is not a whole FITS file with the header that was given")
            demand(
                specs.files_of(number, folder) == files, f"files_of({number}) does not name what read_out has written"
            )
            demand(not leftovers(folder), f"temporary files were left behind: {leftovers(folder)}")
            await _is(it, "idle", "closed", number)
            async with it.another() as other:
                found = set(other.files_of(number, folder))
                demand(found == set(files), f"another process finds {sorted(found)}, not the files of {number}")

        self.play(scene, tmp_path)

    def test_numbers_rise(self, tmp_path: Path) -> None:
        """Demand that every exposure has a higher number than all earlier ones, including aborted ones."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            numbers = []
            for _ in range(3):
                async with it.another() as driver:
                    numbers.append(await it.must("expose", driver.expose(ExposureOrder("bias", 0.0, "bias-001"))))
                    await it.must("abort", driver.abort())
            demand(numbers == sorted(set(numbers)), f"exposure numbers {numbers} do not rise")

        self.play(scene, tmp_path)

    @each(flavour="dark")
    def test_the_shutter_stays_closed(self, flavour: str, tmp_path: Path) -> None:
        """Demand that no shutter opens for a bias or a dark."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            exposure_s = 0.0 if flavour == "bias" else self.exposure_s
            exposing = asyncio.ensure_future(it.driver.expose(ExposureOrder(flavour, exposure_s, f"{flavour}-001")))
            while not exposing.done():
                demand(not it.hardware.open_shutters(), f"a shutter opened for a {flavour}")
                for name, seen in (await it.must("status", it.driver.status())).items():
                    demand(seen.shutter == "closed", f"status calls {name} {seen} during a {flavour}")
                await it.clock.sleep(self.exposure_s / 20)
            await it.must("expose", exposing)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_abort_closes_shutters(self, tmp_path: Path) -> None:
        """Demand that a cancelled exposure continues until abort, which closes the shutters and removes the charge."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            await self._open_up(it)
            await _is(it, "integrating", "open")
            await self.settle(it)
            outcome = await it.attempt("read_out", self.call(it.driver, "read_out", tmp_path))
            demand(
                isinstance(outcome.error, DeviceFailed), f"read_out without a charge gave {outcome}, not DeviceFailed"
            )
            await it.must("abort", it.driver.abort())
            await it.must("reset", it.driver.reset())
            await _is(it, "idle", "closed")

        self.play(scene, tmp_path)

    def test_an_exposure_that_others_abort_fails(self, tmp_path: Path) -> None:
        """Demand that an exposure that another process aborts raises `DeviceError` and returns no number."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            work = it.driver.expose(ExposureOrder("arc", 3 * self.exposure_s, "arc-001"))
            exposing = asyncio.ensure_future(work)
            await it.until(it.hardware.open_shutters, "expose opened no shutter")
            async with it.another() as other:
                await it.must("abort", other.abort())
            outcome = await it.attempt("expose", exposing, within_s=3 * self.exposure_s + self.bound_s)
            demand(outcome.error is not None, f"an exposure that was aborted gave the number {outcome.value}")
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_one_exposure_at_a_time(self, tmp_path: Path) -> None:
        """Demand that a second exposure is refused during one and while its charge waits, until reset removes it."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            work = it.driver.expose(ExposureOrder("arc", 3 * self.exposure_s, "arc-001"))
            exposing = asyncio.ensure_future(work)
            await it.until(it.hardware.open_shutters, "expose opened no shutter")
            for when in ("during another", "while a charge waits"):
                second = await it.attempt("expose", self.call(it.driver, "expose", tmp_path), lasting=True)
                demand(isinstance(second.error, DeviceFailed), f"an exposure {when} gave {second}, not DeviceFailed")
                await it.must("expose", exposing)
            await it.must("reset", it.driver.reset())
            await _is(it, "idle", "closed")

        self.play(scene, tmp_path)

    def test_a_folder_that_can_not_be_written(self, tmp_path: Path) -> None:
        """Demand that a readout into a read-only folder raises `DeviceError`, not an error of the system."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            await self.prepare(it, "read_out")
            (tmp_path / "file").touch()
            work = it.driver.read_out(_HEADER, tmp_path / "file" / "frames")
            outcome = await it.attempt("read_out", work, within_s=self.limit_s)
            demand(outcome.error is not None, "read_out into a place that can't be written reported success")
            await self.settle(it)

        self.play(scene, tmp_path)

    # ---- in trouble

    @each(trouble="troubles")
    def test_status_calls_no_open_shutter_closed(self, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that in trouble shutter and activity are `unknown`, or status raises, instead of using memory."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            await self.settle(it)
            await self._open_up(it)
            await it.bring_about(trouble)
            outcome = await it.attempt("status", it.driver.status())
            for name, seen in ({} if outcome.value is None else outcome.value).items():
                known = trouble not in UNANSWERED - {"cut"}
                words = f"status calls {name} {seen} while {TROUBLES[trouble]}; it integrates with its shutter open"
                demand(seen.shutter in ({"unknown", "open"} if known else {"unknown"}), words)
                demand(seen.activity in ({"unknown", "integrating"} if known else {"unknown"}), words)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    @each(trouble="troubles")
    def test_no_file_is_half(self, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that every file with its final name is whole, in any trouble of a readout."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            number = await it.must("expose", self.call(it.driver, "expose", tmp_path))
            folder = tmp_path / "frames"
            folder.mkdir()
            await it.bring_about(trouble)
            await it.attempt("read_out", it.driver.read_out(_HEADER, folder), lasting=True)
            for file in {*folder.glob("*.fits*"), *it.driver.files_of(number, folder)}:
                demand(is_whole(file), f"{file.name} has its name and is not whole, while {TROUBLES[trouble]}")
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_trouble_in_mid_exposure_is_reported(self, tmp_path: Path) -> None:
        """Demand that an exposure raises `DeviceError` or can be cancelled if the hardware is lost during it."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            await self.settle(it)
            exposing = asyncio.ensure_future(it.driver.expose(ExposureOrder("arc", self.exposure_s, "arc-001")))
            await it.until(it.hardware.open_shutters, "expose opened no shutter")
            await it.bring_about("unreachable")
            outcome = await it.attempt("expose", exposing, lasting=True)
            words = "expose gave a number although the hardware was unreachable when it ended"
            demand(outcome.error is not None or not outcome.ended, words)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_a_shutter_that_does_not_open(self, tmp_path: Path) -> None:
        """Demand that no shutter reads open and no charge is there if commands are acknowledged and not done."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            await self.settle(it)
            await it.bring_about("not_done")
            exposing = asyncio.ensure_future(self.call(it.driver, "expose", tmp_path))
            while not exposing.done():
                await _no_shutter_is_called(it, "open")
                await it.clock.sleep(self.exposure_s / 5)
            await it.attempt("expose", exposing)
            found = await it.must("status", it.driver.status())
            held = [name for name, seen in found.items() if seen.activity in {"integrating", "holding"}]
            demand(not held, f"status says that {held} hold a charge, and nothing was exposed")
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_a_shutter_that_does_not_close(self, tmp_path: Path) -> None:
        """Demand that an abort that is acknowledged and not done raises, or status reports the shutters open."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            await self._open_up(it)
            await it.bring_about("not_done")
            await it.attempt("abort", it.driver.abort())
            demand(it.hardware.open_shutters(), "the stand-in closed a shutter although it should do nothing")
            await _no_shutter_is_called(it, "closed")
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_abort_goes_out_beside_a_read_that_hangs(self, tmp_path: Path) -> None:
        """Demand that an abort closes the shutters while a status gets no answer."""

        async def scene(it: Scene[Spectrographs, SpectrographStandIn]) -> None:
            await self._open_up(it)
            await it.beside_a_hung_read("abort", lambda: not it.hardware.open_shutters())
            await self.settle(it)

        self.play(scene, tmp_path)


async def _is(
    scene: Scene[Spectrographs, SpectrographStandIn], activity: str, shutter: str, number: int | None = None
) -> None:
    """Demand that status reports this of every spectrograph."""
    found: Mapping[str, SpectrographStatus] = await scene.recovered()
    demand(tuple(found) == scene.driver.names, f"status names {sorted(found)}, not {scene.driver.names}")
    for name, seen in found.items():
        fits = (seen.activity, seen.shutter) == (activity, shutter) and number in {None, seen.exposure_no}
        which = "" if number is None else f" with the number {number}"
        demand(fits, f"status calls {name} {seen}; it is {activity} and {shutter}{which}")


async def _no_shutter_is_called(
    scene: Scene[Spectrographs, SpectrographStandIn], wrong: Literal["open", "closed"]
) -> None:
    """Demand that status reports no shutter wrongly."""
    outcome = await scene.attempt("status", scene.driver.status())
    true = "closed" if wrong == "open" else "open"
    for name, seen in ({} if outcome.value is None else outcome.value).items():
        demand(seen.shutter != wrong, f"status calls the shutter of {name} {wrong}, and it is {true}")
