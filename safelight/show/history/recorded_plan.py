"""Plan of a recorded run, made again from the journal: its own sequence on its own observatory."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from safelight.devices import Observatory
from safelight.engine.errors import RunRefused
from safelight.engine.planning.compiler import Options, exposure_of
from safelight.engine.planning.plan import Plan, make_plan, site_of
from safelight.engine.records.stored_run import RunPage
from safelight.engine.run.found_places import pinned_by
from safelight.sequences import expand, load_text
from safelight.show.history.run_history import RunHistory
from safelight.states import Adopt
from safelight.text import counted

__all__ = ["left_at", "only_segment", "pinned_plan", "segment_plan"]


_TAKING = ("expose", "adopt")


def pinned_plan(
    page: RunPage,
    rest: Collection[str] | None = None,
    adopted: str | None = None,
    before: Iterable[Mapping[str, Any]] = (),
) -> Plan:
    """Return the plan of a run.

    The position of the instrument is not recorded, so slews are estimated from the park position.

    Args:
        page: the stored run.
        rest: the frames that were still to be taken; None: all of them.
        adopted: the one of them that was already in the spectrographs.
        before: the states of earlier segments.

    Raises:
        SafelightError: this version can't make a plan of it any more.
    """
    # Policies restrict new runs. This one has already begun.
    observatory = Observatory.model_validate_json(page.observatory_text).model_copy(update={"policies": ()})
    point = bool(page.options["point"])
    site = site_of(observatory, point=point)
    document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
    frames = expand(document, site, page.choices).frames
    waiting = next((frame for frame in frames if frame.id == adopted), None)
    options = Options(
        overlap=bool(page.options["overlap"]),
        park_after=bool(page.options["park_after"]),
        start=pinned_by(before, map(exposure_of, frames)),
        pending=None if waiting is None else Adopt(exposure_of(waiting), 0, 1, page.created),
    )
    return make_plan(document, observatory, options, point=point, choices=page.choices, rest=rest)


def left_at(told: RunHistory, number: int) -> tuple[str, ...] | None:
    """Return the frames that were still to be taken when a segment began, or None if they are unknown.

    Args:
        told: the whole run.
        number: the segment's number.
    """
    if told.asked is None:
        return None
    begun = {row["frame"] for row in told.states if row["segment"] == number and row["kind"] in _TAKING}
    there = {row["frame"] for row in told.frames if row["segment"] < number and row["verdict"] not in ("bad", "trial")}
    # A resume records the frames on disk before anything moves.
    there |= {row["frame"] for row in told.frames if row["segment"] == number and row["verdict"] == "good"}
    return tuple(frame for frame in told.asked if frame in begun or frame not in there)


def only_segment(told: RunHistory, number: int) -> RunHistory:
    """Return the run with this segment alone. A running process belongs to its last one.

    Raises:
        RunRefused: it has no such segment.
    """
    segments = tuple(row for row in told.segments if row["segment"] == number)
    if not segments:
        raise RunRefused(
            f"run {told.page.run} has {counted(len(told.segments), 'segment')}, and none of number {number}"
        )
    return RunHistory(
        page=told.page,
        owner=told.owner if segments[0] is told.segments[-1] else None,
        segments=segments,
        states=tuple(row for row in told.states if row["segment"] == number),
        frames=tuple(row for row in told.frames if row["segment"] == number),
        lamp_events=told.lamp_events,
        requests=told.requests,
        asked=told.asked,
    )


def segment_plan(told: RunHistory, number: int) -> Plan:
    """Return the plan of a segment.

    Args:
        told: the whole run.
        number: of the segment.

    Raises:
        SafelightError: this version can't make a plan of it any more.
    """
    if number == 1:
        return pinned_plan(told.page)
    adopted = next((row for row in told.states if row["segment"] == number and row["kind"] == "adopt"), None)
    before = [row for row in told.states if row["segment"] < number]
    return pinned_plan(told.page, left_at(told, number), adopted["frame"] if adopted else None, before)
