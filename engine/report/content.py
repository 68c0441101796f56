"""What a report says, section by section; whoever writes it as HTML or Markdown adds nothing."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from safelight import SafelightError, __version__
from safelight.engine.asking import STOPS
from safelight.engine.chronicle import Chronicle, Row
from safelight.engine.drawing.happened import marks_of_folded
from safelight.engine.drawing.lanes import blocks_in_time, planned_lanes
from safelight.engine.drawing.mermaid import mermaid
from safelight.engine.drawing.pictures import folded_as
from safelight.engine.drawing.timeline import Rows, chart
from safelight.engine.moment import folded
from safelight.engine.plan import Plan
from safelight.engine.report.actual import actual_lanes, lasted_s
from safelight.engine.report.frames import frame_parts
from safelight.engine.report.lamps import lamp_parts
from safelight.engine.report.parts import Banner, Code, Figure, Part, Section, Table, Words
from safelight.engine.report.pinned import pinned_plan
from safelight.engine.report.segments import segment_plan
from safelight.engine.report.walked import marks_of, picture_of_chronicle, picture_of_segment
from safelight.engine.wording import brief, clock_face, lamps_in_words, spans

__all__ = ["sections"]

_TONES = {"done": "good", "running": "plain", "paused": "warning", "aborted": "warning"}
_MOST_SEGMENTS = 6
_MOST_MOMENTS = 1500
_TROUBLES = ("failure", "broken-off", "killed", "stop")


def sections(told: Chronicle) -> tuple[Section, ...]:
    """Everything that can be told of a run."""
    try:
        plan: Plan | None = pinned_plan(told.page)
        lost = ""
    except (SafelightError, ValueError) as error:
        plan, lost = None, " ".join(str(error).split())
    missing = (Words(f"This version of safelight can't make a plan of the run's sequence any more: {lost}"),)
    return (
        Section("How it stands", tuple(_standing(told))),
        Section("What was asked", tuple(_asked(told, plan))),
        Section("In time: planned beside actual", tuple(_times(told)) if plan else missing),
        Section("The graph as it was walked", tuple(_graph(told, plan)) if plan else missing),
        Section("Lamps", lamp_parts(told, plan)),
        Section("Retries, faults and stops", tuple(_troubles(told))),
        Section("Frames", frame_parts(told, plan.observatory if plan else None)),
        Section("Everything that happened", tuple(_story(told))),
        Section("Versions", tuple(_versions(told))),
    )


def _standing(told: Chronicle) -> Iterator[Part]:
    status = told.status
    reason = next((f": {row['reason']}" for row in reversed(told.segments) if row["reason"]), "")
    yield Banner(status + ("" if status in ("done", "running", "killed") else reason), _TONES.get(status, "bad"))
    lamps = lamps_in_words(told.lamps)
    safe = all(state == "off" for state in told.lamps.values())
    yield Banner(f"lamps, as read back last: {lamps or 'never looked at'}", "good" if safe and lamps else "bad")
    tone = "good" if not told.frames_missing else "warning"
    yield Banner(f"{len(told.good)} of {told.page.frames_asked} frames are good", tone)
    if told.missing:
        yield Words(f"Missing: {', '.join(spans(told.missing))}")
    yield Words(f"Next: {told.next_step().replace('`', '')}")


def _asked(told: Chronicle, plan: Plan | None) -> Iterator[Part]:
    page, options = told.page, told.page.options
    rows = [
        ("run", page.run),
        ("sequence", page.sequence),
        ("from", page.sequence_origin),
        ("its sha256", page.sequence_hash),
        ("observatory", f"{page.observatory} ({page.observatory_source})"),
        ("its sha256", page.observatory_hash),
        *(("asked for by", who) for who in _who(told)),
        ("asked for at (UTC)", page.created[:19].replace("T", " ")),
        ("overlap", "set-ups beside read-outs" if options.get("overlap") else "one thing after the other"),
        ("pointing", "yes" if options.get("point") else "no"),
        ("park at the end", "yes" if options.get("park_after") else "no"),
        *((f"fibre chosen for {key}", fibre) for key, fibre in page.choices.items()),
        ("folder", str(page.folder)),
    ]
    if plan:
        rows.append(("planned", f"{clock_face(plan.total_s)}; no run can be shorter than {clock_face(plan.bound_s)}"))
    yield Table((), rows)
    if plan:
        for warning in plan.expansion.warnings:
            yield Words(f"Note: {warning}")
    yield Code("the sequence, letter by letter", page.sequence_text)


def _who(told: Chronicle) -> list[str]:
    """Who has asked for it and for its resumes, each once."""
    found = (row["who"] for row in told.requests if row["word"] not in STOPS)
    return list(dict.fromkeys(found))


def _times(told: Chronicle) -> Iterator[Part]:
    shown = told.segments if len(told.segments) <= _MOST_SEGMENTS else told.segments[-_MOST_SEGMENTS:]
    if len(shown) < len(told.segments):
        yield Words(f"The first {len(told.segments) - len(shown)} segments are left out here.")
    for segment in shown:
        yield Figure(_chart(told, segment), f"segment {segment['segment']}, planned and actual")


def _chart(told: Chronicle, segment: Row) -> str:
    """What was left to do at its beginning, and what was done."""
    number = segment["segment"]
    plan = segment_plan(told, number)
    lasted = lasted_s(told, segment)
    rows = (Rows("planned", planned_lanes(plan)), Rows("actual", actual_lanes(told, segment)))
    outcome = segment["outcome"] or ("running" if told.owner else "killed")
    late = _late(plan.total_s, lasted) if segment["ended"] else "as far as is known"
    below = [
        f"planned {clock_face(plan.total_s)}, actual {clock_face(lasted)}: {outcome}; {late}",
        "slews are planned from the park position",
    ]
    heading = f"segment {number}" if len(told.segments) > 1 else told.page.sequence
    return chart(rows, max(plan.total_s, lasted), heading, below, blocks_in_time(plan))


def _late(planned_s: float, actual_s: float) -> str:
    return f"{brief(abs(actual_s - planned_s))} {'more' if actual_s > planned_s else 'less'} than planned"


def _graph(told: Chronicle, plan: Plan) -> Iterator[Part]:
    folded_graph = folded_as(plan.graph, "blocks")
    text = mermaid(folded_graph.graph, marks_of_folded(folded_graph, marks_of(told)))
    yield Figure(picture_of_chronicle(told, plan).svg, "the graph as it was walked", text)
    if len(told.segments) > 1:
        shown = [row["segment"] for row in told.segments][-_MOST_SEGMENTS:]
        for number in shown:
            yield Figure(picture_of_segment(told, number).svg, f"segment {number} alone, as it was walked")
    yield Words(f"Every state on its own: safelight graph --run {told.page.run} -o graph.svg")


def _troubles(told: Chronicle) -> Iterator[Part]:
    found = [moment for moment in told.moments if moment.kind in _TROUBLES or moment.tone == "bad"]
    rows = [(_when(moment.time), str(moment.segment), moment.words) for moment in folded(found)]
    if rows:
        yield Table(("UTC", "segment", "what"), rows[:_MOST_MOMENTS])
    else:
        yield Words("None: everything went as planned, at the first try.")


def _story(told: Chronicle) -> Iterator[Part]:
    rows = [(_when(moment.time), str(moment.segment), moment.words) for moment in folded(told.moments)]
    yield Table(("UTC", "segment", "what"), rows[:_MOST_MOMENTS], folded=f"{len(rows)} entries")
    if len(rows) > _MOST_MOMENTS:
        yield Words(f"{len(rows) - _MOST_MOMENTS} entries are left out; safelight show {told.page.run} has them all.")


def _versions(told: Chronicle) -> Iterator[Part]:
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
