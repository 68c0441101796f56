"""`safelight run`."""

from pathlib import Path

import typer

from safelight.commands.options import (
    AsJson,
    AskedBy,
    Faults,
    FramesFolder,
    Home,
    JournalUrl,
    Level,
    LogLevel,
    NoOverlap,
    NoPoint,
    ObservatoryName,
    Park,
    Quiet,
    RunAs,
    Sequence,
    Speed,
    TakeOver,
    Verbose,
)

__all__ = ["run"]


def run(
    sequence: Sequence,
    *,
    observatory: ObservatoryName = None,
    home: Home = None,
    journal: JournalUrl = None,
    frames: FramesFolder = Path("frames"),
    faults: Faults = None,
    speed: Speed = "1",
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    take_over: TakeOver = False,
    log_level: LogLevel = Level.DEBUG,
    quiet: Quiet = False,
    verbose: Verbose = False,
    asked_by: AskedBy = None,
    run_as: RunAs = None,
    as_json: AsJson = False,
) -> None:
    """Run a sequence, from the first lamps-off to the last.

    Ctrl-C aborts: first all lamps go off and are read back, then the frame in progress is thrown away. Frames that are
    on disk stay there. With --json, every event is a line of JSON on standard output.
    """
    from safelight.commands.execution import execute, least_told  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.manual_options import say_if_assumed  # noqa: PLC0415
    from safelight.devices.simulated.faults import load_faults  # noqa: PLC0415
    from safelight.engine import Request  # noqa: PLC0415
    from safelight.engine.requester import command_line_requester  # noqa: PLC0415

    say_if_assumed(observatory, home)
    request = Request(
        sequence=sequence,
        observatory=observatory,
        home=home,
        frames=frames,
        speed=speed,
        overlap=False if no_overlap else None,
        point=not no_point,
        park_after=True if park else None,
        faults=load_faults(faults) if faults else (),
        journal=journal,
        take_over=take_over,
        asked_by=command_line_requester(asked_by),
        log_level=log_level.value,
        run_as=run_as,
    )
    raise typer.Exit(execute(request, as_json=as_json, least=least_told(quiet=quiet, verbose=verbose)))
