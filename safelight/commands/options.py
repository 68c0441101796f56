"""The options that several commands have, spelt once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from safelight.engine.home import OBSERVATORY_VARIABLE

__all__ = [
    "AsJson",
    "AskedBy",
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
    "RunId",
    "Sequence",
    "Speed",
    "Verbose",
    "WhoseLamps",
]


class Level(StrEnum):
    """How much an event matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Sequence = Annotated[str, typer.Argument(help="A sequence of the library, or a file (YAML, JSON).")]
ObservatoryName = Annotated[
    str,
    typer.Option(
        "--observatory",
        metavar="FILE|NAME",
        envvar=OBSERVATORY_VARIABLE,
        show_envvar=False,
        help="The observatory: a document, or one that comes with safelight; also from $SAFELIGHT_OBSERVATORY.",
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
        help="Whose lamps: a document, or one that comes with safelight; also from $SAFELIGHT_OBSERVATORY.  "
        "[default: those that are watched in this home, or else those of its newest run]",
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        show_default=False,
        help="State, locks, logs, the simulated instrument.  [default: $SAFELIGHT_HOME, or the user's state folder]",
    ),
]
JournalUrl = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="URL",
        show_default=False,
        help="Where runs are written down: sqlite:///PATH or postgresql://...  [default: a file in the home]",
    ),
]
RunId = Annotated[str | None, typer.Argument(metavar="RUN", show_default=False, help="The run's id.")]
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
    bool, typer.Option("--no-overlap", help="One thing after the other; nothing runs beside a read-out.")
]
Park = Annotated[bool, typer.Option("--park", help="Park the telescopes at the end.")]
NoPoint = Annotated[bool, typer.Option("--no-point", help="Leave the telescopes where they are.")]
LogLevel = Annotated[
    Level, typer.Option("--log-level", help="Leave out of the run's log, in the home, what matters less.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Tell people of warnings, failures and the end only; no bars.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Tell people of every long state as a line, beside the bars.")
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
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]
