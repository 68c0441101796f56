"""Messages for people: one line for each event, and a summary of the run at its end. Pure functions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from safelight.engine.command_hints import CommandHints
from safelight.show.progress.live_state import LiveState
from safelight.states import Adopt
from safelight.states.titles import needs
from safelight.text import brief, clock_face, counted, everyone, in_sentence

__all__ = ["ProgressMessage", "alarm", "message_for", "summary"]

_LONG_KINDS = ("point", "lamp-warmup", "expose", "adopt", "readout", "park", "wait-dark", "configure")
"""States that are shown to people. The others take no noticeable time."""


@dataclass(frozen=True, slots=True)
class ProgressMessage:
    """One line, or a few related ones. `stamp` is the time of day, if it is useful.

    `tone` is `quiet` (only for displays that don't show the states), `plain`, `good`, `warning` or `bad`.
    """

    text: str
    tone: str = "plain"
    stamp: str = ""


def message_for(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage | None:
    """Return the line for an event, or None if there is none. `picture` is the state after the event."""
    speak = _WORDS.get(event["event"])
    if speak is None:
        # Failures that are added later follow the same naming rule.
        unwell = event["event"].endswith((".failed", ".lost"))
        reason = event.get("error") or event.get("reason") or ""
        found = ProgressMessage(f"{event['event']}: {reason}".rstrip(": "), "warning") if unwell else None
    else:
        found = speak(event, picture)
    return None if found is None else replace(found, stamp=f"{datetime.fromisoformat(event['time']):%H:%M:%S}")


def _started(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:
    frames = counted(event["frames_asked"], "frame")
    takes = f"{picture.kept} of {frames} on disk already, the rest takes" if picture.kept else f"{frames},"
    words = f"{picture.sequence} on {picture.observatory}: {takes} {clock_face(picture.total_s)} (times are UTC)"
    run = f"\nrun {picture.run}"
    chosen = "".join(f"\nchosen for {key}: fibre {fibre}" for key, fibre in event.get("choices", {}).items())
    warned = "".join(f"\nnote: {warning}" for warning in event.get("warnings", ()))
    return ProgressMessage(words + run + chosen + warned)


def _state_started(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage | None:
    if event["kind"] not in _LONG_KINDS:
        return None
    state = picture.state(event["state"])
    if state is not None and isinstance(state.work, Adopt):
        return ProgressMessage(
            _adopting(picture.words(event), state.work, datetime.fromisoformat(event["time"])), "quiet"
        )
    need = needs(state.work) if state and event["kind"] == "expose" else ""
    again = f", try {event['attempt']}" if event["attempt"] > 1 else ""
    # A wait has its time in its title.
    lasts = "" if event["kind"] == "wait-dark" and state is not None else f", {brief(event['expected_s'])}"
    return ProgressMessage(f"{picture.words(event)}{need and f' ({need})'}{lasts}{again}", "quiet")


def _adopting(words: str, work: Adopt, now: datetime) -> str:
    """Return words for the remaining integration of an exposure that outlived its runner, or for its end."""
    whole_s = work.exposure.exposure_s
    left_s = whole_s - (now - datetime.fromisoformat(work.started)).total_seconds()
    if left_s <= 0:
        return f"{words}, which is in the spectrographs already"
    return f"{words}, which integrates already: wait for the rest of it, {brief(left_s)} of {brief(whole_s)}"


def _state_failed(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:
    after = event["retry_in_s"]
    then = "giving up" if after is None else f"trying again in {brief(after)}"
    words = f"{picture.words(event)} failed: {event['error']}; {then}"
    return ProgressMessage(words, "bad" if after is None else "warning")


def _frame_taken(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:
    again = f", try {event['attempt']}" if event["attempt"] > 1 else ""
    files = counted(len(event["files"]), "file")
    return ProgressMessage(
        f"frame {event['frame']} is on disk ({files}{again}), {picture.frames} of {picture.asked}", "good"
    )


def _frame_bad(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage(f"frame {event['frame']} is bad and kept aside: {event['reason']}", "warning")


def _frame_trial(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage(f"frame {event['frame']} was a trial: {event['reason']}", "quiet")


def _frame_lost(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage(f"frame {event['frame']} is not on the disk any more: {event['reason']}", "bad")


def _stop(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    then = "after the frame in progress" if event["stop"] == "pause" else "lamps off first"
    return ProgressMessage(f"{event['stop']} ({event['reason']}): {then}", "warning")


def _guard_stays(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    lamps = in_sentence(event["lamps"]) if event["lamps"] else "the lamps"
    late = f" until {datetime.fromisoformat(event['until']):%H:%M:%S} UTC" if event.get("until") else ""
    return ProgressMessage(f"{_processes(event.get('pids', ()))} keep watching {lamps}{late}", "warning")


def _guard_lost(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    which = f" (process {event['pid']})" if event.get("pid") else ""
    return ProgressMessage(
        f"a guard of the lamps has ended unexpectedly{which}: another pair is being started", "warning"
    )


def _guard_silent(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    words = (
        f"a guard of the lamps (process {event['pid']}) has not answered {event['beats']} heartbeats: it is replaced"
    )
    return ProgressMessage(words, "warning")


def _guard_started(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage(f"{_processes(event['pids'])} watch the lamps now")


def _guard_waiting(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    longest = brief(event["longest_s"])
    words = f"before a lamp is lit: waiting, for {longest} at most, for {event['reason']}, which still switch lamps off"
    return ProgressMessage(words, "warning")


def _guard_acted(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage(f"the guards have switched {in_sentence(event['lamps'])} off: {event['reason']}", "warning")


def _path_failed(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    what = "does not know all lamps by" if event["answers"] else "can't switch the lamps off by"
    return ProgressMessage(f"the guard {what} {event['reason']}", "warning")


def _darkened(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    lamps = event["lamps"]
    doubtful = [lamp for lamp, seen in lamps.items() if seen != "off"]
    if doubtful:
        return ProgressMessage(f"commanded off first, and not read back as off: {in_sentence(doubtful)}", "warning")
    return ProgressMessage(f"{in_sentence(lamps)} off first, before anything is tried again", "quiet")


def _waiting(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    left_s = event["longest_s"] - event["waited_s"]
    return ProgressMessage(f"waiting, for {brief(left_s)} at most: {event['reason']}", "warning")


def _gone(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage(f"the spectrographs are free after {brief(event['waited_s'])}")


def _journal_waiting(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage("another process holds the journal: waiting for it, up to a minute", "warning")


def _notified(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage(f"notified {event['to']}", "quiet")


def _not_notified(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    why = event.get("why") or "no answer yet"
    words = f"notification to {event['to']} not delivered: {why}. It is tried again; see `safelight guard status`"
    return ProgressMessage(words, "warning")


def _processes(pids: Sequence[int]) -> str:
    """Return words such as `the guards (processes 12 and 13)`."""
    if not pids:
        return "the guards"
    return f"the guards ({'process' if len(pids) == 1 else 'processes'} {in_sentence(map(str, pids))})"


def _safing(event: Mapping[str, Any], picture: LiveState) -> ProgressMessage:  # noqa: ARG001
    return ProgressMessage("switching all lamps off and reading them back", "quiet")


_WORDS: Mapping[str, Callable[[Mapping[str, Any], LiveState], ProgressMessage | None]] = {
    "run.started": _started,
    "state.started": _state_started,
    "state.failed": _state_failed,
    "frame.taken": _frame_taken,
    "frame.bad": _frame_bad,
    "frame.trial": _frame_trial,
    "frame.lost": _frame_lost,
    "stop.requested": _stop,
    "safing.started": _safing,
    "guard.path.failed": _path_failed,
    "guard.stays": _guard_stays,
    "guard.lost": _guard_lost,
    "guard.silent": _guard_silent,
    "guard.started": _guard_started,
    "guard.acted": _guard_acted,
    "guard.waiting": _guard_waiting,
    "lamps.darkened": _darkened,
    "others.waiting": _waiting,
    "others.gone": _gone,
    "journal.waiting": _journal_waiting,
    "notify.sent": _notified,
    "notify.failed": _not_notified,
    "notify.waiting": _not_notified,
}

_TONES = {"done": "good", "paused": "warning", "aborted": "warning", "faulted": "bad", "unsafe": "bad"}


def summary(end: Mapping[str, Any], options: str = "") -> Iterator[ProgressMessage]:
    """Yield the end of a run in a few lines, from `run.finished`.

    Args:
        end: the event.
        options: options with which a command finds the run again: `--state-dir DIR`.
    """
    outcome = end["outcome"]
    frames = f"{end['frames']} of {counted(end['frames_asked'], 'frame')}"
    yield ProgressMessage(f"{outcome}: {frames} in {clock_face(end['elapsed_s'])}", _TONES.get(outcome, "plain"))
    if end.get("reason"):
        yield ProgressMessage(end["reason"], "plain", "  why   ")
    if end["bad_frames"]:
        yield ProgressMessage(
            f"{counted(end['bad_frames'], 'frame')}, kept aside in the folder `bad`", "warning", "  bad   "
        )
    doubtful = {lamp: state for lamp, state in end["lamps"].items() if state != "off"}
    if doubtful:
        read = ", ".join(f"{lamp} {state}" for lamp, state in doubtful.items())
        yield ProgressMessage(f"NOT CONFIRMED OFF: {read}", "bad", "  lamps ")
    else:
        yield ProgressMessage(f"{everyone(end['lamps'])} read back as off", "plain", "  lamps ")
    yield from _late(end.get("late"))
    if end["frames"] or end["bad_frames"]:
        yield ProgressMessage(end["folder"], "plain", "  frames")
    if outcome != "done":
        first = "once the lamps are off: " if doubtful else ""
        yield ProgressMessage(
            f"{first}`{' '.join(['safelight resume', end['run'], options]).rstrip()}`", "plain", "  next  "
        )


def _late(late: Mapping[str, Any] | None) -> Iterator[ProgressMessage]:
    """Yield what may still happen after the end."""
    if late:
        lamps, until = in_sentence(late["lamps"]), f"{datetime.fromisoformat(late['until']):%H:%M:%S}"
        words = (
            f"{lamps} may still come on until {until} UTC, because an ON command was never answered: "
            "the guards switch it off again"
        )
        yield ProgressMessage(words, "warning", "  late  ")


def alarm(
    lamps: Mapping[str, str],
    heard: Mapping[str, str],
    *,
    guards: Sequence[int] = (),
    by_hand: CommandHints = CommandHints(),
) -> list[str]:
    """Return the alarm for lamps that are not confirmed off: which, their states, and what to do by hand.

    Args:
        lamps: every lamp as read back last.
        heard: lamp -> its last report, in words.
        guards: ids of the guards that keep trying.
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
        *([f"{_processes(guards).capitalize()} keep trying: `{by_hand.guard_status()}`."] if guards else []),
        *(["Do not rely on that."] if guards else []),
        f"Now: try `{by_hand.lamps('off')}`. If that does not help, go and switch it off",
        f"at the lamp's power switch by hand, then check with `{by_hand.lamps('status')}`.",
    ]
