"""Sections of a report, the same for HTML and Markdown."""

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from safelight.engine.planning.plan import Plan
from safelight.engine.requester import STOPS
from safelight.errors import SafelightError
from safelight.show.drawing.formats.mermaid import to_mermaid
from safelight.show.drawing.pictures import folded_as
from safelight.show.drawing.state_marks import marks_of_folded
from safelight.show.drawing.time_lanes import blocks_in_time, planned_lanes
from safelight.show.drawing.timeline_picture import Rows, chart
from safelight.show.history.entry import folded
from safelight.show.history.recorded_plan import pinned_plan, segment_plan
from safelight.show.history.run_history import Row, RunHistory
from safelight.show.report.executed_graph import marks_of, picture_of_history, picture_of_segment
from safelight.show.report.executed_lanes import actual_lanes, lasted_s
from safelight.show.report.frames import frame_parts
from safelight.show.report.lamps import lamp_parts
from safelight.show.report.parts import Banner, Code, Figure, Part, Section, Table, Words
from safelight.text import brief, clock_face, lamps_in_words, spans
from safelight.version import __version__

__all__ = ["sections"]

_TONES = {"done": "good", "running": "plain", "paused": "warning", "aborted": "warning"}
_MOST_SEGMENTS = 6
_MOST_MOMENTS = 1500
_TROUBLES = ("failure", "broken-off", "killed", "stop")


def sections(told: RunHistory) -> tuple[Section, ...]:
    """Return all sections on a run."""
    try:
        plan: Plan | None = pinned_plan(told.page)
        lost = ""
    except (SafelightError, ValueError) as error:
        plan, lost = None, " ".join(str(error).split())
    missing = (Words(f"This version of safelight can't make a plan of the run's sequence any more: {lost}"),)
    return (
        Section("Status", tuple(_standing(told))),
        Section("Request", tuple(_asked(told, plan))),
        Section("Timeline: planned and actual", tuple(_times(told)) if plan else missing),
        Section("The graph as executed", tuple(_graph(told, plan)) if plan else missing),
        Section("Lamps", lamp_parts(told, plan)),
        Section("Retries, faults and stops", tuple(_troubles(told))),
        Section("Frames", frame_parts(told, plan.observatory if plan else None)),
        Section("Everything that happened", tuple(_story(told))),
        Section("Versions", tuple(_versions(told))),
    )


def _standing(told: RunHistory) -> Iterator[Part]:
    status = told.status
    reason = next((f": {row['reason']}" for row in reversed(told.segments) if row["reason"]), "")
    yield Banner(status + ("" if status in ("done", "running", "killed") else reason), _TONES.get(status, "bad"))
    lamps = lamps_in_words(told.lamps)
    safe = all(state == "off" for state in told.lamps.values())
    yield Banner(f"lamps, as read back last: {lamps or 'never read back'}", "good" if safe and lamps else "bad")
    tone = "good" if not told.frames_missing else "warning"
    yield Banner(f"{len(told.good)} of {told.page.frames_asked} frames are good", tone)
    if told.missing:
        yield Words(f"Missing: {', '.join(spans(told.missing))}")
    yield Words(f"Next: {told.next_step().replace('`', '')}")


def _asked(told: RunHistory, plan: Plan | None) -> Iterator[Part]:
    page, options = told.page, told.page.options
    rows = [
        ("run", page.run),
        ("sequence", page.sequence),
        ("from", page.sequence_origin),
        ("its sha256", page.sequence_hash),
        ("observatory", f"{page.observatory} ({page.observatory_source})"),
        ("its sha256", page.observatory_hash),
        *(("requested by", who) for who in _who(told)),
        ("requested at (UTC)", page.created[:19].replace("T", " ")),
        ("overlap", "set-ups during readouts" if options.get("overlap") else "one thing after the other"),
        *(_telescopes(options) if page.has_telescopes else ()),
        *((f"fibre chosen for {key}", fibre) for key, fibre in page.choices.items()),
        ("folder", str(page.folder)),
    ]
    if plan:
        rows.append(("planned", f"{clock_face(plan.total_s)}; no run can be shorter than {clock_face(plan.bound_s)}"))
    yield Table((), rows)
    if plan:
        for warning in plan.warnings:
            yield Words(f"Note: {warning}")
    yield Code("the sequence, verbatim", page.sequence_text)


def _telescopes(options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return (
        ("pointing", "yes" if options.get("point") else "no"),
        ("park at the end", "yes" if options.get("park_after") else "no"),
    )


def _who(told: RunHistory) -> list[str]:
    """Return the requesters of the run and its resumes, each once."""
    found = (row["who"] for row in told.requests if row["word"] not in STOPS)
    return list(dict.fromkeys(found))


def _times(told: RunHistory) -> Iterator[Part]:
    shown = told.segments if len(told.segments) <= _MOST_SEGMENTS else told.segments[-_MOST_SEGMENTS:]
    if len(shown) < len(told.segments):
        yield Words(f"The first {len(told.segments) - len(shown)} segments are left out here.")
    for segment in shown:
        yield Figure(_chart(told, segment), f"segment {segment['segment']}, planned and actual")


def _chart(told: RunHistory, segment: Row) -> str:
    """Return a chart of the planned and the executed states of a segment."""
    number = segment["segment"]
    plan = segment_plan(told, number)
    lasted = lasted_s(told, segment)
    rows = (Rows("planned", planned_lanes(plan)), Rows("actual", actual_lanes(told, segment)))
    outcome = segment["outcome"] or ("running" if told.owner else "killed")
    late = _late(plan.total_s, lasted) if segment["ended"] else "as far as is known"
    below = [
        f"planned {clock_face(plan.total_s)}, actual {clock_face(lasted)}: {outcome}; {late}",
        *(["slews are planned from the park position"] if told.page.has_telescopes else []),
    ]
    heading = f"segment {number}" if len(told.segments) > 1 else told.page.sequence
    return chart(rows, max(plan.total_s, lasted), heading, below, blocks_in_time(plan))


def _late(planned_s: float, actual_s: float) -> str:
    return f"{brief(abs(actual_s - planned_s))} {'more' if actual_s > planned_s else 'less'} than planned"


def _graph(told: RunHistory, plan: Plan) -> Iterator[Part]:
    folded_graph = folded_as(plan.graph, "blocks")
    text = to_mermaid(folded_graph.graph, marks_of_folded(folded_graph, marks_of(told)))
    yield Figure(picture_of_history(told, plan).svg, "the graph as executed", text)
    if len(told.segments) > 1:
        shown = [row["segment"] for row in told.segments][-_MOST_SEGMENTS:]
        for number in shown:
            yield Figure(picture_of_segment(told, number).svg, f"segment {number} alone, as executed")
    yield Words(f"Every state on its own: safelight graph --run {told.page.run} -o graph.svg")


def _troubles(told: RunHistory) -> Iterator[Part]:
    found = [moment for moment in told.moments if moment.kind in _TROUBLES or moment.tone == "bad"]
    rows = [(_when(moment.time), str(moment.segment), moment.words) for moment in folded(found)]
    if rows:
        yield Table(("UTC", "segment", "what"), rows[:_MOST_MOMENTS])
    else:
        yield Words("None: everything went as planned, at the first try.")


def _story(told: RunHistory) -> Iterator[Part]:
    rows = [(_when(moment.time), str(moment.segment), moment.words) for moment in folded(told.moments)]
    yield Table(("UTC", "segment", "what"), rows[:_MOST_MOMENTS], folded=f"{len(rows)} entries")
    if len(rows) > _MOST_MOMENTS:
        yield Words(f"{len(rows) - _MOST_MOMENTS} entries are left out; safelight show {told.page.run} has them all.")


def _versions(told: RunHistory) -> Iterator[Part]:
    head = ("segment", "safelight", "host", "process", "from (UTC)", "to (UTC)", "outcome", "graph")
    yield Table(
        head,
        [
            (
                str(row["segment"]),
                row["version"],
                row["host"],
                str(row["pid"]),
                _when(row["started"]),
                _when(row["ended"]) if row["ended"] else "",
                row["outcome"] or "",
                row["graph_hash"][:12],
            )
            for row in told.segments
        ],
    )
    packages = [f"{name} {_version(name)}" for name in ("python-statemachine", "sqlalchemy", "numpy", "astropy")]
    made = f"safelight {__version__}, Python {platform.python_version()}, {', '.join(packages)}"
    yield Words(f"This report was made by {made}.")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _when(time: str) -> str:
    return time[:19].replace("T", " ")
