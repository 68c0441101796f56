"""`safelight plan`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from safelight.commands.options import AsJson, Detail, Home, NoOverlap, NoPoint, ObservatoryName, Park, Sequence

if TYPE_CHECKING:
    from rich.console import RenderableType

    from safelight.engine import Plan
    from safelight.engine.planning.schedule import Slot

__all__ = ["plan"]

Timeline = Annotated[
    Path | None,
    typer.Option(
        "--timeline",
        metavar="FILE.svg|png",
        show_default=False,
        help="Draw it in time as well: one lane for each lamp.",
    ),
]
TheDetail = Annotated[
    Detail | None,
    typer.Option(
        "--detail",
        show_default=False,
        help="A row for each state, or for each lamp, the biases and the darks.  "
        "[default: states, or blocks where these are more than 40]",
    ),
]


def plan(
    sequence: Sequence,
    *,
    observatory: ObservatoryName = None,
    home: Home = None,
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    timeline: Timeline = None,
    detail: TheDetail = None,
    as_json: AsJson = False,
) -> None:
    """Show the steps and the duration of a run. Nothing is touched.

    States that run in parallel are listed one below the other, marked with a bar.
    """
    import asyncio  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.manual_options import the_observatory  # noqa: PLC0415
    from safelight.commands.output import put_json  # noqa: PLC0415
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine import Request, plan_of  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.planning.start_position import read_start_position  # noqa: PLC0415

    observatory = the_observatory(observatory, home)
    request = Request(
        sequence=sequence,
        observatory=observatory,
        overlap=False if no_overlap else None,
        point=not no_point,
        park_after=True if park else None,
    )
    start = asyncio.run(read_start_position(load_observatory(observatory), home or default_home()))
    planned = plan_of(request, start=start)
    if as_json:
        put_json(planned.as_json())
    else:
        _show(planned, detail)
    if timeline is not None:
        _draw(planned, timeline)


def _draw(plan: "Plan", path: Path) -> None:
    from safelight.commands.output_files import write_sheet  # noqa: PLC0415
    from safelight.engine.errors import DrawingError  # noqa: PLC0415
    from safelight.show.drawing import timeline_of  # noqa: PLC0415

    if path.suffix not in (".svg", ".png"):
        raise DrawingError(f"{path} should end in .svg or .png: that is what the timeline is drawn as")
    picture = timeline_of(plan)
    write_sheet(picture.svg if path.suffix == ".svg" else picture.png(), path)


_ENDLESS = 10_000
_MOST_ROWS = 40
"""Longer plans are shown in blocks, unless every state is asked for."""
_HEADINGS = ("state", "needs", "starts at", "second", "lasts", "")
_CRITICAL = "*"


def _show(plan: "Plan", detail: Detail | None) -> None:
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.commands.plan_blocks import block_table  # noqa: PLC0415
    from safelight.show.console import SafeConsole  # noqa: PLC0415

    console = SafeConsole()
    if not console.is_terminal:
        # A file and a pipe have no width limit, so nothing is cut off.
        console.width = _ENDLESS
    folded = detail is Detail.BLOCKS or (detail is None and len(plan.schedule.slots) > _MOST_ROWS)
    console.print(block_table(plan) if folded else _table(plan, console.width), crop=False)
    if folded and detail is None:
        tell(f"{len(plan.schedule.slots)} states in blocks; `--detail states` prints all")
    for line in _summary(plan, folded=folded):
        console.print(line, markup=False, soft_wrap=True)


def _table(plan: "Plan", width: int) -> "RenderableType":
    """Return the plan as a table.

    Args:
        plan: the plan.
        width: width of the output, columns. Words are shortened, but never numbers.
    """
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.plan_blocks import heading_of  # noqa: PLC0415
    from safelight.commands.tables import table  # noqa: PLC0415

    rows = [_row(plan, slot) for slot in plan.schedule.slots]
    states = table(heading_of(plan))
    widest = [max(len(cell) for cell in column) for column in zip(*rows, _HEADINGS, strict=True)]
    room = width - sum(widest[2:]) - 3 * len(widest)
    state_width = min(widest[0], max(room * 3 // 5, room - widest[1]))
    widths = (state_width, max(4, min(widest[1], room - state_width)), *widest[2:])
    for place, (name, columns) in enumerate(zip(_HEADINGS, widths, strict=True)):
        side: Literal["left", "right"] = "right" if place > 1 else "left"
        states.add_column(name, justify=side, no_wrap=True, overflow="ellipsis", width=columns)
    for slot, row in zip(plan.schedule.slots, rows, strict=True):
        states.add_row(*(Text(cell) for cell in row), style=_STYLES.get(slot.state.kind, ""))
    return states


_STYLES = {"expose": "bold", "lamp-warmup": "yellow", "ready": "dim", "safing": "green", "lamp-off": "green"}


def _row(plan: "Plan", slot: "Slot") -> tuple[str, ...]:
    from safelight.commands.plan_blocks import row_title  # noqa: PLC0415
    from safelight.states.titles import needs  # noqa: PLC0415
    from safelight.text import clock_face  # noqa: PLC0415

    state = slot.state
    depth = sum(1 for box in plan.graph.ancestors(state.id) if box.shape == "parallel")
    start, second = clock_face(slot.start_s), f"{slot.start_s:.1f}"
    mark = _CRITICAL if state.id in plan.critical else ""
    return "│ " * depth + row_title(state), needs(state.work), start, second, f"{slot.duration_s:.1f} s", mark


def _summary(plan: "Plan", *, folded: bool) -> list[str]:
    from safelight.text import brief, clock_face, counted  # noqa: PLC0415

    over = 100 * (plan.total_s / plan.bound_s - 1) if plan.bound_s else 0.0
    lines = [
        f"total    {clock_face(plan.total_s)} ({plan.total_s:.1f} s)",
        f"shortest {clock_face(plan.bound_s)} ({plan.bound_s:.1f} s) possible; this plan is {over:.2f} % longer",
    ]
    lines += [f"         {brief(seconds)}: {why}" for why, seconds in plan.excess]
    serial_s = plan.serial_s
    saved = "none" if serial_s is None else f"saves {max(serial_s - plan.total_s, 0.0):.1f} s of {serial_s:.1f} s"
    lines.append(f"overlap  {saved}" + ("" if folded else f"; {_CRITICAL} marks what decides the total"))
    lines.append(f"frames   {_frames(plan)}")
    lit = plan.schedule.ignitions
    burning = [
        f"{lamp} {brief(on_s)} ({counted(lit[lamp], 'ignition')})" for lamp, on_s in plan.schedule.lamp_on_s.items()
    ]
    lines.append(f"lamps on {', '.join(burning) or 'none'}")
    if plan.expansion.choices:
        chosen = ", ".join(f"{key} {fibre}" for key, fibre in plan.expansion.choices.items())
        lines.append(f"chosen   {chosen} (an example; a run chooses again)")
    lines += [f"note     {warning}" for warning in plan.warnings]
    count = counted(plan.proof.configurations, "configuration")
    lines.append(f"checked  every way out ends with lamps off ({count}; `safelight check` has details)")
    return lines


def _frames(plan: "Plan") -> str:
    from collections import Counter  # noqa: PLC0415

    kinds: Any = Counter(frame.flavour for frame in plan.expansion.frames)
    return f"{len(plan.expansion.frames)} ({', '.join(f'{count} {flavour}' for flavour, count in kinds.items())})"
