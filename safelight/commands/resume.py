"""`safelight resume`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import (
    AsJson,
    AskedBy,
    Faults,
    Home,
    JournalUrl,
    Level,
    LogLevel,
    Quiet,
    RunId,
    Speed,
    TakeOver,
    Verbose,
)

if TYPE_CHECKING:
    from safelight.engine.resume.resumption import Remaining, ResumeRequest

__all__ = ["resume"]

TheObservatory = Annotated[
    str | None,
    typer.Option(
        "--observatory",
        metavar="FILE|NAME",
        show_default=False,
        help="The observatory.  [default: the one that the run was made for]",
    ),
]
TheFrames = Annotated[
    Path | None,
    typer.Option(
        "--frames",
        metavar="DIR",
        show_default=False,
        help="Where the run's folder has been moved to.  [default: where it was written]",
    ),
]
Verify = Annotated[
    bool, typer.Option("--verify", help="Compare the content of every file that is kept, not only its size.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; nothing is touched.")]


def resume(
    run: RunId = None,
    *,
    observatory: TheObservatory = None,
    home: Home = None,
    journal: JournalUrl = None,
    frames: TheFrames = None,
    faults: Faults = None,
    speed: Speed = "1",
    verify: Verify = False,
    dry_run: DryRun = False,
    take_over: TakeOver = False,
    log_level: LogLevel = Level.DEBUG,
    quiet: Quiet = False,
    verbose: Verbose = False,
    asked_by: AskedBy = None,
    as_json: AsJson = False,
) -> None:
    """Resume a run that was killed, faulted, aborted or paused: RUN, or the newest that is not done.

    First all lamps go off and are read back. Frames that are whole on disk are kept, and the rest is taken.
    """
    from safelight.devices.simulated.faults import load_faults  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.requester import command_line_requester  # noqa: PLC0415
    from safelight.engine.resume.resumption import ResumeRequest  # noqa: PLC0415

    request = ResumeRequest(
        run=run,
        observatory=observatory,
        home=home,
        frames=frames,
        speed=speed,
        faults=load_faults(faults) if faults else (),
        verify=verify,
        journal=journal,
        take_over=take_over,
        asked_by=command_line_requester(asked_by),
        log_level=log_level.value,
    )
    if dry_run:
        _look(request, as_json=as_json)
        return
    from safelight.commands.execution import execute, least_told  # noqa: PLC0415

    raise typer.Exit(execute(request, as_json=as_json, least=least_told(quiet=quiet, verbose=verbose)))


def _look(request: "ResumeRequest", *, as_json: bool) -> None:
    import asyncio  # noqa: PLC0415

    from safelight.commands.output import put_json  # noqa: PLC0415
    from safelight.engine.resume.resumption import look_ahead  # noqa: PLC0415

    rest = asyncio.run(look_ahead(request))
    if as_json:
        put_json(_plain(rest))
    else:
        _show(rest)


def _plain(rest: "Remaining") -> dict[str, Any]:
    found = rest.assessment
    return {
        "run": rest.page.run,
        "sequence": rest.page.sequence,
        "observatory": rest.plan.observatory.name,
        "folder": str(rest.folder),
        "frames_asked": rest.page.frames_asked,
        "kept": [taken.frame for taken in found.kept if taken.verdict == "good"],
        "bad": [{"frame": taken.frame, "reason": taken.reason} for taken in found.kept if taken.verdict == "bad"],
        "trials": [{"frame": taken.frame, "reason": taken.reason} for taken in found.kept if taken.verdict == "trial"],
        "adopted": [taken.frame for taken in found.adopted],
        "lost": [{"frame": taken.frame, "reason": why} for taken, why in found.lost],
        "retaken": [{"frame": frame, "reason": why} for frame, why in found.retaken.items()],
        "left": [frame.id for frame in found.left],
        "in_spectrographs": None if rest.pending is None else rest.pending.frame,
        "aside": [{"path": str(path), "reason": why} for path, why in found.aside],
        "notes": [*rest.notes, *rest.plan.warnings],
        "total_s": round(rest.plan.total_s, 3),
        "bound_s": round(rest.plan.bound_s, 3),
        "lamp_on_s": {lamp: round(on_s, 3) for lamp, on_s in rest.plan.schedule.lamp_on_s.items()},
    }


def _show(rest: "Remaining") -> None:
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.tables import paper, table  # noqa: PLC0415
    from safelight.text import clock_face  # noqa: PLC0415

    console, found = paper(), rest.assessment
    there = rest.page.frames_asked - len(found.left)
    head = Text(f"what a resume of {rest.page.run} would do: ", style="bold")
    head.append(f"{there} of {rest.page.frames_asked} frames are there, the rest takes {clock_face(rest.plan.total_s)}")
    console.print(head)
    rows = table()
    rows.add_column("what", no_wrap=True)
    rows.add_column("", justify="right")
    rows.add_column("frames")
    rows.add_column("why")
    for what, count, names, why, style in _rows(rest):
        rows.add_row(what, str(count), Text(names), Text(why), style=style)
    console.print(rows)
    for note in (*rest.notes, *rest.plan.warnings):
        console.print(f"note    {note}", markup=False)
    console.print(f"frames  {rest.folder}", markup=False, soft_wrap=True)
    console.print("nothing has been touched; without --dry-run it is done", style="dim")


def _rows(rest: "Remaining") -> Iterator[tuple[str, int, str, str, str]]:
    """Yield what, how many, which, why, style."""
    found = rest.assessment
    good = [taken.frame for taken in found.kept if taken.verdict == "good"]
    yield from _row("kept", ((frame, "") for frame in good), "green")
    adopted = ((taken.frame, "whole on the disk, though not in the journal") for taken in found.adopted)
    yield from _row("adopted", adopted, "green")
    bad = ((taken.frame, taken.reason or "") for taken in found.kept if taken.verdict == "bad")
    yield from _row("bad, kept aside", bad, "dim")
    trials = ((taken.frame, taken.reason or "") for taken in found.kept if taken.verdict == "trial")
    yield from _row("trials, kept aside", trials, "dim")
    yield from _row("taken again", found.retaken.items(), "yellow")
    if rest.pending is not None:
        yield from _row(
            "in the spectrographs", [(rest.pending.frame, "exposed already: it is read out first")], "green"
        )
    yield from _row("still to take", ((frame.id, "") for frame in found.left if frame.id not in found.retaken), "")
    yield from _row("file set aside", ((path.name, why) for path, why in found.aside), "yellow")


def _row(what: str, frames: Iterable[tuple[str, str]], style: str) -> Iterator[tuple[str, int, str, str, str]]:
    """Yield one row for each reason."""
    from safelight.text import spans  # noqa: PLC0415

    by_reason: dict[str, list[str]] = {}
    for frame, why in frames:
        by_reason.setdefault(why, []).append(frame)
    for why, names in by_reason.items():
        yield what, len(names), ", ".join(spans(names)), why, style
