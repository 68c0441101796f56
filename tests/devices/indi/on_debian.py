"""Debian's INDI drivers in a network namespace, with a line that keeps the state of the hardware.

    unshare --net python tests/devices/indi/on_debian.py spox|eshel FOLDER

The server listens on all interfaces, so it gets a network of its own. What is done and what the hardware does is
printed as lines of JSON: `{"did": ..., "lit": [...], "seen": {...}}`.
"""

import asyncio
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from safelight.devices import DeviceError, open_lamps
from safelight.engine.clock import Clock
from tests.devices.indi.conftest import FLAT, observatory_at
from tests.devices.lamp_log import LampLog
from tests.matrix.wall import pause

PORT = 7624


class Line:
    """A serial line. The hardware behind it obeys what it hears, and `log` says when.

    Args:
        obey: changes the lamps by one command.
        command: the form of a command.
        link: the name of its port for the driver, the same when it is plugged in again.
    """

    def __init__(self, command: str, obey: Callable[[set[str], str], None], link: Path | None = None) -> None:
        self.lit: set[str] = set()
        self.log = LampLog()
        self._command, self._obey, self._rest = re.compile(command), obey, ""
        self._link = link
        self.plug_in()

    def plug_in(self) -> None:
        """Connect the hardware to a port of the computer."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.port)
            self.port = str(self._link)
        self._unplugged = threading.Event()
        self._hearing = threading.Thread(target=self._hear, args=(self._master, self._unplugged), daemon=True)
        self._hearing.start()

    def unplug(self) -> None:
        """Pull the plug. The lamps stay as they are, the port is gone, and what the driver writes to it is an error."""
        self._unplugged.set()
        self._hearing.join()
        if self._link is not None:
            self._link.unlink()
        os.close(self._slave)
        os.close(self._master)

    def _hear(self, master: int, unplugged: threading.Event) -> None:
        while not unplugged.is_set():
            if not select.select([master], [], [], 0.1)[0]:
                continue
            try:
                self._rest += os.read(master, 100).decode("latin-1")
            except OSError:
                return
            for found in self._command.finditer(self._rest):
                self._obey(self.lit, found[1])
                self.log.note(self.lit)
            self._rest = self._command.sub("", self._rest)


def obey_spox(lit: set[str], command: str) -> None:
    """`00` resets, `11` lights the calibration lamp, `21` the flat lamp."""
    if command == "00":
        lit.clear()
    else:
        lit.add({"11": "Neon", "21": "Argon"}[command])


def obey_eshel(lit: set[str], command: str) -> None:
    """`S3` sets line 3, `C3` clears it."""
    name = {"3": "Argon", "4": "Neon"}.get(command[1], "LED")
    (lit.add if command[0] == "S" else lit.discard)(name)


SPOX = {"Argon": FLAT, "Neon": FLAT | {"is_on": "CALIBRATION"}}
ESHEL = {
    "device": "Shelyak eShel",
    "property": "CALIB_LAMPS",
    "force_off": "on-then-off",
}


def say(did: str, lit: Iterable[str], seen: Mapping[str, str] | str) -> None:
    """Print one line."""
    found = seen if isinstance(seen, str) else dict(seen)
    sys.stdout.write(json.dumps({"did": did, "lit": sorted(lit), "seen": found}) + "\n")
    sys.stdout.flush()


def kill_drivers(server: int) -> None:
    """Kill the drivers of our server, and nothing else: its children."""
    for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)


def served(driver: str, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a server with one driver."""
    command = ["indiserver", "-p", str(PORT), "-u", f"/safelight/{os.getpid()}", "-r", "5", driver]
    with (folder / "indiserver.log").open("wb") as log:
        return subprocess.Popen(command, env=os.environ | {"HOME": str(folder)}, stdout=log, stderr=log)


async def play(lamps: Any, line: Line, server: "subprocess.Popen[bytes]") -> None:
    """Light and darken each lamp, kill the driver under a lit one, and darken again."""

    async def do(did: str, work: Any) -> None:
        try:
            await work
            # The line is heard in a thread.
            await asyncio.to_thread(pause, 0.3)
            seen: Mapping[str, str] | str = await lamps.status()
        except DeviceError as error:
            seen = type(error).__name__
        say(did, line.lit, seen)

    for lamp in lamps.names:
        await do(f"on {lamp}", lamps.on(lamp))
        await do(f"off {lamp}", lamps.off(lamp))
    await do("on again", lamps.on("Argon"))
    kill_drivers(server.pid)
    await asyncio.to_thread(pause, 1.0)
    await do("driver killed", asyncio.sleep(0))  # noqa: TID251 - gives up the turn
    await do("all off", lamps.all_off())
    await do("on at last", lamps.on("Argon"))
    await do("all off at last", lamps.all_off())


async def main(scenario: str, folder: Path) -> None:
    """Run a server with one driver, and lamps on it."""
    spox = scenario == "spox"
    device = "Shelyak Spox" if spox else "Shelyak eShel"
    line = Line(r"(\d\d)\n", obey_spox) if spox else Line(r"\r\x01([SC]\d).", obey_eshel)
    chosen = SPOX if spox else {"Argon": ESHEL | {"is_on": "THAR"}, "Neon": ESHEL | {"is_on": "TUNGSTEN"}}
    server = served(f"indi_shelyak{scenario}_spectrograph", folder)
    settings = {device: {"DEVICE_PORT": {"PORT": line.port}}}
    observatory = observatory_at(PORT, chosen, settings=settings, deadline_s=20.0)
    lamps, _, close = open_lamps(observatory, clock=Clock(), home=folder)
    try:
        for _ in range(100):
            try:
                await lamps.status()
                break
            except DeviceError:
                await asyncio.to_thread(pause, 0.1)
        await play(lamps, line, server)
    finally:
        await close()
        server.terminate()
        server.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
