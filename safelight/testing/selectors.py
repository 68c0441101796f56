"""Contract of `Selectors`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from safelight.devices.errors import DeviceFailed
from safelight.devices.protocols import Selectors, SelectorStatus
from safelight.testing.contract import Contract, Scene, demand, each
from safelight.testing.standins import TROUBLES, UNANSWERED, StandIn, Trouble

__all__ = ["SelectorContract", "SelectorStandIn"]


class SelectorStandIn(StandIn):
    """Stand-in for the motors of selectors."""

    def positions(self) -> Mapping[str, str | None]:
        """Return the true position of every selector, or None between two."""
        raise NotImplementedError

    def moving(self) -> set[str]:
        """Return the selectors that move."""
        raise NotImplementedError


class SelectorContract(Contract[Selectors, SelectorStandIn]):
    """Demands on a driver of selectors.

    Attributes:
        rest: initial position of every selector of the tests.
        target: position of their moves, different from `rest` for every selector. A move takes seconds.
        move_s: longest duration of a move, s.
        stops: whether a move can be stopped on its way. Where it can't, stop returns when nothing moves any more.
    """

    rest: ClassVar[Mapping[str, str]] = {}
    target: ClassVar[Mapping[str, str]] = {}
    move_s: ClassVar[float] = 10.0
    stops: ClassVar[bool] = True

    protocol: ClassVar[type] = Selectors
    acting: ClassVar[tuple[str, ...]] = ("move", "stop")
    verbs: ClassVar[tuple[str, ...]] = ("move", "stop", "status")
    lasting: ClassVar[frozenset[str]] = frozenset({"move"})

    def call(self, driver: Selectors, verb: str, home: Path) -> Awaitable[Any]:  # noqa: ARG002 - no folder is needed
        """Begin a verb. The selectors move to the target."""
        calls: dict[str, Any] = {"move": lambda: driver.move(self.target), "stop": driver.stop, "status": driver.status}
        result: Awaitable[Any] = calls[verb]()
        return result

    async def prepare(self, scene: Scene[Selectors, SelectorStandIn], verb: str) -> None:  # noqa: ARG002
        """Move every selector to rest."""
        await scene.must("move", scene.driver.move(self.rest))

    async def settle(self, scene: Scene[Selectors, SelectorStandIn]) -> None:
        """Demand that the selectors stop, and are read where they are."""
        await scene.recovered()
        await scene.at_last("stop", scene.driver.stop)
        await self._reads_the_truth(scene)

    async def _reads_the_truth(self, scene: Scene[Selectors, SelectorStandIn]) -> None:
        found: Mapping[str, SelectorStatus] = await scene.recovered()
        true = scene.hardware.positions()
        demand(set(found) == set(scene.driver.names), f"status names {sorted(found)}, not {scene.driver.names}")
        for name, seen in found.items():
            demand(seen.position == true[name], f"status calls {name} {seen}, and it is at {true[name]}")
            demand(not seen.moving, f"status calls {name} moving, and it is at rest")

    # ---- healthy

    def test_a_move_arrives(self, tmp_path: Path) -> None:
        """Demand that every selector is at its target, and is read there at rest, when move returns."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            for to in (self.rest, self.target, self.rest):
                await it.must("move", it.driver.move(to))
                for name, position in to.items():
                    true = it.hardware.positions()[name]
                    demand(true == position, f"move returned, and {name} is at {true}, not at {position}")
                await self._reads_the_truth(it)

        self.play(scene, tmp_path)

    def test_one_selector_moves_alone(self, tmp_path: Path) -> None:
        """Demand that a move leaves the selectors alone that it does not name."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            for name in it.driver.names:
                await self.prepare(it, "move")
                await it.must("move", it.driver.move({name: self.target[name]}))
                expected = {**self.rest, name: self.target[name]}
                true = dict(it.hardware.positions())
                demand(true == expected, f"after a move of {name} alone the selectors are at {true}, not at {expected}")
                await self._reads_the_truth(it)

        self.play(scene, tmp_path)

    def test_a_move_under_way_is_read(self, tmp_path: Path) -> None:
        """Demand that status reports moving selectors as moving and not at their target."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            await self.prepare(it, "move")
            move = asyncio.ensure_future(self.call(it.driver, "move", tmp_path))
            moving: set[str] = set()
            while not move.done() and moving != set(it.driver.names):
                for name, seen in (await it.must("status", it.driver.status())).items():
                    moving |= {name} if seen.moving and seen.position != self.target[name] else set()
                await it.clock.sleep(self.begin_s / 4)
            missing = [name for name in it.driver.names if name not in moving]
            demand(not missing, f"during a move status did not call moving, and short of its target: {missing}")
            await it.cancel("move", move, after_s=0.0)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_stop_stops(self, tmp_path: Path) -> None:
        """Demand that after stop the selectors stay short of their target, and are read there."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            await self.prepare(it, "stop")
            await it.cancel("move", self.call(it.driver, "move", tmp_path))
            await it.must("stop", it.driver.stop())
            demand(not it.hardware.moving(), f"stop returned, and {sorted(it.hardware.moving())} still moves")
            await self._reads_the_truth(it)
            self._demand_short(it)
            await it.clock.sleep(self.move_s)
            self._demand_short(it)

        self.play(scene, tmp_path)

    def _demand_short(self, it: Scene[Selectors, SelectorStandIn]) -> None:
        if not self.stops:
            return
        for name, position in it.hardware.positions().items():
            demand(position != self.target[name], f"{name} was stopped, and is at its target")

    def test_an_unknown_selector_is_refused(self, tmp_path: Path) -> None:
        """Demand that an unknown selector is refused, and nothing moves."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            name = it.driver.names[0]
            await self._refuses(it, {name: self.target[name], "no such selector": "in"})

        self.play(scene, tmp_path)

    def test_an_unknown_position_is_refused(self, tmp_path: Path) -> None:
        """Demand that an unknown position is refused, and nothing moves."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            await self._refuses(it, {**self.target, it.driver.names[-1]: "no such position"})

        self.play(scene, tmp_path)

    async def _refuses(self, it: Scene[Selectors, SelectorStandIn], targets: Mapping[str, str]) -> None:
        await self.prepare(it, "move")
        outcome = await it.attempt("move", it.driver.move(targets), lasting=True)
        demand(isinstance(outcome.error, DeviceFailed), f"a move to {targets} gave {outcome}, not DeviceFailed")
        demand(it.hardware.positions() == self.rest, "a selector moved although the command was refused")

    # ---- in trouble

    @each(trouble="troubles")
    def test_status_believes_no_memory(self, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that in trouble a selector's position is None, or status raises `DeviceError`."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            await self.prepare(it, "status")
            await it.must("status", it.driver.status())
            await it.bring_about(trouble)
            outcome = await it.attempt("status", it.driver.status())
            found: Mapping[str, SelectorStatus] = outcome.value or {}
            for name, seen in found.items():
                words = f"status says that {name} is at {seen.position} while {TROUBLES[trouble]}; expected None"
                demand(seen.position is None or trouble not in UNANSWERED, words)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_an_acknowledgement_is_not_believed(self, tmp_path: Path) -> None:
        """Demand that status is true after a move that was acknowledged and not done."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            await self.prepare(it, "move")
            await it.bring_about("not_done")
            await it.attempt("move", self.call(it.driver, "move", tmp_path), lasting=True)
            await self._reads_the_truth(it)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    def test_stop_goes_out_beside_a_read_that_hangs(self, tmp_path: Path) -> None:
        """Demand that a stop does not wait for a status without an answer."""

        async def scene(it: Scene[Selectors, SelectorStandIn]) -> None:
            await self.prepare(it, "stop")
            await it.cancel("move", self.call(it.driver, "move", tmp_path))
            await it.beside_a_hung_read("stop", lambda: not it.hardware.moving())
            self._demand_short(it)
            await self.settle(it)

        self.play(scene, tmp_path)
