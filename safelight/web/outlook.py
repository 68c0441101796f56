"""What the present segment of a run was planned to do: made again from the journal, for words and the time left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from safelight import SafelightError
from safelight.devices import Observatory
from safelight.engine.chronicle import Chronicle
from safelight.engine.compiler import Options, compile_graph
from safelight.engine.plan import site_of
from safelight.engine.report.segments import left_at
from safelight.engine.schedule import Slot, schedule
from safelight.engine.wording import title
from safelight.sequences import expand, load_text

__all__ = ["Outlook", "outlook_of", "seconds_between"]


@dataclass(frozen=True)
class Outlook:
    """The plan of a segment.

    Attributes:
        slots: state -> when it should begin and end.
        total_s: how long the segment should take, s.
        frames: all frames of the sequence, in order.
    """

    slots: Mapping[str, Slot]
    total_s: float
    frames: tuple[str, ...]

    def words(self, state: str) -> str:
        """What a state does; its id where it is not planned."""
        slot = self.slots.get(state)
        return state if slot is None else title(slot.state)

    def expected_s(self, state: str) -> float:
        """How long a state should take, s; 0 where nobody knows."""
        slot = self.slots.get(state)
        return 0.0 if slot is None else slot.duration_s

    def left_s(self, active: Mapping[str, float], elapsed_s: float) -> float:
        """How long the segment goes on if nothing more goes wrong, s.

        Args:
            active: state -> seconds for which it has been at work.
            elapsed_s: since the segment began.
        """
        ends = [
            (slot.end_s, max(slot.duration_s - seconds, 0.0))
            for state, seconds in active.items()
            if (slot := self.slots.get(state)) is not None
        ]
        if not ends:
            return max(0.0, self.total_s - elapsed_s)
        # Of lanes beside each other, the one that is planned to end last decides.
        end_s, remaining_s = max(ends)
        return remaining_s + self.total_s - end_s


_NOTHING = Outlook({}, 0.0, ())


def outlook_of(story: Chronicle) -> Outlook:
    """Plan the last segment as it was planned when it began; empty where it can't be made out any more."""
    try:
        return _planned(story)
    except (SafelightError, ValueError, KeyError):
        return _NOTHING


def _planned(story: Chronicle) -> Outlook:
    """Compiled once more, without the proof: that has been given when the run began."""
    page = story.page
    observatory = Observatory.model_validate_json(page.observatory_text).model_copy(update={"policies": ()})
    site = site_of(observatory, point=bool(page.options["point"]))
    document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
    options = Options(bool(page.options["overlap"]), bool(page.options["park_after"]))
    frames = expand(document, site, page.choices).frames
    wanted = left_at(story, story.segments[-1]["segment"] if story.segments else 1)
    left = [frame for frame in frames if wanted is None or frame.id in wanted]
    graph = compile_graph(document.name, left, observatory, options)
    planned = schedule(graph, observatory.lamps.on_s, observatory.lamps.off_s)
    return Outlook(
        {slot.state.id: slot for slot in planned.slots}, planned.total_s, tuple(frame.id for frame in frames)
    )


def seconds_between(since: str, until: str) -> float:
    """Two times of the journal, s."""
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
