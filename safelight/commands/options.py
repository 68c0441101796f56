"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from safelight.engine.home import OBSERVATORY_VARIABLE

__all__ = [
    "AsJson",
    "AskedBy",
    "Detail",
    "Faults",
    "FramesFolder",
    "Home",
    "JournalUrl",
    "Level",
    "LogLevel",
    "NoOverlap",
    "NoPoint",
    "ObservatoryName",
    "Park",
    "Quiet",
    "RunAs",
    "RunId",
    "Sequence",
    "Speed",
    "TakeOver",
    "Verbose",
    "WhoseLamps",
]


class Detail(StrEnum):
    """How much of a plan or a graph is shown."""

    STATES = "states"
    BLOCKS = "blocks"


class Level(StrEnum):
    """Level of an event."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Sequence = Annotated[
    str,
    typer.Argument(metavar="SEQUENCE", help="A sequence by its name (see `sequences`), or a file (YAML, JSON)."),
]
ObservatoryName = Annotated[
    str | None,
    typer.Option(
        "--observatory",
        metavar="FILE|NAME",
        envvar=OBSERVATORY_VARIABLE,
        show_envvar=False,
        show_default=False,
        help="The observatory: a document, or one that comes with safelight.  "
        "[default: $SAFELIGHT_OBSERVATORY, or that of `safelight use`, or the simulated one]",
    ),
]
WhoseLamps = Annotated[
    str | None,
    typer.Option(
        "--observatory",
        metavar="FILE|NAME",
        envvar=OBSERVATORY_VARIABLE,
        show_envvar=False,
        show_default=False,
        help="Whose devices: a document, or one that comes with safelight.  [default: $SAFELIGHT_OBSERVATORY, or that "
        "of `safelight use`; without either, that whose lamps are watched in this state folder, or that of its newest "
        "run]",
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        "--home",
        metavar="DIR",
        show_default=False,
        help="State folder: journal, locks, logs, the simulated instrument.  [default: $SAFELIGHT_HOME, or the user's]",
    ),
]
JournalUrl = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="URL",
        show_default=False,
        help="Journal of the runs: sqlite:///PATH or postgresql://...  [default: a file in the state folder]",
    ),
]
RunId = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", show_default=False, help="The run's id, the beginning of it, or `last` for the newest."
    ),
]
FramesFolder = Annotated[
    Path, typer.Option("--frames", metavar="DIR", help="Every run makes a folder of its own in here.")
]
Faults = Annotated[
    Path | None,
    typer.Option(
        "--faults", metavar="FILE", show_default=False, help="What a simulated observatory is to do wrong (YAML, JSON)."
    ),
]
Speed = Annotated[
    str,
    typer.Option(
        "--speed",
        metavar="N|max",
        help="N times faster than real, or `max`: as fast as it goes. Only where everything is simulated.",
    ),
]
NoOverlap = Annotated[
    bool, typer.Option("--no-overlap", help="Run one step after the other, without overlap during readout.")
]
Park = Annotated[bool, typer.Option("--park", help="Park the telescopes at the end.")]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="Abort an exposure of another program. By default, wait for it or refuse."),
]
NoPoint = Annotated[bool, typer.Option("--no-point", help="Leave the telescopes where they are.")]
LogLevel = Annotated[
    Level, typer.Option("--log-level", help="Lowest level in the run's log, which is in the state folder.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings, failures and the end only, without bars.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print a line for every long state, in addition to the bars.")
]
AskedBy = Annotated[
    str | None,
    typer.Option(
        "--asked-by",
        metavar="WHO",
        show_default=False,
        help="Who wants it, for the journal and the log.  [default: the command line, with user, host and process]",
    ),
]
RunAs = Annotated[
    str | None, typer.Option("--run-as", metavar="RUN", hidden=True, help="Id of the run, from a worker.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]
