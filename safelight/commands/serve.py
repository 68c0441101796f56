"""`safelight serve`."""

from pathlib import Path
from typing import Annotated

import typer

from safelight.commands.options import FramesFolder, Home, JournalUrl, Speed, WhoseLamps

__all__ = ["serve"]

_HOST = "127.0.0.1"

Host = Annotated[
    str, typer.Option("--host", help=f"Only {_HOST} is allowed: from elsewhere, come through an SSH tunnel.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen at; 0: any free one.")]


def serve(
    *,
    host: Host = _HOST,
    port: Port = 8321,
    observatory: WhoseLamps = None,
    home: Home = None,
    journal: JournalUrl = None,
    frames: FramesFolder = Path("frames"),
    speed: Speed = "1",
    as_json: Annotated[bool, typer.Option("--json", help="Print address and token as one line of JSON.")] = False,
) -> None:
    """Serve the web page: watch runs and lamps, start, pause, abort and resume.

    It listens on this machine only. Whoever has the token that is printed may change things; without it the page can
    be looked at. Runs are processes of their own: they go on when the server or the browser ends.
    """
    from safelight import SafelightError  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.instrument import whose_lamps  # noqa: PLC0415
    from safelight.engine.clock import clock_for  # noqa: PLC0415
    from safelight.engine.errors import EngineError  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.speech import put_json, settle, tell  # noqa: PLC0415

    if host != _HOST:
        raise EngineError(
            f"--host {host} is not allowed: lamps are switched from here, so the page is served on {_HOST} only. "
            f"From elsewhere: `ssh -L {port}:{_HOST}:{port} THIS-MACHINE`, then http://localhost:{port}/"
        )
    clock_for(speed)  # a wrong one is told now, not when a run is started
    try:
        from safelight.web import Place  # noqa: PLC0415
        from safelight.web import serve as listen  # noqa: PLC0415
    except ImportError as error:
        if isinstance(error, SafelightError) or (error.name or "").startswith("safelight"):
            raise
        raise EngineError(f"the web page needs {error.name}: pip install 'safelight[web]'") from None

    def ready(address: str, token: str) -> None:
        if as_json:
            put_json({"event": "serving", "address": address, "token": token})
            settle()
        else:
            tell(_greeting(address, token, place.home))

    whose = whose_lamps(observatory, home, journal)
    if len(whose) > 1:
        raise EngineError(f"several observatories are in use here ({', '.join(whose)}): say which with --observatory")
    place = Place((home or default_home()).absolute(), frames.absolute(), whose[0], journal, speed)
    listen(place, port, ready)


def _greeting(address: str, token: str, home: Path) -> str:
    return (
        f"Watch and control:  {address}#token={token}\n"
        f"Only watch:         {address}\n"
        f"The token is kept in {home / 'web-token'} until the next start. Ctrl-C ends the page, not the runs."
    )
