"""Contract of `FibreSelector`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, ClassVar

from safelight.devices.protocols import FibreSelector, FibreStatus
from safelight.testing.contract import Contract, Scene, demand, each
from safelight.testing.standins import TROUBLES, UNANSWERED, StandIn, Trouble

__all__ = ["FibreSelectorContract", "FibreSelectorStandIn"]


class FibreSelectorStandIn(StandIn):
    """Stand-in for the motor of a fibre mask."""

    def steps(self) -> int:
        """Return the true position of the mask, in motor steps."""
        raise NotImplementedError


class FibreSelectorContract(Contract[FibreSelector, FibreSelectorStandIn]):
    """Demands on a driver of a fibre selector.

    Attributes:
        rest: initial position of the tests, motor steps.
        target: position of their moves, motor steps; a move takes seconds.
        tolerance: largest accepted distance from a target, motor steps.
    """

    rest: ClassVar[int] = 1000
    target: ClassVar[int] = 9000
    tolerance: ClassVar[int] = 1

    protocol: ClassVar[type] = FibreSelector
    acting: ClassVar[tuple[str, ...]] = ("move", "stop")
    verbs: ClassVar[tuple[str, ...]] = ("move", "stop", "status")
    lasting: ClassVar[frozenset[str]] = frozenset({"move"})

    def call(self, driver: FibreSelector, verb: str, home: Path) -> Awaitable[Any]:  # noqa: ARG002 - no folder is needed
        """Begin a verb. The mask moves to the target."""
        calls: dict[str, Any] = {"move": lambda: driver.move(self.target), "stop": driver.stop, "status": driver.status}
        result: Awaitable[Any] = calls[verb]()
        return result

    async def prepare(self, scene: Scene[FibreSelector, FibreSelectorStandIn], verb: str) -> None:  # noqa: ARG002
        """Move the mask to rest."""
        await scene.must("move", scene.driver.move(self.rest))

    async def settle(self, scene: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
        """Demand that the mask stops, and is read where it is."""
        await scene.recovered()
        await scene.at_last("stop", scene.driver.stop)
        await self._reads_the_truth(scene)

    async def _reads_the_truth(self, scene: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
        found: FibreStatus = await scene.recovered()
        true = scene.hardware.steps()
        near = found.steps is not None and abs(found.steps - true) <= self.tolerance
        demand(near, f"status says {found}, and the mask is at {true} steps")
        demand(not found.moving, "status calls the mask moving, and it is at rest")

    # ---- healthy

    def test_a_move_arrives(self, tmp_path: Path) -> None:
        """Demand that the mask is at its target, and is read there at rest, when move returns."""

        async def scene(it: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
            for to in (self.rest, self.target, self.rest):
                await it.must("move", it.driver.move(to))
                words = f"move returned, and the mask is at {it.hardware.steps()} steps, not at {to}"
                demand(abs(it.hardware.steps() - to) <= self.tolerance, words)
                await self._reads_the_truth(it)

        self.play(scene, tmp_path)

    def test_a_move_under_way_is_read(self, tmp_path: Path) -> None:
        """Demand that status calls a moving mask moving."""

        async def scene(it: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
            await self.prepare(it, "move")
            move = asyncio.ensure_future(it.driver.move(self.target))
            await it.clock.sleep(self.begin_s)
            seen = await it.must("status", it.driver.status())
            demand(not move.done(), "a move was over at once: choose a farther target")
            demand(seen.moving, f"status says {seen} while the mask moves")
            await it.cancel("move", move, after_s=0.0)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_stop_stops(self, tmp_path: Path) -> None:
        """Demand that after stop the mask stays short of its target, and is read there."""

        async def scene(it: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
            await self.prepare(it, "stop")
            await it.cancel("move", it.driver.move(self.target))
            await it.must("stop", it.driver.stop())
            await self._reads_the_truth(it)
            first = it.hardware.steps()
            demand(abs(first - self.target) > self.tolerance, "the mask was stopped, and is at its target")
            await it.clock.sleep(self.begin_s)
            demand(it.hardware.steps() == first, "the mask moved after stop")

        self.play(scene, tmp_path)

    # ---- in trouble

    @each(trouble="troubles")
    def test_status_believes_no_memory(self, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that in trouble the position is None, or status raises `DeviceError`."""

        async def scene(it: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
            await self.prepare(it, "status")
            await it.must("status", it.driver.status())
            await it.bring_about(trouble)
            outcome = await it.attempt("status", it.driver.status())
            known = outcome.value is not None and outcome.value.steps is not None
            words = f"status says {outcome.value} while {TROUBLES[trouble]}; expected steps to be None"
            demand(not known or trouble not in UNANSWERED, words)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_an_acknowledgement_is_not_believed(self, tmp_path: Path) -> None:
        """Demand that status is true after a move that was acknowledged and not done."""

        async def scene(it: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
            await self.prepare(it, "move")
            await it.bring_about("not_done")
            await it.attempt("move", it.driver.move(self.target), lasting=True)
            await self._reads_the_truth(it)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_stop_goes_out_beside_a_read_that_hangs(self, tmp_path: Path) -> None:
        """Demand that a stop does not wait for a status without an answer."""

        async def scene(it: Scene[FibreSelector, FibreSelectorStandIn]) -> None:
            await self.prepare(it, "stop")
            await it.cancel("move", it.driver.move(self.target))
            seen: list[int] = []

            def stands() -> bool:
                seen.append(it.hardware.steps())
                return seen[-1:] == seen[-2:-1]

            await it.beside_a_hung_read("stop", stands)
            demand(abs(seen[-1] - self.target) > self.tolerance, "stop did not go out before the move had ended")
            await self.settle(it)

        self.play(scene, tmp_path)
