"""One segment of a run: the frames that were left when it began, and its own graph."""

from safelight.engine.chronicle import Chronicle
from safelight.engine.errors import RunRefused
from safelight.engine.plan import Plan
from safelight.engine.report.pinned import pinned_plan
from safelight.engine.wording import counted

__all__ = ["left_at", "only_segment", "segment_plan"]

_TAKING = ("expose", "adopt")


def left_at(told: Chronicle, number: int) -> tuple[str, ...] | None:
    """The frames that were still to be taken when a segment began; None: nobody knows which were asked for.

    Args:
        told: the whole run.
        number: of the segment.
    """
    if told.asked is None:
        return None
    begun = {row["frame"] for row in told.states if row["segment"] == number and row["kind"] in _TAKING}
    there = {row["frame"] for row in told.frames if row["segment"] < number and row["verdict"] != "bad"}
    # What a resume finds on the disk is written down before anything moves.
    there |= {row["frame"] for row in told.frames if row["segment"] == number and row["verdict"] == "good"}
    return tuple(frame for frame in told.asked if frame in begun or frame not in there)


def only_segment(told: Chronicle, number: int) -> Chronicle:
    """The run as if it had been this segment alone; whoever carries it out belongs to its last one.

    Raises:
        RunRefused: it has no such segment.
    """
    segments = tuple(row for row in told.segments if row["segment"] == number)
    if not segments:
        raise RunRefused(
            f"run {told.page.run} has {counted(len(told.segments), 'segment')}, and none of number {number}"
        )
    return Chronicle(
        page=told.page,
        owner=told.owner if segments[0] is told.segments[-1] else None,
        segments=segments,
        states=tuple(row for row in told.states if row["segment"] == number),
        frames=tuple(row for row in told.frames if row["segment"] == number),
        lamp_events=told.lamp_events,
        requests=told.requests,
        asked=told.asked,
    )


def segment_plan(told: Chronicle, number: int) -> Plan:
    """What a segment set out to do.

    Args:
        told: the whole run.
        number: of the segment.

    Raises:
        SafelightError: this version can't make a plan of it any more.
    """
    if number == 1:
        return pinned_plan(told.page)
    adopted = next((row for row in told.states if row["segment"] == number and row["kind"] == "adopt"), None)
    return pinned_plan(told.page, left_at(told, number), adopted["frame"] if adopted else None)
