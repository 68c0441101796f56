"""What a person is told of each event, as a line of text; and of the whole run at its end. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from safelight.engine.by_hand import ByHand
from safelight.engine.picture import Picture
from safelight.engine.wording import brief, clock_face, counted, in_sentence, needs

__all__ = ["Line", "alarm", "line_of", "summary"]

_LONG_KINDS = ("point", "lamp-warmup", "expose", "readout", "park")
"""States that a person would want to know of; the others are over at once."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or a few that belong together; `stamp` is the time of day, where it tells something.

    `tone` is `quiet` (only where nothing shows the states), `plain`, `good`, `warning` or `bad`.
    """

    text: str
    tone: str = "plain"
    stamp: str = ""


def line_of(event: Mapping[str, Any], picture: Picture) -> Line | None:
    """The line for an event, `picture` being as it is after it; None where it deserves none."""
    speak = _WORDS.get(event["event"])
    if speak is None:
        # Rooms that are built later tell of their troubles by the same rule.
        unwell = event["event"].endswith((".failed", ".lost"))
        reason = event.get("error") or event.get("reason") or ""
        found = Line(f"{event['event']}: {reason}".rstrip(": "), "warning") if unwell else None
    else:
        found = speak(event, picture)
    return None if found is None else replace(found, stamp=f"{datetime.fromisoformat(event['time']):%H:%M:%S}")


def _started(event: Mapping[str, Any], picture: Picture) -> Line:
    frames = counted(event["frames_asked"], "frame")
    takes = f"{picture.kept} of {frames} on disk already, the rest takes" if picture.kept else f"{frames},"
    words = f"{picture.sequence} on {picture.observatory}: {takes} {clock_face(picture.total_s)} (times are UTC)"
    run = f"\nrun {picture.run}"
    chosen = "".join(f"\nchosen for {key}: fibre {fibre}" for key, fibre in event.get("choices", {}).items())
    warned = "".join(f"\nnote: {warning}" for warning in event.get("warnings", ()))
    return Line(words + run + chosen + warned)


def _state_started(event: Mapping[str, Any], picture: Picture) -> Line | None:
    if event["kind"] not in _LONG_KINDS:
        return None
    state = picture.state(event["state"])
    need = needs(state.work) if state and event["kind"] == "expose" else ""
    again = f", try {event['attempt']}" if event["attempt"] > 1 else ""
    return Line(f"{picture.words(event)}{need and f' ({need})'}, {brief(event['expected_s'])}{again}", "quiet")


def _state_failed(event: Mapping[str, Any], picture: Picture) -> Line:
    after = event["retry_in_s"]
    then = "giving up" if after is None else f"trying again in {brief(after)}"
    words = f"{picture.words(event)} failed: {event['error']}; {then}"
    return Line(words, "bad" if after is None else "warning")


def _frame_taken(event: Mapping[str, Any], picture: Picture) -> Line:
    again = f", try {event['attempt']}" if event["attempt"] > 1 else ""
    files = counted(len(event["files"]), "file")
    return Line(f"frame {event['frame']} is on disk ({files}{again}), {picture.frames} of {picture.asked}", "good")


def _frame_bad(event: Mapping[str, Any], picture: Picture) -> Line:  # noqa: ARG001
    return Line(f"frame {event['frame']} is bad and kept aside: {event['reason']}", "warning")


def _frame_lost(event: Mapping[str, Any], picture: Picture) -> Line:  # noqa: ARG001
    return Line(f"frame {event['frame']} is not on the disk any more: {event['reason']}", "bad")


def _stop(event: Mapping[str, Any], picture: Picture) -> Line:  # noqa: ARG001
    then = "after the frame in progress" if event["stop"] == "pause" else "lamps off first"
    return Line(f"{event['stop']} ({event['reason']}): {then}", "warning")


def _guard_stays(event: Mapping[str, Any], picture: Picture) -> Line:  # noqa: ARG001
    lamps = in_sentence(event["lamps"]) if event["lamps"] else "the lamps"
    return Line(f"{_processes(event.get('pids', ()))} go on watching {lamps}", "warning")


def _path_failed(event: Mapping[str, Any], picture: Picture) -> Line:  # noqa: ARG001
    what = "does not know all lamps by" if event["answers"] else "can't switch the lamps off by"
    return Line(f"the guard {what} {event['reason']}", "warning")


def _processes(pids: Sequence[int]) -> str:
    """`the guards (processes 12 and 13)`."""
    if not pids:
        return "the guards"
    return f"the guards ({'process' if len(pids) == 1 else 'processes'} {in_sentence(map(str, pids))})"


def _safing(event: Mapping[str, Any], picture: Picture) -> Line:  # noqa: ARG001
    return Line("switching all lamps off and reading them back", "quiet")


_WORDS: Mapping[str, Callable[[Mapping[str, Any], Picture], Line | None]] = {
    "run.started": _started,
    "state.started": _state_started,
    "state.failed": _state_failed,
    "frame.taken": _frame_taken,
    "frame.bad": _frame_bad,
    "frame.lost": _frame_lost,
    "stop.requested": _stop,
    "safing.started": _safing,
    "guard.path.failed": _path_failed,
    "guard.stays": _guard_stays,
}

_TONES = {"done": "good", "paused": "warning", "aborted": "warning", "faulted": "bad", "unsafe": "bad"}


def summary(end: Mapping[str, Any], options: str = "") -> Iterator[Line]:
    """The end of a run in a few lines, from `run.finished`.

    Args:
        end: the event.
        options: what a command must be told to find the run again: `--home DIR`.
    """
    outcome = end["outcome"]
    frames = f"{end['frames']} of {counted(end['frames_asked'], 'frame')}"
    yield Line(f"{outcome}: {frames} in {clock_face(end['elapsed_s'])}", _TONES.get(outcome, "plain"))
    if end.get("reason"):
        yield Line(end["reason"], "plain", "  why   ")
    if end["bad_frames"]:
        yield Line(f"{counted(end['bad_frames'], 'frame')}, kept aside in the folder `bad`", "warning", "  bad   ")
    doubtful = {lamp: state for lamp, state in end["lamps"].items() if state != "off"}
    if doubtful:
        read = ", ".join(f"{lamp} {state}" for lamp, state in doubtful.items())
        yield Line(f"NOT CONFIRMED OFF: {read}", "bad", "  lamps ")
    else:
        yield Line(f"all {len(end['lamps'])} read back as off", "plain", "  lamps ")
    if end["frames"] or end["bad_frames"]:
        yield Line(end["folder"], "plain", "  frames")
    if outcome != "done":
        first = "once the lamps are off: " if doubtful else ""
        yield Line(f"{first}`{' '.join(['safelight resume', end['run'], options]).rstrip()}`", "plain", "  next  ")


def alarm(
    lamps: Mapping[str, str], heard: Mapping[str, str], *, guards: Sequence[int] = (), by_hand: ByHand = ByHand()
) -> list[str]:
    """What to shout where lamps are not confirmed off: which, what was read, and what to do by hand.

    Args:
        lamps: every lamp as read back last.
        heard: lamp -> what was heard of it last, in words.
        guards: the processes that go on trying.
        by_hand: the commands that reach these lamps.
    """
    doubtful = {lamp: state for lamp, state in lamps.items() if state != "off"}
    if not doubtful:
        return []
    lines = [f"UNSAFE: {in_sentence(doubtful)} {'is' if len(doubtful) == 1 else 'are'} NOT confirmed off"]
    for lamp, state in doubtful.items():
        told = heard.get(lamp, state)
        lines.append(
            f"{lamp}: read back as {state.upper()}" + (f" ({told})" if told not in ("on", "off", state) else "")
        )
    return [
        *lines,
        *([f"{_processes(guards).capitalize()} go on trying: `{by_hand.guard_status()}`."] if guards else []),
        *(["Do not rely on that."] if guards else []),
        f"Now: try `{by_hand.lamps('off')}`. If that does not help, go and switch it off",
        f"at the lamp's power switch by hand, then look with `{by_hand.lamps('status')}`.",
    ]
