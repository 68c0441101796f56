"""A RabbitMQ node of our own on the loopback: private folders, ports and cookie. Stopped by its own process id."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


_LEASH = 'exec 3<&0; (read -r _ <&3; kill -9 0) & exec "$@" </dev/null 3<&-'
"""Runs a command, and kills its process group when our end of its input closes: nothing outlives a killed test."""


def on_a_leash(command: list[str]) -> list[str]:
    """Return the command as it is to be started, with a pipe as its input, in a session of its own."""
    return ["/bin/sh", "-c", _LEASH, "leash", *command]


def stop_group(group: int) -> None:
    """Stop a process group, and wait until each of its threads stands still: a busy machine lets them go on a while."""
    os.killpg(group, signal.SIGSTOP)
    deadline = time.monotonic() + 10  # noqa: TID251 - real programs take real time
    while any(state not in "TtZX" for state in _states(group)):
        assert time.monotonic() < deadline, "a process does not stop"  # noqa: TID251
        time.sleep(0.005)  # noqa: TID251


def _states(group: int) -> Iterator[str]:
    """Yield the states of all threads of a process group, as the kernel's letters."""
    for page in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if os.getpgid(int(page.parent.name)) == group:
                for task in page.parent.glob("task/*/stat"):
                    yield task.read_text(errors="replace").rpartition(")")[2].split()[0]


def missing() -> str | None:
    """Why no broker can be run here, or None if one can."""
    if not SERVER.exists():
        return "RabbitMQ is not installed (Debian: rabbitmq-server)"
    return None if shutil.which("epmd") else "Erlang's epmd is not installed (Debian: erlang-base)"


@dataclass
class RabbitNode:
    """One node. May be stopped and started again on the same port."""

    folder: Path
    port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    dist_port: int = field(default_factory=free_port)
    _server: "subprocess.Popen[bytes] | None" = None
    _epmd: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._epmd is None:
            command = ["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"]
            self._epmd = self._spawn(command, "epmd.log")
        self._server = self._spawn([str(SERVER)], "rabbit.log")
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    @property
    def up(self) -> bool:
        """Whether it was started and not killed."""
        return self._server is not None

    def kill(self) -> None:
        """Pull the plug: no goodbye to anybody."""
        self._end(self._server, signal.SIGKILL)
        self._server = None

    def freeze(self) -> None:
        """Stop the node's clock. Connections stay open."""
        assert self._server is not None
        stop_group(self._server.pid)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the node and its port mapper."""
        self.kill()
        self._end(self._epmd, signal.SIGKILL)
        self._epmd = None

    def _spawn(self, command: list[str], log: str) -> "subprocess.Popen[bytes]":
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                on_a_leash(command),
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
                cwd=self.folder,
            )

    def _environment(self) -> dict[str, str]:
        path = ":".join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            "PATH": path,
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),  # Erlang's cookie is made here
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"safelight{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": str(self.folder / "log" / "node.log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{loopback} +S 1:1",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
        }

    def _wait(self) -> None:
        """Wait until the node answers a wrong protocol header with the right one: the listener is really up."""
        deadline = time.monotonic() + 180  # noqa: TID251 - a real server takes real time
        while time.monotonic() < deadline:  # noqa: TID251
            if self._server is None or self._server.poll() is not None:
                raise RuntimeError((self.folder / "rabbit.log").read_text()[-2000:])
            if self._speaks():
                return
            time.sleep(0.1)  # noqa: TID251
        raise RuntimeError("the broker did not start")

    def _speaks(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"AMQP\x01\x01\x00\x00")
                return probe.recv(4) == b"AMQP"
        except OSError:
            return False

    def _end(self, process: "subprocess.Popen[bytes] | None", number: signal.Signals) -> None:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            process.wait(timeout=30)
            assert process.stdin is not None
            process.stdin.close()
