"""Start of the two guards of a run: one process that forks.

python -m safelight.engine.guard FD FD FD FD
"""

import asyncio
import os
import signal
from contextlib import suppress

from safelight.devices import open_lamps
from safelight.engine.clock import wall_utc
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.process import GuardProcess
from safelight.engine.guard.status_files import GuardStatusFile

__all__ = ["main"]

_CLOSE_S = 2.0
"""Time limit for closing the connections, s."""


async def _serve(order: GuardConfig, born: str, listen_fd: int, answer_fd: int) -> None:
    loop = asyncio.get_running_loop()
    lamps, second, close = open_lamps(order.observatory, clock=order.clock, home=order.home, faults=order.faults)
    guard = GuardProcess(order, lamps, second, answer_fd, GuardStatusFile(order.home, order.run), born)

    def terminated() -> None:
        # While the runner lives, only the runner dismisses its guard.
        guard.book.log("asked to end", orphan=guard.orphan)
        if guard.orphan and order.keep:
            os._exit(1)  # a hand-lit lamp now has another lease and other guards
        guard.dismissed = guard.dismissed or guard.orphan

    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, terminated)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(listen_fd, "rb", buffering=0))
    await guard.watch(reader)
    # The next run waits for the end of the process, or for that of its page: nothing may be sent after it.
    with suppress(Exception):
        async with guard.wall.timeout(_CLOSE_S):
            await close()
    guard.book.close()


def _read_order(fd: int) -> GuardConfig:
    """Read the first line, byte by byte: the rest belongs to the later reader."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            raise SystemExit(0)
        line += byte
    return GuardConfig.read(bytes(line))


def main(arguments: list[str]) -> None:
    """Fork into two guards, each with its own pipes. They are detached, so that no process has to wait for them."""
    one_in, one_out, two_in, two_out = (int(argument) for argument in arguments)
    order, born = _read_order(one_in), f"{wall_utc():%Y%m%dT%H%M%S%f}"
    for mine, other in (((one_in, one_out), (two_in, two_out)), ((two_in, two_out), (one_in, one_out))):
        if os.fork() == 0:
            os.setsid()
            for fd in other:
                os.close(fd)
            asyncio.run(_serve(order, born, *mine))
            return
    # At once: the runner takes this process's status, and must not wait for an interpreter that tidies up.
    os._exit(0)
