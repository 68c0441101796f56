"""Plan of the present segment of a run, made again from the journal, for words and the time left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from safelight.devices import Observatory
from safelight.engine.planning.compiler import Options, compile_graph, exposure_of
from safelight.engine.planning.plan import site_of
from safelight.engine.planning.schedule import Slot, schedule_of
from safelight.engine.run.found_places import pinned_by
from safelight.errors import SafelightError
from safelight.sequences import expand, load_text
from safelight.show.history.recorded_plan import left_at
from safelight.show.history.run_history import RunHistory
from safelight.states.titles import title

__all__ = ["ExpectedTimes", "expected_times_of", "seconds_between"]


@dataclass(frozen=True)
class ExpectedTimes:
    """Plan of a segment.

    Attributes:
        slots: state -> its planned times.
        total_s: planned duration of the segment, s.
        frames: all frames of the sequence, in order.
    """

    slots: Mapping[str, Slot]
    total_s: float
    frames: tuple[str, ...]

    def words(self, state: str) -> str:
        """Return the words for a state, or its id if it is not planned."""
        slot = self.slots.get(state)
        return state if slot is None else title(slot.state)

    def expected_s(self, state: str) -> float:
        """Return the planned duration of a state, s, or 0 if it is unknown."""
        slot = self.slots.get(state)
        return 0.0 if slot is None else slot.duration_s

    def left_s(self, active: Mapping[str, float], elapsed_s: float) -> float:
        """Return the remaining time of the segment if nothing more goes wrong, s.

        Args:
            active: state -> time since its beginning, s.
            elapsed_s: time since the segment began, s.
        """
        ends = [
            (slot.end_s, max(slot.duration_s - seconds, 0.0))
            for state, seconds in active.items()
            if (slot := self.slots.get(state)) is not None
        ]
        if not ends:
            return max(0.0, self.total_s - elapsed_s)
        # Of parallel lanes, the one that is planned to end last decides.
        end_s, remaining_s = max(ends)
        return remaining_s + self.total_s - end_s


_NOTHING = ExpectedTimes({}, 0.0, ())


def expected_times_of(story: RunHistory) -> ExpectedTimes:
    """Return the plan of the last segment at its beginning, empty if it can't be made any more."""
    try:
        return _planned(story)
    except (SafelightError, ValueError, KeyError):
        return _NOTHING


def _planned(story: RunHistory) -> ExpectedTimes:
    """Compile once more, without the check, which was done when the run began."""
    page = story.page
    observatory = Observatory.model_validate_json(page.observatory_text).model_copy(update={"policies": ()})
    site = site_of(observatory, point=bool(page.options["point"]))
    document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
    frames = expand(document, site, page.choices).frames
    last = story.segments[-1]["segment"] if story.segments else 1
    start = pinned_by((row for row in story.states if row["segment"] < last), map(exposure_of, frames))
    options = Options(bool(page.options["overlap"]), bool(page.options["park_after"]), start)
    wanted = left_at(story, last)
    left = [frame for frame in frames if wanted is None or frame.id in wanted]
    graph = compile_graph(document.name, left, observatory, options)
    planned = schedule_of(graph, observatory.lamps.on_s, observatory.lamps.off_s)
    return ExpectedTimes(
        {slot.state.id: slot for slot in planned.slots}, planned.total_s, tuple(frame.id for frame in frames)
    )


def seconds_between(since: str, until: str) -> float:
    """Return the difference of two times of the journal, s."""
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
