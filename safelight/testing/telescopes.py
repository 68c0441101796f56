"""Contract of `Telescopes`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from safelight.devices.errors import DeviceFailed
from safelight.devices.protocols import AltAz, Telescopes, TelescopeStatus
from safelight.devices.timing import separation_deg
from safelight.testing.contract import Contract, Scene, demand, each
from safelight.testing.standins import TROUBLES, UNANSWERED, StandIn, Trouble

__all__ = ["TelescopeContract", "TelescopeStandIn"]


class TelescopeStandIn(StandIn):
    """Stand-in for telescopes."""

    def where(self) -> Mapping[str, AltAz]:
        """Return the true direction of each telescope."""
        raise NotImplementedError


class TelescopeContract(Contract[Telescopes, TelescopeStandIn]):
    """Demands on a driver of telescopes.

    Attributes:
        rest: initial direction of the tests.
        target: direction of their slews; a slew takes seconds.
        tolerance_deg: largest accepted distance from a target, degrees.
    """

    rest: ClassVar[AltAz] = AltAz(40.0, 100.0)
    target: ClassVar[AltAz] = AltAz(70.0, 160.0)
    tolerance_deg: ClassVar[float] = 0.1

    protocol: ClassVar[type] = Telescopes
    acting: ClassVar[tuple[str, ...]] = ("goto", "stop")
    verbs: ClassVar[tuple[str, ...]] = ("goto", "stop", "status")
    lasting: ClassVar[frozenset[str]] = frozenset({"goto"})

    def call(self, driver: Telescopes, verb: str, home: Path) -> Awaitable[Any]:  # noqa: ARG002 - no folder is needed
        """Begin a verb. All telescopes slew to the target."""
        calls: dict[str, Any] = {"goto": lambda: driver.goto(dict.fromkeys(driver.names, self.target))}
        calls |= {"stop": driver.stop, "status": driver.status}
        result: Awaitable[Any] = calls[verb]()
        return result

    async def prepare(self, scene: Scene[Telescopes, TelescopeStandIn], verb: str) -> None:  # noqa: ARG002
        """Point all telescopes to rest."""
        await scene.must("goto", scene.driver.goto(dict.fromkeys(scene.driver.names, self.rest)))

    async def settle(self, scene: Scene[Telescopes, TelescopeStandIn]) -> None:
        """Demand that telescopes stop, and are read where they are."""
        await scene.recovered()
        await scene.at_last("stop", scene.driver.stop)
        await self._reads_the_truth(scene)

    async def _reads_the_truth(self, scene: Scene[Telescopes, TelescopeStandIn]) -> None:
        found = await scene.recovered()
        true = scene.hardware.where()
        demand(set(found) == set(scene.driver.names), f"status names {sorted(found)}, not {scene.driver.names}")
        for name, each_one in found.items():
            demand(self._near(each_one, true[name]), f"status calls {name} {each_one}, and it is at {true[name]}")
            demand(not each_one.slewing, f"status calls {name} slewing, and it is at rest")

    def _near(self, seen: TelescopeStatus, to: AltAz) -> bool:
        return seen.where is not None and separation_deg(seen.where, to) <= self.tolerance_deg

    def _stood(self, first: TelescopeStatus, then: TelescopeStatus) -> bool:
        """Compare two readings of a telescope at rest. Coordinates that are converted differ a little each time."""
        if first.where is None or then.where is None or first.slewing or then.slewing:
            return False
        return separation_deg(first.where, then.where) <= self.tolerance_deg / 10.0

    # ---- healthy

    def test_a_slew_arrives(self, tmp_path: Path) -> None:
        """Demand that every telescope is at its target, and is read there at rest, when goto returns."""

        async def scene(it: Scene[Telescopes, TelescopeStandIn]) -> None:
            for to in (self.rest, self.target):
                await it.must("goto", it.driver.goto(dict.fromkeys(it.driver.names, to)))
                for name, where in it.hardware.where().items():
                    words = f"goto returned, and {name} is at {where}, not at {to}"
                    demand(separation_deg(where, to) <= self.tolerance_deg, words)
                await self._reads_the_truth(it)

        self.play(scene, tmp_path)

    def test_a_slew_under_way_is_read(self, tmp_path: Path) -> None:
        """Demand that status reports slewing telescopes as slewing and not at their target."""

        async def scene(it: Scene[Telescopes, TelescopeStandIn]) -> None:
            await self.prepare(it, "goto")
            slew = asyncio.ensure_future(self.call(it.driver, "goto", tmp_path))
            slewing: set[str] = set()
            while not slew.done() and slewing != set(it.driver.names):
                for name, seen in (await it.must("status", it.driver.status())).items():
                    slewing |= {name} if seen.slewing and not self._near(seen, self.target) else set()
                await it.clock.sleep(self.begin_s / 4)
            demand(slewing, "status called no telescope slewing during a slew")
            await it.cancel("goto", slew, after_s=0.0)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_stop_stops(self, tmp_path: Path) -> None:
        """Demand that after stop the telescopes stay short of their target, and are read there."""

        async def scene(it: Scene[Telescopes, TelescopeStandIn]) -> None:
            await self.prepare(it, "stop")
            await it.cancel("goto", self.call(it.driver, "goto", tmp_path))
            await it.must("stop", it.driver.stop())
            first = await it.must("status", it.driver.status())
            await it.clock.sleep(self.begin_s)
            await self._reads_the_truth(it)
            for name, seen in (await it.must("status", it.driver.status())).items():
                demand(self._stood(first[name], seen), f"{name} moved after stop, from {first[name]} to {seen}")
            for name in it.driver.names:
                demand(not self._near(first[name], self.target), f"{name} was stopped, and is at its target")

        self.play(scene, tmp_path)

    def test_an_unknown_telescope_is_refused(self, tmp_path: Path) -> None:
        """Demand that an unknown telescope is refused, and nothing moves."""

        async def scene(it: Scene[Telescopes, TelescopeStandIn]) -> None:
            await self.prepare(it, "goto")
            before = it.hardware.where()
            work = it.driver.goto({it.driver.names[0]: self.target, "no such telescope": self.target})
            outcome = await it.attempt("goto", work, lasting=True)
            demand(isinstance(outcome.error, DeviceFailed), f"an unknown telescope gave {outcome}, not DeviceFailed")
            demand(it.hardware.where() == before, "a telescope moved although the command was refused")

        self.play(scene, tmp_path)

    # ---- in trouble

    @each(trouble="troubles")
    def test_status_believes_no_memory(self, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that in trouble a telescope's position is None, or status raises `DeviceError`."""

        async def scene(it: Scene[Telescopes, TelescopeStandIn]) -> None:
            await self.prepare(it, "status")
            await it.must("status", it.driver.status())
            await it.bring_about(trouble)
            outcome = await it.attempt("status", it.driver.status())
            found = {} if outcome.value is None else outcome.value
            for name, seen in found.items():
                known = seen.where is not None
                words = f"status says that {name} is at {seen.where} while {TROUBLES[trouble]}; expected None"
                demand(not known or trouble not in UNANSWERED, words)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_an_acknowledgement_is_not_believed(self, tmp_path: Path) -> None:
        """Demand that status is true after a slew that was acknowledged and not done."""

        async def scene(it: Scene[Telescopes, TelescopeStandIn]) -> None:
            await self.prepare(it, "goto")
            await it.bring_about("not_done")
            await it.attempt("goto", self.call(it.driver, "goto", tmp_path), lasting=True)
            await self._reads_the_truth(it)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_stop_goes_out_beside_a_read_that_hangs(self, tmp_path: Path) -> None:
        """Demand that a stop does not wait for a status without an answer."""

        async def scene(it: Scene[Telescopes, TelescopeStandIn]) -> None:
            await self.prepare(it, "stop")
            await it.cancel("goto", self.call(it.driver, "goto", tmp_path))
            await it.beside_a_hung_read("stop", Standing(it))
            for name, where in it.hardware.where().items():
                words = f"stop did not go out before the slew of {name} had ended"
                demand(separation_deg(where, self.target) > self.tolerance_deg, words)
            await self.settle(it)

        self.play(scene, tmp_path)


class Standing:
    """Condition that the telescopes rest: they are where they were at the last call."""

    def __init__(self, scene: Scene[Telescopes, TelescopeStandIn]) -> None:
        self._hardware = scene.hardware
        self._before: Mapping[str, AltAz] | None = None

    def __call__(self) -> bool:
        """Compare with the last call."""
        before, self._before = self._before, dict(self._hardware.where())
        return self._before == before
