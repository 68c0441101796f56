"""An STA Archon CCD controller as seen on the wire (TCP): what the actor lvmscp 0.10.8 sends and demands.

`>IDCOMMAND` is answered with `<IDtext`, or with blocks of `<ID:` and 1,024 bytes. Sources: STA's Archon manual and the
client of sdss-archon 0.15.5. Pixels are few; a readout fills the next of three buffers at once.
"""

import asyncio
import re
from dataclasses import dataclass, field

import numpy as np

from tests.devices.dli.hosting import Listener

_PARAMETERS = {
    "Exposures": 0, "ReadOut": 0, "AbortExposure": 0, "DoFlush": 0, "WaitCount": 0, "AutoFlush": 1, "IntCS": 0,
    "FlushCount": 1, "Lines": 16, "Pixels": 16, "PreSkipLines": 0, "PostSkipLines": 0, "PreSkipPixels": 0,
    "PostSkipPixels": 0, "OverscanLines": 0, "OverscanPixels": 0, "VerticalBinning": 1, "HorizontalBinning": 1,
}  # fmt: skip
_CCDS, _BUFFERS = 3, 3
_TEMPERATURES = " ".join(f"MOD{module}/TEMP{sensor}=-110.5" for module in (2, 12) for sensor in "ABC")


@dataclass
class Archon(Listener):
    """One controller with three detectors.

    Attributes:
        frames: how many frames were read out.
        integrations: how many integrations were begun.
        late_s: how long it takes over the command before an integration, s.
    """

    port: int = 0
    frames: int = 0
    integrations: int = 0
    late_s: float = 0.0
    parameters: dict[str, int] = field(default_factory=lambda: {key.upper(): n for key, n in _PARAMETERS.items()})

    def __post_init__(self) -> None:
        self.config = ["LINECOUNT=16", "PIXELCOUNT=16", "FRAMEMODE=2"]
        self.config += [f"PARAMETER{n}={key}={value}" for n, (key, value) in enumerate(_PARAMETERS.items())]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while True:
            line = (await reader.readuntil(b"\n")).decode().strip()
            number, command = line[1:3], line[3:]
            if command == "HOLDTIMING" and self.late_s:
                await asyncio.sleep(self.late_s)  # noqa: TID251 - a simulated device takes its time
            writer.write(self._reply(number, command))
            await writer.drain()

    def _reply(self, number: str, command: str) -> bytes:
        if command.startswith("FETCH") and command != "FETCHLOG":
            blocks = int(command[13:21], 16)
            pixels = self._pixels().ljust(blocks * 1024, b"\xff")
            parts = (pixels[start : start + 1024] for start in range(0, blocks * 1024, 1024))
            return b"".join(f"<{number}:".encode() + part for part in parts)
        return f"<{number}{self._text(command)}\n".encode()

    def _text(self, command: str) -> str:
        if command.startswith("RCONFIG"):
            place = int(command[7:11], 16)
            return self.config[place] if place < len(self.config) else ""
        if command.startswith("WCONFIG"):
            self._configure(int(command[7:11], 16), command[11:])
        elif match := re.fullmatch(r"FASTLOADPARAM (\w+) (\d+)", command):
            self.parameters[match[1]] = int(match[2])
        elif command == "RELEASETIMING":
            self._release()
        answers = {
            "SYSTEM": "BACKPLANE_TYPE=1 BACKPLANE_VERSION=1.0.1 BACKPLANE_ID=0000000000000001 MOD_PRESENT=0",
            "STATUS": f"VALID=1 COUNT=1 POWERGOOD=1 POWER=4 {_TEMPERATURES}",
            "FETCHLOG": "(null)",
        }
        return self._frame() if command == "FRAME" else answers.get(command, "")

    def _configure(self, place: int, line: str) -> None:
        while len(self.config) <= place:
            self.config.append("")
        self.config[place] = line

    def _release(self) -> None:
        if self.parameters.get("EXPOSURES"):
            self.integrations += 1
        elif self.parameters.get("READOUT"):
            self.frames += 1

    def _shape(self) -> tuple[int, int]:
        keys = dict(line.split("=", 1) for line in self.config if line.count("=") == 1)
        return 2 * int(keys["LINECOUNT"]), _CCDS * 2 * int(keys["PIXELCOUNT"])

    def _frame(self) -> str:
        height, width = self._shape()
        newest = (self.frames - 1) % _BUFFERS + 1 if self.frames else 1
        words = [f"TIMER={self.frames:X}", f"RBUF={newest}", f"WBUF={newest}"]
        for buffer in range(1, _BUFFERS + 1):
            age = (newest - buffer) % _BUFFERS
            full = int(self.frames > age)
            facts = {
                "SAMPLE": 0, "COMPLETE": full, "MODE": 2, "BASE": buffer << 20, "FRAME": max(0, self.frames - age),
                "WIDTH": width, "HEIGHT": height, "PIXELS": width, "LINES": height,
            }  # fmt: skip
            words += [f"BUF{buffer}{key}={value}" for key, value in facts.items()]
            words.append(f"BUF{buffer}TIMESTAMP={max(0, self.frames - age):X}")
        return " ".join(words)

    def _pixels(self) -> bytes:
        height, width = self._shape()
        noise = np.random.default_rng(self.frames).normal(1000.0, 3.0, (height, width))
        return noise.round().astype("<u2").tobytes()
