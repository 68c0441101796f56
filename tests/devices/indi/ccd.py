"""A camera of an INDI server: it counts down, sends FITS as bytes, and has the faults that drivers have.

Written from what `indi_simulator_ccd` 1.9.9 says on the wire.
"""

import asyncio
import base64
import io
from typing import Any
from xml.etree.ElementTree import Element as Node

import numpy as np
from astropy.io import fits

from safelight.engine.clock import Clock
from tests.devices.indi.indi_server import Lines, Talker

SHAPE = (12, 16)
LEAST_S, MOST_S = 0.01, 3600.0


class Ccd(Talker):
    """The camera. `open` is the truth of its shutter.

    Attributes:
        refuses: commands end in Alert, and nothing is done.
        idle_hands: commands are acknowledged, and nothing is done.
        mute: nothing is answered, as by a driver that is stopped.
        cut_to_s: exposures are of this time, whatever is ordered.
        sends: `image`, `nothing`, `half` of it, or `noise` that is no FITS.
        calls_it: the type of frame that the image says it is; None: what was set.
    """

    name = "CCD Simulator"

    def __init__(self) -> None:
        self.connected = False
        self.open = False
        self.refuses = self.idle_hands = self.mute = False
        self.cut_to_s: float | None = None
        self.sends = "image"
        self.calls_it: str | None = None
        self.exposures: list[tuple[str, float]] = []
        self.switches = {
            "CCD_FRAME_TYPE": {"FRAME_LIGHT": "On", "FRAME_BIAS": "Off", "FRAME_DARK": "Off", "FRAME_FLAT": "Off"},
            "UPLOAD_MODE": {"UPLOAD_CLIENT": "Off", "UPLOAD_LOCAL": "On", "UPLOAD_BOTH": "Off"},
        }
        self.numbers = {
            "CCD_BINNING": {"HOR_BIN": 1.0, "VER_BIN": 1.0},
            "CCD_FRAME": {"X": 4.0, "Y": 0.0, "WIDTH": 8.0, "HEIGHT": 12.0},
            "CCD_INFO": {"CCD_MAX_X": float(SHAPE[1]), "CCD_MAX_Y": float(SHAPE[0])},
            "CCD_GAIN": {"GAIN": 90.0},
            "CCD_TEMPERATURE": {"CCD_TEMPERATURE_VALUE": 4.0},
        }
        self.left_s, self.state = 1.0, "Idle"
        self._clock = Clock()
        self._task: asyncio.Task[None] | None = None

    # ---- what is said

    def handle(self, node: Node) -> Lines:
        """Answer one message."""
        if self.mute:
            return []
        name = node.get("name") or ""
        if node.tag == "getProperties":
            names = ["CONNECTION", *self._own()] if not name else [name]
            return [self.vector("def", each) for each in names if each == "CONNECTION" or each in self._own()]
        values = {child.get("name", ""): (child.text or "").strip() for child in node}
        if name == "CONNECTION":
            self.connected = values.get("CONNECT") == "On"
            return [self.vector("set", name), *(self.vector("def", each) for each in self._own())]
        if not self.connected:
            return []
        if self.refuses:
            self.state = "Alert"
            return [f'<message device="{self.name}" message="[ERROR] no"/>', self.vector("set", "CCD_EXPOSURE")]
        return self._obey(name, values)

    def _own(self) -> list[str]:
        own = ["CCD_EXPOSURE", "CCD_ABORT_EXPOSURE", *self.switches, *self.numbers]
        return own if self.connected else []

    def _obey(self, name: str, values: dict[str, str]) -> Lines:
        if name in self.switches:
            if not self.idle_hands:
                self.switches[name] = {key: values.get(key, "Off") for key in self.switches[name]}
        elif name in self.numbers:
            if not self.idle_hands:
                self.numbers[name] |= {key: float(value) for key, value in values.items()}
        elif name == "CCD_EXPOSURE":
            self._begin(float(values["CCD_EXPOSURE_VALUE"]))
        elif name == "CCD_ABORT_EXPOSURE":
            if not self.idle_hands:
                self._stop()
                self.left_s, self.state = 0.0, "Idle"
            return [self.vector("set", name), self.vector("set", "CCD_EXPOSURE")]
        else:
            return []
        return [self.vector("set", name)]

    def vector(self, verb: str, name: str) -> str:
        """Return a definition or news of a vector."""
        kind, values, state = "Switch", self.switches.get(name, {}), "Ok"
        more = ""
        if name == "CONNECTION":
            values = {"CONNECT": "On" if self.connected else "Off", "DISCONNECT": "Off" if self.connected else "On"}
        elif name == "CCD_ABORT_EXPOSURE":
            values = {"ABORT": "Off"}
        elif name == "CCD_EXPOSURE":
            kind, values, state = "Number", {"CCD_EXPOSURE_VALUE": f"{self.left_s:.6f}"}, self.state
            more = f' min="{LEAST_S}" max="{MOST_S}"'
        elif name in self.numbers:
            kind, values = "Number", {key: f"{value:g}" for key, value in self.numbers[name].items()}
        word = ("def" if verb == "def" else "one") + kind
        inner = "".join(f'<{word} name="{key}"{more}>\n{value}\n</{word}>' for key, value in values.items())
        rule = ' rule="OneOfMany" perm="rw"' if verb == "def" else ""
        tag = f"{verb}{kind}Vector"
        return f'<{tag} device="{self.name}" name="{name}" state="{state}"{rule}>{inner}</{tag}>'

    # ---- exposing

    def _begin(self, seconds: float) -> None:
        if self.idle_hands:
            self.left_s, self.state = 0.0, "Ok"
            return
        self._stop()
        seconds = min(max(seconds, LEAST_S), MOST_S) if self.cut_to_s is None else self.cut_to_s
        (frame_type,) = (key for key, value in self.switches["CCD_FRAME_TYPE"].items() if value == "On")
        self.exposures.append((frame_type, seconds))
        self.open = frame_type in {"FRAME_LIGHT", "FRAME_FLAT"}
        self.left_s, self.state = seconds, "Busy"
        self._task = asyncio.get_running_loop().create_task(self._expose(seconds, frame_type))

    def _stop(self) -> None:
        self.open = False
        if self._task is not None:
            self._task.cancel()

    async def _expose(self, seconds: float, frame_type: str) -> None:
        began, start = self._clock.now(), self._clock.utc()
        while (left_s := began + seconds - self._clock.now()) > 0:
            await self._clock.sleep(min(left_s, 0.2))
            self.left_s = max(0.0, began + seconds - self._clock.now())
            await self._say(self.vector("set", "CCD_EXPOSURE"))
        self.open = False
        stamp = start.replace(tzinfo=None).isoformat(timespec="milliseconds")
        await self._send(self._fits(seconds, self.calls_it or frame_type.removeprefix("FRAME_").title(), stamp))
        self.left_s, self.state = 0.0, "Ok"
        await self._say(self.vector("set", "CCD_EXPOSURE"))

    async def _say(self, text: str) -> None:
        if not self.mute:
            await self.server.say(text)

    def _fits(self, seconds: float, frame: str, stamp: str) -> bytes:
        frame_of, per = self.numbers["CCD_FRAME"], int(self.numbers["CCD_BINNING"]["HOR_BIN"])
        shape = int(frame_of["HEIGHT"]) // per, int(frame_of["WIDTH"]) // per
        pixels = np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape)
        hdu = fits.PrimaryHDU(pixels)
        cards: dict[str, Any] = {"INSTRUME": self.name, "EXPTIME": seconds, "FRAME": frame, "DATE-OBS": stamp}
        cards |= {"CCD-TEMP": 4.0, "XBINNING": per, "YBINNING": per, "OBJECT": "somebody's", "GAIN": 90.0}
        hdu.header.update(cards)
        content = io.BytesIO()
        hdu.writeto(content)
        return content.getvalue()

    async def _send(self, content: bytes) -> None:
        if self.sends == "nothing":
            return
        size = len(content)
        if self.sends == "half":
            content = content[: size // 2]
        elif self.sends == "noise":
            content = bytes(size)
        text = base64.b64encode(content).decode()
        blob = f'<oneBLOB name="CCD1" size="{size}" len="{size}" format=".fits">\n{text}\n</oneBLOB>'
        await self.server.say(
            f'<setBLOBVector device="{self.name}" name="CCD1" state="Ok">{blob}</setBLOBVector>\n', blob=True
        )

    async def die(self) -> None:
        """End as a driver that is killed, and is started anew by its server: everything is forgotten."""
        self._stop()
        self.connected, self.state = False, "Idle"
        await self.server.say(f'<delProperty device="{self.name}"/>')

    async def end(self) -> None:
        """Say no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
