"""Two hosts and a database between them, made of network namespaces: each has an address and a name of its own.

A host is reached over a cable (a pair of virtual interfaces) that can be pulled, and all its processes can be killed or
frozen at once. The instrument is simulated, in a folder that both reach, and outlives them like a real one.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine.records.servers import Postgres, missing, postgres_server
from tests.matrix.wall import now, pause

__all__ = ["Host", "Site", "until", "whole_site"]

_NUMBERS = itertools.count(os.getpid() * 64 % 57_000)
_IP = shutil.which("ip", path=f"{os.environ['PATH']}:/usr/sbin") or "ip"
_UNSHARE = shutil.which("unshare") or "unshare"
_ENTER = 'echo "$1" > /proc/sys/kernel/hostname; shift; exec "$@"'


def _ip(*words: str) -> str:
    return subprocess.run([_IP, *words], check=True, capture_output=True, text=True).stdout


def until(met: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait until something is so; how long it took, s."""
    began = now()
    while not met():
        assert now() - began < seconds, f"not within {seconds:g} s: {what}"
        pause(0.02)
    return now() - began


@dataclass
class Host:
    """One host.

    Attributes:
        name: its host name.
        namespace: its network.
        cable: the other end of its only interface.
        gateway: address of the database, as it sees it.
        home: its state folder.
    """

    name: str
    namespace: str
    cable: str
    gateway: str
    home: Path
    journal: str
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def safelight(self, *words: str, output: Path) -> "subprocess.Popen[bytes]":
        """Start a command on this host; what it prints goes into a file."""
        program = [sys.executable, "-m", "safelight", *words, "--home", str(self.home), "--journal", self.journal]
        command = [
            _IP,
            "netns",
            "exec",
            self.namespace,
            _UNSHARE,
            "--uts",
            "sh",
            "-c",
            _ENTER,
            "sh",
            self.name,
            *program,
        ]
        with output.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all its processes at once, guards included."""
        for pid in _ip("netns", "pids", self.namespace).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)

    def cut(self) -> None:
        """Pull its cable: packets are lost, and nothing is refused."""
        _ip("link", "set", self.cable, "down")

    def mend(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self.cable, "up")

    def end(self) -> None:
        """End everything on it."""
        self.send(signal.SIGKILL)
        for process in self.processes:
            process.wait(30)


@dataclass(frozen=True)
class Site:
    """Hosts, the instrument and the frames."""

    alpha: Host
    beta: Host
    server: Postgres
    database: str
    folder: Path

    @property
    def url(self) -> str:
        """The journal, as this process reaches it."""
        return self.server.url(self.database)

    def burning(self) -> list[str]:
        """The lamps that are on, from the switch's own file."""
        return [lamp for lamp, outlet in self._switch()["outlets"].items() if outlet["state"] != "off"]

    def ignitions(self) -> int:
        """How often a lamp was lit."""
        return sum(on for _, _, _, on in self._switch()["transitions"])

    def _switch(self) -> Any:
        path = self.folder / "instrument" / "switch.json"
        return json.loads(path.read_bytes()) if path.exists() else {"outlets": {}, "transitions": []}


def _free_number() -> int:
    """Return a number that no other host has, in this process or another one: its namespace is made with it.

    The kernel ends a namespace's interfaces a while after the namespace, so that no number is used again.
    """
    for number in _NUMBERS:
        words = [_IP, "netns", "add", f"sl-{number}"]
        refused = subprocess.run(words, capture_output=True, text=True, check=False).stderr
        if "File exists" not in refused:
            assert not refused, refused
            break
    return number


@contextmanager
def _host(name: str, folder: Path) -> Iterator[Host]:
    number = _free_number()
    namespace, cable, inside = f"sl-{number}", f"slh{number}", f"sln{number}"
    network = f"10.{200 + number // 16_384}.{number // 64 % 256}.{number % 64 * 4}"
    near, far = (f"{network.rpartition('.')[0]}.{int(network.rpartition('.')[2]) + step}" for step in (1, 2))
    home = folder / name
    home.mkdir()
    (home / "simulated").symlink_to(folder / "instrument")
    host = Host(name, namespace, cable, near, home, "")
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", inside, "netns", namespace)
        _ip("address", "add", f"{near}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        for words in (
            ("address", "add", f"{far}/30", "dev", inside),
            ("link", "set", inside, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", namespace, *words)
        yield host
    finally:
        host.end()
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", cable)
        _ip("netns", "del", namespace)


@contextmanager
def whole_site(folder: Path, new_database: Callable[[Postgres], str]) -> Iterator[Site]:
    """Two hosts with a database on the machine between them."""
    probe = subprocess.run([_UNSHARE, "--net", "--uts", "true"], capture_output=True, check=False)
    if probe.returncode or os.geteuid():
        missing("the right to make network namespaces (root)")
    (folder / "instrument").mkdir()
    with _host("alpha", folder) as alpha, _host("beta", folder) as beta:
        addresses = [alpha.gateway, beta.gateway]
        with postgres_server(addresses) as server:
            database = new_database(server).partition("@/")[2].partition("?")[0]
            for host in (alpha, beta):
                host.journal = f"postgresql://{server.user}@{host.gateway}:{server.port}/{database}"
            try:
                yield Site(alpha, beta, server, database, folder)
            finally:
                for host in (beta, alpha):
                    host.mend()
                    host.send(signal.SIGCONT)
                    host.end()


def words_of(path: Path) -> str:
    """What a command has printed so far."""
    return path.read_text(encoding="utf-8", errors="replace")


def arguments(sequence: Path, observatory: Path, frames: Path) -> Sequence[str]:
    """Of a run at a real observatory's speed."""
    return (
        "run",
        str(sequence),
        "--observatory",
        str(observatory),
        "--frames",
        str(frames),
        "--speed",
        "5",
        "--no-point",
    )
