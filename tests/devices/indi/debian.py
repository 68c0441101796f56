"""Debian's INDI server and drivers in a network of their own, reached through a port of our loopback.

`indiserver` listens on all interfaces. So it runs in a network namespace, and a forwarder with a foot in both passes
bytes on. The listening socket is made outside and inherited: what it accepts is outside, what it connects to is inside.

    unshare --net python -m tests.devices.indi.debian SOCKET_FD FOLDER DRIVER...
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.devices.clu.broker import on_a_leash
from tests.matrix.wall import now, pause

ROOT = Path(__file__).parents[3]
UNSHARE = shutil.which("unshare") or "unshare"
_INSIDE = 7624
_START_S = 60.0


def missing(*drivers: str) -> str | None:
    """Why Debian's drivers can't be run here, or None if they can."""
    for program in ("indiserver", *drivers):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: indi-bin, indi-shelyak)"
    probe = subprocess.run([UNSHARE, "--net", "true"], capture_output=True, check=False)
    return None if probe.returncode == 0 else "a network namespace can't be made here (root is needed)"


class DebianServer:
    """The running server.

    Attributes:
        port: of our loopback, the same after a restart.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._pids = folder / "indiserver.pid"

    @property
    def pid(self) -> int:
        """Process of the server itself."""
        return int(self._pids.read_text())

    def drivers(self) -> list[int]:
        """Return the processes of its drivers, and no others: its children."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def signal_drivers(self, number: signal.Signals) -> None:
        """Send a signal to its drivers."""
        for pid in self.drivers():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Kill the server. It is started anew at once, and its drivers with it."""
        before = self.pid
        os.kill(before, signal.SIGKILL)
        end = now() + _START_S
        while now() < end and self.pid == before:
            pause(0.02)


@contextmanager
def debian_server(folder: Path, *drivers: str) -> Iterator[DebianServer]:
    """Run a server with drivers.

    Args:
        folder: for what they write.
        drivers: programs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        script = 'ip link set lo up; exec "$0" -m tests.devices.indi.debian "$@"'
        own = [sys.executable, str(listening.fileno()), str(folder), *drivers]
        with (folder / "forwarder.log").open("wb") as log:
            process = subprocess.Popen(
                on_a_leash([UNSHARE, "--net", "sh", "-c", script, *own]),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )
    try:
        end = now() + _START_S
        while not (folder / "indiserver.pid").exists():
            assert now() < end, (folder / "forwarder.log").read_text(errors="replace")
            assert process.poll() is None, (folder / "forwarder.log").read_text(errors="replace")
            pause(0.02)
        yield DebianServer(port, folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until one side has gone."""
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def _welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner, to = await asyncio.open_connection("127.0.0.1", _INSIDE)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pass_on(reader, to), _pass_on(inner, writer))


async def _serve(listening: socket.socket, folder: Path, drivers: list[str]) -> None:
    """Run the server, again and again, and forward to it."""
    async with await asyncio.start_server(_welcome, sock=listening):
        while True:
            with (folder / "indiserver.log").open("ab") as log:
                command = ["indiserver", "-p", str(_INSIDE), "-u", f"/safelight/{os.getpid()}", "-r", "20", *drivers]
                environment = os.environ | {"HOME": str(folder)}
                server = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
            part = folder / "indiserver.pid.part"
            part.write_text(str(server.pid))
            part.replace(folder / "indiserver.pid")
            try:
                await server.wait()
            except asyncio.CancelledError:
                server.kill()
                raise


if __name__ == "__main__":
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), sys.argv[3:]))
