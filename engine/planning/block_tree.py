"""Steps and exposures inside of blocks, and blocks whose frames have other needs. Pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from safelight.engine.planning.graph_builder import Block, Chain, Parallel, Step
from safelight.states import (
    Adopt,
    Expose,
    Exposure,
    LampOff,
    LampWarmup,
    Need,
    Readout,
    Ready,
    Restore,
    TimedLamp,
    WaitDark,
    Work,
)

__all__ = ["exposures_of", "steps_of", "switches", "with_needs"]


def switches(work: Work, lamps: tuple[str, ...]) -> bool:
    """Return whether a state switches one of these lamps, or needs all of them dark."""
    if isinstance(work, Adopt | WaitDark):
        return True
    if isinstance(work, LampOff | LampWarmup):
        return bool(set(work.lamps) & set(lamps))
    if isinstance(work, Expose):
        return bool(set(work.exposure.lamps) & set(lamps))
    return isinstance(work, TimedLamp) and work.lamp in lamps


def steps_of(block: Block) -> Iterator[Step]:
    """Yield every step of a block, without those that restore the instrument for a frame."""
    if isinstance(block, Step):
        yield block
    else:
        lanes = (block.blocks,) if isinstance(block, Chain) else (blocks for _, blocks in block.lanes)
        for blocks in lanes:
            for inner in blocks:
                yield from steps_of(inner)


def exposures_of(block: Block) -> Iterator[Exposure]:
    """Yield the exposures of a block."""
    return (step.work.exposure for step in steps_of(block) if isinstance(step.work, Expose))


def with_needs(block: Block, needs: Mapping[str, Need], lamp: str) -> Block:
    """Return a block whose frames have other needs, and whose restores leave a lamp alone."""
    if isinstance(block, Step):
        return replace(block, work=_work(block.work, needs, lamp)) if block.frame in needs else block
    if isinstance(block, Parallel):
        lanes = ((name, tuple(with_needs(each, needs, lamp) for each in blocks)) for name, blocks in block.lanes)
        return replace(block, lanes=tuple(lanes))
    inner = tuple(with_needs(each, needs, lamp) for each in block.blocks)
    restore = block.restore
    if restore is not None and block.frame in needs:
        restore = replace(restore, work=_work(restore.work, needs, lamp))
    return replace(block, blocks=inner, restore=restore)


def _work(work: Work, needs: Mapping[str, Need], lamp: str) -> Work:
    if isinstance(work, Ready):
        return replace(work, need=needs[work.frame])
    if isinstance(work, Restore):
        need = replace(work.need, shields=needs[work.frame].shields, tolerated=needs[work.frame].tolerated)
        least_s = tuple(each for each in work.least_s if each[0] != lamp)
        return replace(work, need=need, off=tuple(each for each in work.off if each != lamp), least_s=least_s)
    if isinstance(work, Expose | Readout):
        return replace(work, exposure=replace(work.exposure, need=needs[work.exposure.frame]))
    return work
