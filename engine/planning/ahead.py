"""Lamps that are lit ahead of their frames, behind source shutters, while other frames are taken. Pure functions.

A lamp is lit in a block that has been compiled before, so that it is warm when its frame begins. All frames from there
on name the position of the selector that blocks it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from math import inf
from typing import Protocol

from safelight.devices.observatory.observatory import Observatory
from safelight.engine.planning.block_tree import exposures_of, steps_of, switches, with_needs
from safelight.engine.planning.durations import Durations
from safelight.engine.planning.graph_builder import Block, Chain, Lane, Parallel, Step, ends_of, lasts_s
from safelight.states import (
    Configure,
    Exposure,
    LampWarmup,
    Need,
    Wait,
    WaitDark,
    Work,
)

__all__ = ["Ahead", "Lit", "LitAhead"]

_LANE = "ahead"
"""Name of the lane in which lamps are lit ahead."""
_WORTH_S = 1.0
"""Shortest time that is worth a state of its own, s."""
_EARLIER_S = 60.0
"""How much earlier than necessary a lamp may be lit in any case, s."""
_EARLIER = 1.0
"""The same as a fraction of its warm-up, where it is not on for too long."""
_SLACK = 1.05
"""Factor on the expected on-time of a lamp that stays on, compared with the longest one."""


@dataclass(frozen=True, slots=True)
class Lit:
    """Lamp that is on.

    Attributes:
        on_s: for how long it has been on, s.
        waits_s: how long the next frame waits for other lamps, s.
    """

    on_s: float
    waits_s: float


@dataclass(frozen=True, slots=True)
class LitAhead:
    """Blocks in which a lamp is lit.

    Attributes:
        blocks: all blocks, with the lamp.
        exposures: frame -> its exposure, for those that name the lamp's source shutter now.
        passed_s: time from the lamp's command to the end of the blocks, s.
    """

    blocks: Sequence[Block]
    exposures: Mapping[str, Exposure]
    passed_s: float


class StepMaker(Protocol):
    """Function that makes a step with its deadline, from its id, its work and its expected and longest seconds."""

    def __call__(
        self, state_id: str, work: Work, expected_s: float, frame: str | None = None, longest_s: float = 0.0
    ) -> Step:
        """Return the step."""


class Ahead:
    """Lamps of an observatory that may be lit ahead.

    Args:
        observatory: its selectors and lamps.
        step: makes a step with its deadline.
    """

    def __init__(self, observatory: Observatory, step: StepMaker) -> None:
        self._shields = observatory.shields
        self._lamps = observatory.lamps
        self._tight = observatory.spectrographs.light_tight_shutter
        self._step = step
        self._stood: dict[str, Mapping[str, str]] = {}

    def blocks(self, lamps: tuple[str, ...]) -> bool:
        """Return whether each of these lamps may warm up behind a source shutter, and there is one."""
        return bool(lamps) and all(lamp in self._shields for lamp in lamps)

    def note(self, frame: str, places: Mapping[str, str]) -> None:
        """Note the known positions of selectors during a frame."""
        if self._shields:
            self._stood[frame] = dict(places)

    def bearing(self, exposure: Exposure, lit: tuple[str, ...]) -> Exposure:
        """Return an exposure that bears the lamps that stay on behind their source shutters."""
        for lamp in lit:
            if lamp in self._shields and lamp not in (*exposure.lamps, *exposure.need.bearable):
                need = self._bears(exposure, lamp, self._stood[exposure.frame])
                exposure = exposure if need is None else replace(exposure, need=need)
        return exposure

    def stays(
        self, lamp: str, coming: Iterable[Exposure], places: Mapping[str, str], lit: Lit, durations: Durations
    ) -> bool:
        """Return whether a lamp stays on until it is needed again, because it would hardly be off for that time.

        Args:
            lamp: that is on.
            coming: the frames that follow.
            places: position of each selector at present.
            lit: for how long it has been on.
            durations: of the observatory.
        """
        if lamp not in self._shields:
            return False
        unit = self._lamps.units[lamp]
        own_s, between_s, stood = 0.0, lit.waits_s, dict(places)
        longest_s = self._longest_s(lamp)
        for exposure in coming:
            mine = lamp in exposure.need.lamps
            stood |= dict(exposure.need.setup)
            if own_s and not mine:
                break
            if exposure.wait_s or not (mine or self._bears(exposure, lamp, stood)):
                # Its own frames may end before a wait.
                break
            takes_s = _takes_s(exposure, durations)
            longest_s = min(longest_s, exposure.rest[0]) if mine and exposure.rest else longest_s
            own_s, between_s = (own_s + takes_s, between_s) if mine else (own_s, between_s + takes_s)
            cold = [each for each in exposure.need.lamps if each not in self._shields]
            between_s += 0.0 if mine or not cold else durations.warmup_s(exposure.need, {})
            if between_s > unit.warmup_s + self._lamps.on_s:
                return False
        return own_s > 0.0 and _SLACK * (lit.on_s + between_s + own_s) <= longest_s

    def light(
        self, blocks: Sequence[Block], coming: Iterable[Exposure], lamp: str, early_s: float, durations: Durations
    ) -> LitAhead | None:
        """Light a lamp in the blocks before a frame. Return None if it can't be lit in any of them.

        Args:
            blocks: everything before the frame, up to the moment when nothing integrates any more.
            coming: the frame, and those that follow it.
            lamp: one of its lamps, which is off.
            early_s: how long before the end of the blocks it should be lit, s.
            durations: of the observatory.
        """
        own = list(takewhile(lambda each: lamp in each.need.lamps, coming))
        own_s = sum(_takes_s(each, durations) for each in own)
        spare_s = self._longest_s(lamp) / _SLACK - own_s - early_s
        most_s = early_s + max(0.0, min(_EARLIER_S + _EARLIER * early_s, spare_s))
        found = self._place(blocks, lamp, early_s, most_s) if early_s >= _WORTH_S else None
        if found is None:
            return None
        place, lit_s, needs = found
        rest = [with_needs(block, needs, lamp) for block in blocks[place:]]
        lit_s = min(lit_s, lasts_s(rest))
        first, waiting = rest[0], _after_a_wait(rest[0])
        strike, offset_s = self._strike(waiting or first, own[0], lamp), lasts_s(rest) - lit_s
        if isinstance(first, Parallel) and waiting is not None:
            rest[0] = self._after_the_wait(first, waiting, strike, offset_s)
        else:
            rest[0] = self._with_lamp(first, strike, offset_s)
        exposures = {each.frame: each for block in rest for each in exposures_of(block)}
        return LitAhead((*blocks[:place], *rest), exposures, lit_s)

    def _place(
        self, blocks: Sequence[Block], lamp: str, early_s: float, most_s: float
    ) -> tuple[int, float, dict[str, Need]] | None:
        """Return the block in which a lamp is lit, how long before the end, s, and the needs of frames from there on.

        It is the last block that is early enough, or else the first one that bears the lamp.
        """
        found: tuple[int, float, dict[str, Need]] | None = None
        needs: dict[str, Need] = {}
        passed_s = 0.0
        for place in range(len(blocks) - 1, -1, -1):
            waiting = _after_a_wait(blocks[place])
            block = waiting or blocks[place]
            borne = self._borne(block, lamp)
            if borne is None or passed_s > most_s:
                break
            begun_s, passed_s = passed_s, passed_s + lasts_s((block,))
            needs |= borne
            if waiting is not None or _takes_a_lane(block):
                found = place, max(begun_s + self._takes_s, min(passed_s, early_s)), dict(needs)
            if waiting is not None or (found is not None and found[0] == place and passed_s >= early_s):
                # All lamps are off before a wait.
                break
        return found

    def _longest_s(self, lamp: str) -> float:
        """Return how long a lamp may be on without a break, s."""
        unit = self._lamps.units[lamp]
        return min(unit.longest_on_s, unit.rest.after if unit.rest else inf)

    @property
    def _takes_s(self) -> float:
        """Duration of lighting a lamp and reading it back, s."""
        return self._lamps.on_s + self._lamps.status_s

    def _borne(self, block: Block, lamp: str) -> dict[str, Need] | None:
        """Return what the frames of a block need while the lamp is on, or None if it must not be on meanwhile."""
        rivals = (lamp, *self._lamps.darkened_by(lamp))
        if any(switches(step.work, rivals) for step in steps_of(block)):
            return None
        needs: dict[str, Need] = {}
        for exposure in exposures_of(block):
            need = self._bears(exposure, lamp, self._stood[exposure.frame])
            if need is None:
                return None
            needs[exposure.frame] = need
        moved = {name for step in steps_of(block) if isinstance(step.work, Configure) for name, _ in step.work.setup}
        opened = any(exposure.order.opens_shutter for exposure in exposures_of(block))
        return None if opened and moved & set(self._shields[lamp]) else needs

    def _bears(self, exposure: Exposure, lamp: str, places: Mapping[str, str]) -> Need | None:
        """Return what a frame needs while a lamp is on that it does not need, or None if it must not be on."""
        if {lamp, *self._lamps.darkened_by(lamp)} & set(exposure.lamps):
            return None
        need, stood = exposure.need, {**places, **dict(exposure.need.setup)}
        moving = {opening.selector for opening in exposure.openings}
        for selector, blocking in self._shields[lamp].items():
            if selector not in moving and stood.get(selector) in blocking:
                return replace(need, shields=(*need.shields, (lamp, selector, stood[selector])))
        if self._tight and not exposure.order.opens_shutter:
            return replace(need, tolerated=(*need.tolerated, lamp))
        return None

    def _strike(self, block: Block, coming: Exposure, lamp: str) -> Step:
        """Return the step that lights a lamp, behind its source shutter if a shutter may be open meanwhile."""
        opened = [each for each in exposures_of(block) if each.order.opens_shutter]
        shields = tuple(dict.fromkeys(s for each in opened for s in each.need.shields if s[0] == lamp))
        levels = tuple(each for each in coming.need.levels if each[0] == lamp)
        work = LampWarmup((lamp,), (0.0,), levels, shields=shields)
        longest_s = self._takes_s + self._lamps.units[lamp].restrike_s
        name = f"lamp-warmup/{coming.frame}/ahead-{self._lamps.label(lamp)}"
        return self._step(name, work, self._takes_s, longest_s=longest_s)

    def _with_lamp(self, block: Block, strike: Step, offset_s: float) -> Block:
        """Return a block in which a lamp is lit so long after its beginning."""
        if isinstance(block, Parallel):
            lanes = dict(block.lanes)
            struck = list(_struck(lanes.pop(_LANE, ())))
            name, kind = block.id, block.kind
        else:
            lanes, struck = {"series": (block,)}, []
            name, kind = f"overlap/{block.id}/{_LANE}", "overlap"
        others = tuple(lanes.items())
        lane = tuple(self._lane(sorted([*struck, (offset_s, strike)], key=lambda each: each[0]), others))
        return Parallel(name, kind, (*others, (_LANE, lane)))

    def _after_the_wait(self, block: Parallel, waiting: Block, strike: Step, offset_s: float) -> Block:
        """Return a block in which a lamp is lit so long after its beginning, in the lane of a dark wait."""
        lanes = []
        for name, blocks in block.lanes:
            if blocks[-1] is waiting:
                late_s = max(0.0, offset_s - lasts_s(blocks[:-1]))
                lanes.append((name, (*blocks[:-1], self._with_lamp(waiting, strike, late_s))))
            else:
                lanes.append((name, blocks))
        return replace(block, lanes=tuple(lanes))

    def _lane(self, struck: Sequence[tuple[float, Step]], others: tuple[Lane, ...]) -> Iterator[Step]:
        """Yield the lane in which lamps are lit, each after its time."""
        now_s = 0.0
        for offset_s, strike in struck:
            wait_s = offset_s - now_s
            if wait_s >= _WORTH_S:
                wait = Wait(wait_s, ends_of(others))
                yield self._step(f"wait/{strike.id.removeprefix('lamp-warmup/')}", wait, wait_s)
                now_s += wait_s
            yield strike
            now_s += strike.expected_s


def _takes_s(exposure: Exposure, durations: Durations) -> float:
    """Return the duration of a frame with its readout, s."""
    taken_s = durations.integrate_s(exposure) + durations.look_s + durations.look_again_s
    return taken_s + durations.observatory.spectrographs.readout_s


def _takes_a_lane(block: Block) -> bool:
    """Return whether something may run in parallel to a block.

    A frame that may be taken again begins outside of parallel states.
    """
    if isinstance(block, Chain):
        return block.restore is None
    return isinstance(block, Parallel) or block.expected_s >= _WORTH_S


def _after_a_wait(block: Block) -> Block | None:
    """Return the last block of the lane in which all lamps are off for a time, or None if there is no such lane."""
    if not isinstance(block, Parallel) or any(True for _ in exposures_of(block)):
        return None
    for _, blocks in block.lanes:
        if len(blocks) > 1 and any(isinstance(each, Step) and isinstance(each.work, WaitDark) for each in blocks[:-1]):
            return blocks[-1]
    return None


def _struck(lane: Sequence[Block]) -> Iterator[tuple[float, Step]]:
    """Yield the lamps of a lane, each with the time when it is lit, s."""
    now_s = 0.0
    for step in lane:
        if isinstance(step, Step) and isinstance(step.work, LampWarmup):
            yield now_s, step
        now_s += lasts_s((step,))
