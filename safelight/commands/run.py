"""`safelight run`."""

from pathlib import Path

import typer

from safelight.commands.options import (
    AsJson,
    Faults,
    FramesFolder,
    Home,
    JournalUrl,
    NoOverlap,
    NoPoint,
    ObservatoryName,
    Park,
    Sequence,
    Speed,
)

__all__ = ["run"]


def run(
    sequence: Sequence,
    *,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    journal: JournalUrl = None,
    frames: FramesFolder = Path("frames"),
    faults: Faults = None,
    speed: Speed = "1",
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    as_json: AsJson = False,
) -> None:
    """Run a sequence, from the first lamps-off to the last.

    Ctrl-C aborts: first all lamps go off and are read back, then the frame in progress is thrown away. Frames that are
    on disk stay there. With --json, every event is a line of JSON on standard output.
    """
    from safelight.commands.conducting import conduct_run  # noqa: PLC0415 - a command pays for what it uses
    from safelight.devices.simulated.faults import load_faults  # noqa: PLC0415
    from safelight.engine import Request  # noqa: PLC0415

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
    )
    raise typer.Exit(conduct_run(request, as_json=as_json))
