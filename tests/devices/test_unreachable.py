"""Reasons why a host can't be reached, in words of our own."""

import asyncio
import errno
import socket

import httpx
import pytest

from safelight.devices.unreachable import why_unreachable


def closed_port() -> int:
    """Return a port of the loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_port_on_which_nothing_listens() -> None:
    """The reason is the same for a plain connection and for a library that hides it in its own errors."""
    port = closed_port()
    with pytest.raises(OSError) as plain:  # noqa: PT011 - its text is that of the operating system
        asyncio.run(asyncio.open_connection("127.0.0.1", port))
    with pytest.raises(httpx.ConnectError) as hidden:
        httpx.get(f"http://127.0.0.1:{port}", trust_env=False)
    for error in (plain.value, hidden.value):
        assert why_unreachable(error).startswith("no program listens on that port")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no host of that name"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "the host can't be reached"),
        (OSError(f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] Connect call failed, [Errno 1] x"), "no program"),
        (OSError(errno.EMFILE, "Too many open files"), "the connection can't be opened"),
    ],
)
def test_other_reasons(error: OSError, said: str) -> None:
    """Each has words of its own, and no word of the operating system is passed on."""
    assert said in why_unreachable(error)
    assert str(error) not in why_unreachable(error)
