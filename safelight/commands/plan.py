"""`safelight plan`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from safelight.commands.options import AsJson, Home, NoOverlap, NoPoint, ObservatoryName, Park, Sequence

if TYPE_CHECKING:
    from rich.console import RenderableType

    from safelight.engine import Plan
    from safelight.engine.schedule import Slot

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


def plan(
    sequence: Sequence,
    *,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    timeline: Timeline = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run would do, and how long it would take; nothing is touched.

    States that run beside each other stand under one another, marked with a bar.
    """
    import asyncio  # noqa: PLC0415 - a command pays for what it uses

    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine import Request, plan_of  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.standing import standing  # noqa: PLC0415
    from safelight.speech import put_json  # noqa: PLC0415

    request = Request(
        sequence=sequence,
        observatory=observatory,
        overlap=False if no_overlap else None,
        point=not no_point,
        park_after=True if park else None,
    )
    start = asyncio.run(standing(load_observatory(observatory), home or default_home()))
    planned = plan_of(request, start=start)
    if as_json:
        put_json(planned.as_json())
    else:
        _show(planned)
    if timeline is not None:
        _draw(planned, timeline)


def _draw(plan: "Plan", path: Path) -> None:
    from safelight.commands.sheets import write_sheet  # noqa: PLC0415
    from safelight.engine.drawing import timeline_of  # noqa: PLC0415
    from safelight.engine.errors import DrawingError  # noqa: PLC0415

    if path.suffix not in (".svg", ".png"):
        raise DrawingError(f"{path} should end in .svg or .png: that is what the timeline is drawn as")
    picture = timeline_of(plan)
    write_sheet(picture.svg if path.suffix == ".svg" else picture.png(), path)


_ENDLESS = 10_000
_HEADINGS = ("state", "needs", "starts at", "second", "lasts", "")
_CRITICAL = "*"


def _show(plan: "Plan") -> None:
    from safelight.engine.console import SafeConsole  # noqa: PLC0415

    console = SafeConsole()
    if not console.is_terminal:
        # A file and a pipe have no edge: nothing is cut off.
        console.width = _ENDLESS
    table = _table(plan, console.width)
    console.print(table, crop=False)
    for line in _summary(plan):
        console.print(line, markup=False, soft_wrap=True)


def _table(plan: "Plan", width: int) -> "RenderableType":
    """The plan as a table.

    Args:
        plan: what is shown.
        width: of the paper, columns; the words make room, for a number that is cut off is none.
    """
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rows = [_row(plan, slot) for slot in plan.schedule.slots]
    heading = Text(f"{plan.document.name} on {plan.observatory.name}", style="bold")
    table = Table(box=box.SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    widest = [max(len(cell) for cell in column) for column in zip(*rows, _HEADINGS, strict=True)]
    room = width - sum(widest[2:]) - 3 * len(widest)
    state_width = min(widest[0], max(room * 3 // 5, room - widest[1]))
    widths = (state_width, max(4, min(widest[1], room - state_width)), *widest[2:])
    for place, (name, columns) in enumerate(zip(_HEADINGS, widths, strict=True)):
        side: Literal["left", "right"] = "right" if place > 1 else "left"
        table.add_column(name, justify=side, no_wrap=True, overflow="ellipsis", width=columns)
    for slot, row in zip(plan.schedule.slots, rows, strict=True):
        table.add_row(*(Text(cell) for cell in row), style=_STYLES.get(slot.state.kind, ""))
    return table


_STYLES = {"expose": "bold", "lamp-warmup": "yellow", "ready": "dim", "safing": "green", "lamp-off": "green"}


def _row(plan: "Plan", slot: "Slot") -> tuple[str, ...]:
    from safelight.engine.wording import clock_face, needs, title  # noqa: PLC0415

    state = slot.state
    depth = sum(1 for box in plan.graph.ancestors(state.id) if box.shape == "parallel")
    words = "safing: all lamps off" if state.id == "safing" else title(state)
    start, second = clock_face(slot.start_s), f"{slot.start_s:.1f}"
    mark = _CRITICAL if state.id in plan.critical else ""
    return "│ " * depth + words, needs(state.work), start, second, f"{slot.duration_s:.1f} s", mark


def _summary(plan: "Plan") -> list[str]:
    from safelight.engine.wording import brief, clock_face, counted  # noqa: PLC0415

    over = 100 * (plan.total_s / plan.bound_s - 1) if plan.bound_s else 0.0
    lines = [
        f"total    {clock_face(plan.total_s)} ({plan.total_s:.1f} s)",
        f"bound    {clock_face(plan.bound_s)} ({plan.bound_s:.1f} s): no shorter run is possible; {over:.2f} % over",
    ]
    serial_s = plan.serial_s
    saved = "none" if serial_s is None else f"saves {max(serial_s - plan.total_s, 0.0):.1f} s of {serial_s:.1f} s"
    lines.append(f"overlap  {saved}; {_CRITICAL} marks what decides the total")
    lines.append(f"frames   {_frames(plan)}")
    burning = [f"{lamp} {brief(on_s)}" for lamp, on_s in plan.schedule.lamp_on_s.items()]
    lines.append(f"lamps on {', '.join(burning) or 'none'}")
    if plan.expansion.choices:
        chosen = ", ".join(f"{key} {fibre}" for key, fibre in plan.expansion.choices.items())
        lines.append(f"chosen   {chosen} (counted with; a run chooses anew)")
    lines += [f"note     {warning}" for warning in plan.expansion.warnings]
    count = counted(plan.proof.configurations, "configuration")
    lines.append(f"proved   every way out ends with lamps off ({count}; `safelight check` tells more)")
    return lines


def _frames(plan: "Plan") -> str:
    from collections import Counter  # noqa: PLC0415

    kinds: Any = Counter(frame.flavour for frame in plan.expansion.frames)
    return f"{len(plan.expansion.frames)} ({', '.join(f'{count} {flavour}' for flavour, count in kinds.items())})"
