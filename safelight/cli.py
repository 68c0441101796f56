"""Command line `safelight COMMAND`. Each command has a file in `commands/` and imports what it needs."""

from typing import Annotated

import typer

from safelight.commands import (
    check,
    completion,
    graph,
    guard,
    import_gort,
    init,
    judge,
    lamps,
    library,
    log,
    manual,
    pause_abort,
    plan,
    quality,
    queue,
    report,
    resume,
    run,
    runs,
    schedule,
    serve,
    show,
    tidy,
    token,
    use,
    worker,
)
from safelight.commands.usage import CommandLine, Commands, Listed, NewestRun
from safelight.version import __version__

__all__ = ["app"]

app = CommandLine(
    cls=Commands,
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
    """Run calibration sequences of a spectrograph, and never leave a lamp on.

    Begin with `safelight plan normal`, then `safelight run normal --speed 60`. Without an observatory document of your
    own, both use a simulated observatory.

    Exit codes: 0 done, 1 internal error, 2 invalid input (nothing was touched), 3 faulted, 4 aborted, 5 paused,
    10 UNSAFE: a lamp is not confirmed off.
    """


app.command()(run.run)
app.command()(resume.resume)
app.command()(pause_abort.pause)
app.command()(pause_abort.abort)
app.command()(runs.runs)
app.command()(show.show)
app.command()(report.report)
app.command()(log.log)
app.command()(plan.plan)
app.command()(check.check)
app.command(cls=NewestRun)(graph.graph)
app.command()(library.sequences)
app.command()(library.schema)
app.add_typer(lamps.app, name="lamps", cls=Listed)
app.add_typer(guard.app, name="guard", cls=Listed)
app.command()(manual.point)
app.command()(manual.fibsel)
app.command()(manual.expose)
app.command()(serve.serve)
app.command()(init.init)
app.command()(judge.judge)
app.add_typer(quality.app, name="quality")
app.add_typer(queue.app, name="queue", cls=Listed)
app.add_typer(schedule.app, name="schedule", cls=Listed)
app.add_typer(token.app, name="token", cls=Listed)
app.command()(worker.worker)
app.command()(use.use)
app.command()(tidy.tidy)
app.command()(completion.completion)
app.command(hidden=True)(completion.complete)
app.command("import-gort")(import_gort.import_gort)
