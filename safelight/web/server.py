"""Server of the page, on 127.0.0.1 only."""

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn

from safelight.errors import SafelightError
from safelight.web.application import make_application
from safelight.web.idle_connections import IdleHangUp
from safelight.web.settings import ServerSettings
from safelight.web.stream import Stream
from safelight.web.tokens import keep_token, new_token

__all__ = ["HOST", "ListenError", "serve"]

HOST = "127.0.0.1"


class ListenError(SafelightError):
    """Port that can't be used."""


class _Server(uvicorn.Server):
    """Server that ends the pages' event streams when it stops."""

    stream: Stream
    ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Announce the address once the server answers there and handles Ctrl-C."""
        await super().startup(sockets)
        self.ready()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Handle a signal."""
        self.stream.close()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams before the server waits for connections."""
        self.stream.close()
        await super().shutdown(sockets)


def serve(place: ServerSettings, port: int, ready: Callable[[str, str], None]) -> None:
    """Serve the page until a signal arrives. Started runs continue.

    Args:
        place: settings of the server.
        port: its port; 0: any free one.
        ready: called with the page's address and the token.

    Raises:
        ListenError: the port is taken.
        ObservatoryError, TokenError: before anything is served.
    """
    # The port comes first: a second server must not replace the first one's token, and then fail.
    with _listening(port) as sock:
        token = new_token()
        app, stream = make_application(place, token)
        keep_token(place.home, token)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            http=IdleHangUp,
            loop="asyncio",
            lifespan="on",
            timeout_graceful_shutdown=2,
        )
        server = _Server(config)
        server.stream = stream
        server.ready = partial(ready, f"http://{HOST}:{sock.getsockname()[1]}/", token)
        # uvicorn sends itself the signal again when all is closed. By then it has been obeyed.
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
