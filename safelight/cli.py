"""The command line: `safelight COMMAND`. Each command lies in a file of `commands/` and imports what it needs."""

from typing import Annotated

import typer

from safelight import __version__
from safelight.commands import (
    by_hand,
    check,
    graph,
    guard,
    import_gort,
    lamps,
    library,
    log,
    plan,
    report,
    resume,
    run,
    runs,
    serve,
    show,
    stopping,
)

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(f"safelight {__version__}")
        raise typer.Exit


@app.callback()
def safelight(
    *,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of unexpected errors.")] = False,
) -> None:
    """Calibration sequences of a spectrograph, run as a proved state machine: no lamp is left burning.

    Begin with `safelight plan normal`, then `safelight run normal --speed 60`: without an observatory of yours, all
    of it happens in a simulated one.

    Exit codes: 0 done, 1 internal error, 2 invalid input (nothing was touched), 3 faulted, 4 aborted, 5 paused,
    10 UNSAFE: a lamp is not confirmed off.
    """


app.command()(run.run)
app.command()(resume.resume)
app.command()(stopping.pause)
app.command()(stopping.abort)
app.command()(runs.runs)
app.command()(show.show)
app.command()(report.report)
app.command()(log.log)
app.command()(plan.plan)
app.command()(check.check)
app.command()(graph.graph)
app.command()(library.sequences)
app.command()(library.schema)
app.add_typer(lamps.app, name="lamps")
app.add_typer(guard.app, name="guard")
app.command()(by_hand.point)
app.command()(by_hand.fibsel)
app.command()(by_hand.expose)
app.command()(serve.serve)
app.command("import-gort")(import_gort.import_gort)
