"""Listening: on 127.0.0.1 and nowhere else."""

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn

from safelight import SafelightError
from safelight.web.application import application
from safelight.web.place import Place
from safelight.web.prompt import Prompt
from safelight.web.stream import Stream
from safelight.web.tokens import keep_token, new_token

__all__ = ["HOST", "ListenError", "serve"]

HOST = "127.0.0.1"
_CONNECTIONS = 200
"""At once; a browser opens six."""


class ListenError(SafelightError):
    """The port can't be listened at."""


class _Server(uvicorn.Server):
    """Lets the pages' endless answers end when it is told to stop."""

    stream: Stream
    ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the address when it is answered there, and Ctrl-C is listened to."""
        await super().startup(sockets)
        self.ready()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """A signal has come."""
        self.stream.close()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Before connections are waited for."""
        self.stream.close()
        await super().shutdown(sockets)


def serve(place: Place, port: int, ready: Callable[[str, str], None]) -> None:
    """Serve the page until a signal comes; runs that were started go on.

    Args:
        place: where it works.
        port: to listen at; 0: any free one.
        ready: called with the page's address and the token.

    Raises:
        ListenError: the port is taken.
        ObservatoryError, TokenError: before anything is served.
    """
    # First the port: a second server must not replace the first one's token, and then fail.
    with _listening(port) as sock:
        token = new_token()
        app, stream = application(place, token)
        keep_token(place.home, token)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            http=Prompt,
            loop="asyncio",
            lifespan="on",
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=2,
        )
        server = _Server(config)
        server.stream = stream
        server.ready = partial(ready, f"http://{HOST}:{sock.getsockname()[1]}/", token)
        # uvicorn sends itself the signal again when all is closed: by then it has been obeyed.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[sock])


def _listening(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(128)
    except (OSError, OverflowError) as error:
        sock.close()
        words = getattr(error, "strerror", None) or str(error)
        raise ListenError(f"port {port} of {HOST} can't be listened at ({words}): choose another --port") from None
    return sock
