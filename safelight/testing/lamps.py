"""Contract of `Lamps`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from safelight.devices.errors import DeviceFailed
from safelight.devices.protocols import Lamps, LampState
from safelight.testing.contract import Contract, Scene, demand, each
from safelight.testing.standins import TROUBLES, UNANSWERED, StandIn, Trouble

__all__ = ["LampContract", "LampStandIn"]


class LampStandIn(StandIn):
    """Stand-in for lamps on a switch."""

    def lit(self) -> set[str]:
        """Return the lamps that are really on, independent of any report."""
        raise NotImplementedError

    async def switch(self, lamp: str, *, on: bool) -> None:
        """Switch a lamp as another program would, without the driver. It works in every trouble."""
        raise NotImplementedError


class LampContract(Contract[Lamps, LampStandIn]):
    """Demands on a driver of lamps: above all, that no lamp is reported off that may be on."""

    protocol: ClassVar[type] = Lamps
    acting: ClassVar[tuple[str, ...]] = ("on", "off", "all_off")
    verbs: ClassVar[tuple[str, ...]] = ("on", "off", "all_off", "status")
    darkening: ClassVar[tuple[str, ...]] = ("off", "all_off")
    lighting: ClassVar[tuple[str, ...]] = ("on", "off")

    def call(self, driver: Lamps, verb: str, home: Path) -> Awaitable[Any]:  # noqa: ARG002 - lamps need no folder
        """Begin a verb on the last lamp."""
        lamp = driver.names[-1]
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "on": lambda: driver.on(lamp),
            "off": lambda: driver.off(lamp),
        }
        calls |= {"all_off": driver.all_off, "status": driver.status}
        return calls[verb]()

    async def prepare(self, scene: Scene[Lamps, LampStandIn], verb: str) -> None:
        """Light the last lamp without the driver, unless the verb has to light it."""
        await scene.recovered()
        if verb != "on":
            await scene.hardware.switch(scene.driver.names[-1], on=True)

    async def settle(self, scene: Scene[Lamps, LampStandIn]) -> None:
        """Demand that lamps are read truthfully, and go off."""
        await scene.recovered()
        await scene.at_last("all_off", scene.driver.all_off)
        await scene.until(lambda: not scene.hardware.lit(), "all_off succeeded and left lamps lit")
        await _reads(scene, {})

    # ---- healthy

    def test_a_lamp_goes_on_and_off(self, tmp_path: Path) -> None:
        """Demand that a lamp goes on and off by its commands alone, and is read so."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            for lamp in it.driver.names:
                await it.must("on", it.driver.on(lamp))
                await _lit(it, {lamp}, f"on({lamp!r}) did not light it alone")
                await _reads(it, {lamp: "on"})
                await it.must("off", it.driver.off(lamp))
                await it.until(lambda: not it.hardware.lit(), f"off({lamp!r}) left a lamp lit")
                await _reads(it, {})

        self.play(scene, tmp_path)

    @each(verb="darkening")
    def test_off_is_always_sent(self, verb: str, tmp_path: Path) -> None:
        """Demand that an off is sent to a lamp that is believed to be off: another program may have lit it."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            lamp = it.driver.names[-1]
            for _ in range(2):
                await it.must("off", it.driver.off(lamp))
                await _reads(it, {})
            await it.hardware.switch(lamp, on=True)
            await it.must(verb, self.call(it.driver, verb, tmp_path))
            await it.until(lambda: not it.hardware.lit(), f"{verb} was not sent for a lamp that was believed to be off")

        self.play(scene, tmp_path)

    def test_on_is_always_sent(self, tmp_path: Path) -> None:
        """Demand that an on is sent to a lamp that is believed to be on: another program may have switched it off."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            lamp = it.driver.names[-1]
            await it.must("on", it.driver.on(lamp))
            await it.hardware.switch(lamp, on=False)
            await it.must("on", it.driver.on(lamp))
            await it.until(lambda: it.hardware.lit() == {lamp}, "on was not sent for a lamp that was believed to be on")

        self.play(scene, tmp_path)

    def test_all_off_darkens_all(self, tmp_path: Path) -> None:
        """Demand that several lit lamps all go off with one command."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            names = it.driver.names
            await it.must("on", asyncio.gather(*(it.driver.on(lamp) for lamp in names)))
            await it.until(
                lambda: it.hardware.lit() == set(names), "lamps commanded on at the same time are not all lit"
            )
            await _reads(it, dict.fromkeys(names, "on"))
            await it.must("all_off", it.driver.all_off())
            await it.until(lambda: not it.hardware.lit(), "all_off left lamps lit")
            await _reads(it, {})

        self.play(scene, tmp_path)

    def test_what_others_switch_is_read(self, tmp_path: Path) -> None:
        """Demand that a driver reads the switch, not its memory: another process may have switched a lamp."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            lamp = it.driver.names[0]
            await it.must("off", it.driver.off(lamp))
            async with it.another() as other:
                await it.must("on", other.on(lamp))
            await _reads(it, {lamp: "on"})
            await it.hardware.switch(lamp, on=False)
            await _reads(it, {})

        self.play(scene, tmp_path)

    def test_an_unknown_lamp_is_refused(self, tmp_path: Path) -> None:
        """Demand that an unknown lamp is refused, and nothing is switched."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            for verb in (it.driver.on, it.driver.off):
                outcome = await it.attempt(verb.__name__, verb("no such lamp"))
                words = f"{verb.__name__} of an unknown lamp gave {outcome}, not DeviceFailed"
                demand(isinstance(outcome.error, DeviceFailed), words)
            demand(not it.hardware.lit(), "a lamp was lit by an unknown name")

        self.play(scene, tmp_path)

    # ---- in trouble

    @each(trouble="troubles")
    def test_status_calls_no_lit_lamp_off(self, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that in trouble a lamp is `unknown`, or status raises `DeviceError`, instead of using memory."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            lamp = it.driver.names[-1]
            await it.must("off", it.driver.off(lamp))
            await _reads(it, {})
            await it.hardware.switch(lamp, on=True)
            await it.bring_about(trouble)
            outcome = await it.attempt("status", it.driver.status())
            for name, state in ({} if outcome.value is None else outcome.value).items():
                true: LampState = "on" if name == lamp else "off"
                # A part of an answer may be true. Without any valid answer, nothing can be known.
                allowed = {"unknown"} if trouble in UNANSWERED - {"cut"} else {"unknown", true}
                words = (
                    f"status calls {name} {state} while {TROUBLES[trouble]}; the lamp is {true}, demanded is unknown"
                )
                demand(state in allowed, words)
            await it.bring_about(None)
            await it.recovered()
            await _reads(it, {lamp: "on"})

        self.play(scene, tmp_path)

    @each(verb="lighting", trouble="troubles")
    def test_failed_means_not_done(self, verb: str, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that `DeviceFailed` is raised only if nothing was done, and `DeviceUnknown` otherwise."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            await self.prepare(it, verb)
            before = it.hardware.lit()
            await it.bring_about(trouble)
            outcome = await it.attempt(verb, self.call(it.driver, verb, tmp_path))
            await it.bring_about(None)
            await it.recovered()
            done = it.hardware.lit() != before
            words = f"{verb} raised {outcome.error!r}, which says that nothing was done, and the lamp was switched"
            demand(not (done and isinstance(outcome.error, DeviceFailed)), words)

        self.play(scene, tmp_path)

    @each(verb="acting")
    def test_an_acknowledgement_is_not_believed(self, verb: str, tmp_path: Path) -> None:
        """Demand that status is true after a command that was acknowledged and not done."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            await self.prepare(it, verb)
            await it.bring_about("not_done")
            await it.attempt(verb, self.call(it.driver, verb, tmp_path))
            lit = it.hardware.lit()
            await _reads(it, dict.fromkeys(lit, "on"))
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    @each(verb="darkening")
    def test_off_goes_out_beside_a_read_that_hangs(self, verb: str, tmp_path: Path) -> None:
        """Demand that an off does not wait for a status without an answer."""

        async def scene(it: Scene[Lamps, LampStandIn]) -> None:
            await self.prepare(it, verb)
            await it.beside_a_hung_read(verb, lambda: not it.hardware.lit())
            await self.settle(it)

        self.play(scene, tmp_path)


async def _lit(scene: Scene[Lamps, LampStandIn], lamps: set[str], words: str) -> None:
    """Wait until exactly these lamps are on."""
    await scene.until(lambda: scene.hardware.lit() == lamps, words)


async def _reads(scene: Scene[Lamps, LampStandIn], lit: Mapping[str, LampState]) -> None:
    """Demand that status contains every lamp: the given ones as on, all others as off."""
    wanted = dict.fromkeys(scene.driver.names, "off") | dict(lit)
    found = await scene.recovered()
    demand(dict(found) == wanted, f"status says {dict(found)}, and the truth is {wanted}")
