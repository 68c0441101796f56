"""`safelight serve`."""

from pathlib import Path
from typing import Annotated

import typer

from safelight.commands.options import FramesFolder, Home, JournalUrl, Speed, WhoseLamps

__all__ = ["serve"]

_HOST = "127.0.0.1"

Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help=f"Only {_HOST} is allowed: from elsewhere, come through an SSH tunnel."
    ),
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen at; 0: any free one.")]
Others = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="FILE|NAME",
        show_default=False,
        help="Another observatory whose lamps and runs are shown next to it. ALL LAMPS OFF switches off all of them. "
        "It can be repeated.",
    ),
]
PublicUrl = Annotated[
    str | None,
    typer.Option(
        "--public-url",
        metavar="URL",
        show_default=False,
        help="https://NAME as which a reverse proxy on this machine serves it. There, watching needs a token as well.",
    ),
]


def serve(
    *,
    host: Host = _HOST,
    port: Port = 8321,
    observatory: WhoseLamps = None,
    also: Others = None,
    home: Home = None,
    journal: JournalUrl = None,
    frames: FramesFolder = Path("frames"),
    speed: Speed = "1",
    public_url: PublicUrl = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print address and token as one line of JSON.")] = False,
) -> None:
    """Serve the web page to watch runs and lamps, and to start, pause, abort and resume runs.

    It listens on this machine only. To control anything, the printed token is needed, or one of `safelight token add`.
    Without one, the page can only be watched. Runs are separate processes, and continue when the server ends.
    """
    from safelight.commands.manual_options import say_if_assumed, whose_lamps  # noqa: PLC0415
    from safelight.commands.output import put_json, settle, tell  # noqa: PLC0415
    from safelight.engine.clock import clock_for  # noqa: PLC0415
    from safelight.engine.default_observatory import SIMULATED  # noqa: PLC0415
    from safelight.engine.errors import EngineError  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.errors import SafelightError  # noqa: PLC0415 - a command pays for what it uses
    from safelight.text import how_to_install  # noqa: PLC0415 - a command pays for what it uses

    if host != _HOST:
        raise EngineError(
            f"--host: expected {_HOST}, got {host}: the page switches lamps, so it is served on this machine only. "
            f"From elsewhere: `ssh -L {port}:{_HOST}:{port} THIS-MACHINE`, then http://localhost:{port}/"
        )
    public = _origin(public_url)
    clock_for(speed)  # a wrong one is reported now, not when a run is started
    try:
        from safelight.web import ServerSettings  # noqa: PLC0415
        from safelight.web import serve as listen  # noqa: PLC0415
    except ImportError as error:
        if isinstance(error, SafelightError) or (error.name or "").startswith("safelight"):
            raise
        raise EngineError(f"the web page needs {error.name}. {how_to_install('web')}") from None

    def ready(address: str, token: str) -> None:
        if as_json:
            put_json({"event": "serving", "address": address, "token": token})
            settle()
        else:
            tell(_greeting(address, token, place.home))

    whose = whose_lamps(observatory, home, journal)
    if len(whose) > 1:
        raise EngineError(f"several observatories are in use here ({', '.join(whose)}): say which with --observatory")
    if whose == (SIMULATED,):
        say_if_assumed(observatory, home)
    others = tuple(dict.fromkeys(one for one in also or () if one != whose[0]))
    folder = (home or default_home()).absolute()
    place = ServerSettings(folder, frames.absolute(), whose[0], journal, speed, others, public)
    listen(place, port, ready)


def _origin(url: str | None) -> str:
    """Return the origin of the public address, or nothing."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - a command pays for what it uses

    from safelight.engine.errors import EngineError  # noqa: PLC0415

    if url is None:
        return ""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port not in (None, 443) else ""
        right = parts.scheme == "https" and parts.hostname and parts.path in ("", "/") and "@" not in parts.netloc
    except ValueError:
        right = False
    if not right or parts.query or parts.fragment:
        raise EngineError(f"--public-url: expected https://NAME without a path, got {url!r}")
    return f"https://{parts.hostname}{port}"


def _greeting(address: str, token: str, home: Path) -> str:
    return (
        f"Watch and control:  {address}#token={token}\n"
        f"Only watch:         {address}\n"
        f"The token is kept in {home / 'web-token'} until the next start. Ctrl-C ends the page, not the runs."
    )
