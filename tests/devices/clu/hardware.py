"""The rest of the hardware as seen on the wire: telescopes (PWI4), shutters and doors (motors), power relays (WAGO)."""

import asyncio
import struct
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from tests.devices.dli.hosting import Listener

now = time.monotonic  # noqa: TID251 - simulated hardware lives on the wall's time

_UNUSED = (
    "ra_apparent_hours", "dec_apparent_degs", "ra_j2000_hours", "dec_j2000_degs", "geometry", "field_angle_here_degs",
    "field_angle_at_target_degs", "field_angle_rate_at_target_degs_per_sec",
)  # fmt: skip


@dataclass
class Pwi4(Listener):
    """PlaneWave's mount program: HTTP in, `key=value` lines out. Slews at a steady rate in both axes.

    Attributes:
        stuck: says that it slews and arrives, and does not move.
    """

    deg_per_s: float = 40.0
    port: int = 0
    stuck: bool = False
    _from: tuple[float, float] = (-60.0, 90.0)
    _to: tuple[float, float] = (-60.0, 90.0)
    _began: float = 0.0
    _enabled: bool = False

    def park(self) -> None:
        """Back where it was at the beginning, at once."""
        self.stuck = False
        self._from = self._to = (-60.0, 90.0)

    @property
    def where(self) -> tuple[float, float]:
        """Altitude and azimuth, degrees: the truth."""
        part = min(1.0, self._moved_deg / self._way_deg) if self._way_deg else 1.0
        return tuple(a + part * (b - a) for a, b in zip(self._from, self._to, strict=True))  # type: ignore[return-value]

    @property
    def _way_deg(self) -> float:
        return max(abs(b - a) for a, b in zip(self._from, self._to, strict=True))

    @property
    def _moved_deg(self) -> float:
        return (now() - self._began) * self.deg_per_s

    @property
    def slewing(self) -> bool:
        """Whether it moves."""
        return self._moved_deg < self._way_deg

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        address = urlsplit(head.split(" ")[1])
        self._obey(address.path, dict(parse_qsl(address.query)))
        body = "".join(f"{key}={value}\n" for key, value in self._status().items()).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    def _obey(self, path: str, arguments: dict[str, str]) -> None:
        if path == "/mount/enable":
            self._enabled = True
        elif path == "/mount/disable":
            self._enabled = False
        elif path == "/mount/stop":
            self._from = self._to = self.where
        elif path == "/mount/goto_alt_az" and self._enabled:
            self._from, self._began = self.where, now()
            self._to = self._from if self.stuck else (float(arguments["alt_degs"]), float(arguments["az_degs"]))

    def _status(self) -> dict[str, object]:
        altitude, azimuth = self.where
        mount: dict[str, object] = dict.fromkeys(_UNUSED, 0)
        mount |= {"is_connected": True, "is_slewing": self.slewing, "is_tracking": False}
        mount |= {"altitude_degs": altitude, "azimuth_degs": azimuth}
        for axis in ("axis0", "axis1"):
            mount[f"{axis}.is_enabled"] = self._enabled
            mount[f"{axis}.position_timestamp"] = "2026-01-02 03:04:05"
            for key in ("dist_to_target_arcsec", "position_degs", "rms_error_arcsec", "servo_error_arcsec"):
                mount[f"{axis}.{key}"] = 0.0
        mount |= {"model.filename": "none", "model.num_points_total": 0, "model.num_points_enabled": 0}
        mount["model.rms_error_arcsec"] = 0.0
        return {"pwi4.version": "4.0.13", **{f"mount.{key}": value for key, value in mount.items()}}


@dataclass
class Motor(Listener):
    """A shutter or a Hartmann door behind its serial server.

    Attributes:
        inverted: a left door reports its sensors the other way round.
        stuck: says done, and does not move.
        silent: takes the command, and does not answer any more.
        moves: every (open, time) of a real motion.
    """

    open: bool = False
    inverted: bool = False
    stuck: bool = False
    silent: bool = False
    takes_s: float = 0.1
    port: int = 0
    moves: list[tuple[bool, float]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while True:
            word = (await reader.readuntil(b"\r")).strip(b"\x00\x07\r").decode()
            if self.silent:
                continue
            if word == "IS":
                bits = "10" if self.open is not self.inverted else "01"
                writer.write(f"\x00\x07IS={bits}000000\r".encode())
            else:
                await asyncio.sleep(self.takes_s)  # noqa: TID251 - a simulated device takes its time
                if word in {"QX3", "QX4"} and not self.stuck:
                    self.open = word == "QX3"
                    self.moves.append((self.open, now()))
                writer.write(b"\x00\x07DONE\r")
            await writer.drain()


@dataclass
class Wago(Listener):
    """A WAGO module with power relays and sensors, by Modbus TCP."""

    port: int = 0
    coils: dict[int, bool] = field(default_factory=lambda: {512: False, 514: True, 515: True})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while True:
            number, _, size = struct.unpack(">HHH", await reader.readexactly(6))
            request = await reader.readexactly(size)
            answer = request[:2] + self._answer(request[1], *struct.unpack(">HH", request[2:6]))
            writer.write(struct.pack(">HHH", number, 0, len(answer)) + answer)
            await writer.drain()

    def _answer(self, function: int, address: int, count: int) -> bytes:
        if function == 1:
            bits = sum(int(self.coils.get(address + place, False)) << place for place in range(count))
            size = (count + 7) // 8
            return bytes([size]) + bits.to_bytes(size, "little")
        if function == 4:
            return bytes([2 * count]) + struct.pack(f">{count}H", *([1000] * count))
        self.coils[address] = count == 0xFF00
        return struct.pack(">HH", address, count)


@dataclass
class Mask(Listener):
    """The fibre mask's motor, asked over a line of text (basda.py): `move N`, `stop`, `where`."""

    steps_per_s: float = 20000.0
    port: int = 0
    stuck: bool = False
    _from: int = 0
    _to: int = 0
    _began: float = 0.0

    @property
    def steps(self) -> int:
        """Where it is: the truth."""
        gone = int((now() - self._began) * self.steps_per_s)
        way = self._to - self._from
        return self._to if gone >= abs(way) else self._from + (gone if way > 0 else -gone)

    def heal(self) -> None:
        """Stand at the reference, free to move, as fast as at first."""
        self.stuck, self.steps_per_s = False, Mask.steps_per_s
        self._from = self._to = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while line := (await reader.readline()).decode().split():
            self._obey(line)
            writer.write(f"{self.steps} {int(self.steps != self._to)}\n".encode())
            await writer.drain()

    def _obey(self, words: list[str]) -> None:
        if words[0] == "stop":
            self._from = self._to = self.steps
        elif words[0] == "move" and not self.stuck:
            self._from, self._to, self._began = self.steps, int(words[1]), now()


@dataclass
class Plc(Listener):
    """The enclosure's controller, as the stand-in for its actor asks it: a line of labels.

    Attributes:
        labels: what it reports.
    """

    labels: str = "DOOR_CLOSED,DOOR_LOCKED"
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG002
        """One connection."""
        writer.write(f"{self.labels}\n".encode())
        await writer.drain()
