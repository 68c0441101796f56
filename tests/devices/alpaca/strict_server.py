"""An Alpaca server that is as strict as the specification, and breaks where a test wants it to.

Source: ASCOM Alpaca API. Parameters are taken in the documented case alone, and nothing works before `Connected`. What
is in `values`, `panel` and the cameras is the hardware: the truth, whatever anybody was told.
"""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from tests.devices.dli.hosting import Listener, http_request
from tests.devices.lamp_log import LampLog
from tests.devices.sweeps import Taken
from tests.matrix import wall

_SLOW_VERBS = frozenset({"getswitchvalue", "setasyncvalue", "cancelasync", "statechangecomplete"})


class AlpacaError(Exception):
    """An error of the device, with its number."""

    def __init__(self, number: int, words: str = "no") -> None:
        super().__init__(words)
        self.number = number


class BadRequest(Exception):
    """A request that the server does not understand."""


def now() -> float:
    """Seconds of UTC."""
    return time.time()  # noqa: TID251 - a camera has a clock of its own


@dataclass
class Camera:
    """A camera: what it is at follows from the time."""

    began: float | None = None
    seconds: float = 0.0
    light: bool = False
    image: bool = False
    broken: bool = False
    has_shutter: bool = True
    read_s: float = 0.05
    temperature: float = 5.0
    set_point: float = 20.0
    binning: int = 1
    gain: int = 1
    stale_s: float | None = None
    taken: list[Taken] = field(default_factory=list)

    @property
    def state(self) -> int:
        """`CameraState`."""
        if self.broken:
            return 5
        if self.began is None:
            return 0
        elapsed = now() - self.began
        if self.stale_s is not None and elapsed > self.stale_s:
            self.image = True
            return 0
        if elapsed < self.seconds:
            return 2
        self.image = self.image or elapsed > self.seconds + self.read_s
        return 0 if self.image else 3

    @property
    def is_open(self) -> bool:
        """Whether its shutter is open."""
        return self.light and self.state == 2


@dataclass
class Mount:
    """A telescope that slews at a constant speed."""

    alt: float = 0.0
    az: float = 90.0
    parked: bool = False
    tracking: bool = True
    speed: float = 60.0
    goal: tuple[float, float] | None = None
    left_at: float = 0.0
    park: tuple[float, float] = (0.0, 90.0)
    parking: bool = False
    knows_horizon: bool = True

    def where(self) -> tuple[float, float, bool]:
        """Return altitude, azimuth and whether it slews."""
        if self.goal is None:
            return self.alt, self.az, False
        way = max(abs(self.goal[0] - self.alt), abs(self.goal[1] - self.az)) or 1e-9
        part = (now() - self.left_at) * self.speed / way
        if part >= 1:
            (self.alt, self.az), self.goal = self.goal, None
            self.parked, self.parking = self.parked or self.parking, False
            return self.alt, self.az, False
        return self.alt + part * (self.goal[0] - self.alt), self.az + part * (self.goal[1] - self.az), True

    def halt(self) -> None:
        """Stop where it is."""
        self.alt, self.az, _ = self.where()
        self.goal, self.parking = None, False

    def go(self, goal: tuple[float, float], *, parking: bool = False) -> None:
        """Slew, or slew to park."""
        self.halt()
        self.goal, self.left_at, self.parking = goal, now(), parking


@dataclass
class Mover:
    """Something that takes its time: it is where it was until it arrives."""

    place: float = 0.0
    goal: float | None = None
    left_at: float = 0.0
    moves_s: float = 0.8

    def now(self) -> tuple[float, bool]:
        """Return where it is, and whether it moves."""
        if self.goal is not None and now() - self.left_at >= self.moves_s:
            self.place, self.goal = self.goal, None
        return self.place, self.goal is not None

    def go(self, goal: float) -> None:
        """Begin to move."""
        self.now()
        self.goal, self.left_at = (None if goal == self.place else goal), now()


@dataclass
class StrictServer(Listener):
    """The server.

    Attributes:
        names: of the elements of its switch; the last is a sensor that can't be written.
        refuses: every command is answered with an error, and not obeyed.
        idle_hands: every command is acknowledged, and not obeyed.
        wheels: its filter wheels.
        slow: elements of its switch that take their time.
        safe: what its safety monitor says.
        dome: `ShutterStatus` of its dome.
        weather: sensor of its weather station -> number and its age, s.
        cover: that of the light panel: at 1 closed, at 3 open.
        nonsense: every answer is well-formed, and means nothing.
        broken: every request is answered with 500.
        mute: requests are obeyed and never answered.
        unplugged: kinds of device whose hardware is gone: they say to be connected, and answer all else with 0x407.
        requests: method and path of every request.
        log: lamps that were lit and darkened, with the time.
    """

    names: tuple[str, ...] = ("Argon", "Neon", "LDLS", "Fan", "mirror is in")
    values: list[float] = field(default_factory=lambda: [0.0] * 5)
    panel: int = 0
    panel_state: int | None = None
    cameras: list[Camera] = field(default_factory=lambda: [Camera()])
    mounts: list[Mount] = field(default_factory=lambda: [Mount()])
    wheels: list[Mover] = field(default_factory=lambda: [Mover()])
    slow: dict[int, Mover] = field(default_factory=dict)
    cover: Mover = field(default_factory=lambda: Mover(place=1.0))
    safe: object = True
    dome: object = 1
    weather: dict[str, tuple[object, float | None]] = field(default_factory=dict)
    refuses: int = 0
    idle_hands: bool = False
    nonsense: bool = False
    broken: bool = False
    mute: bool = False
    lists: bool = False
    unplugged: set[str] = field(default_factory=set)
    connected: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    log: LampLog = field(default_factory=LampLog)
    _serial: int = 0

    def lit(self) -> set[str]:
        """Return the elements that are on."""
        lit = {name for name, value in zip(self.names[:3], self.values, strict=False) if value > 0}
        return lit | ({"Quartz"} if self.panel else set())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        while True:
            request = await http_request(reader)
            url = urlsplit(request.path)
            self.requests.append(f"{request.method} {url.path}")
            form = dict(parse_qsl(request.body or url.query))
            code, kind, content = self._answer(request.method, url.path, form, request.headers)
            self.log.note(self.lit())
            if self.mute:
                await asyncio.get_running_loop().create_future()
            lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(content)}", f"Content-Type: {kind}", "", ""]
            writer.write("\r\n".join(lines).encode() + content)
            await writer.drain()

    def _answer(self, method: str, path: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, str, bytes]:
        if self.broken:
            return 500, "text/plain", b"the driver has broken down"
        if self.nonsense:
            return 200, "application/json", b'{"weather": ["fine"], "Value": null, "ErrorNumber": "none"}'
        if path == "/management/v1/configureddevices":
            return 200, "application/json", json.dumps({"Value": self._inventory(), "ErrorNumber": 0}).encode()
        self._serial += 1
        answer: dict[str, Any] = {"ServerTransactionID": self._serial, "ErrorNumber": 0, "ErrorMessage": ""}
        try:
            _, _, _, kind, number, verb = path.split("/")
            answer["ClientTransactionID"] = int(form.pop("ClientTransactionID"))
            int(form.pop("ClientID"))
            if (
                verb == "imagearray"
                and not self.refuses
                and method == "GET"
                and "imagebytes" in headers.get("accept", "")
                and not self.lists
            ):
                return 200, "application/imagebytes", self._image(int(number))
            value = self._obey(method, f"{kind}/{number}", verb, form)
        except AlpacaError as error:
            answer |= {"ErrorNumber": error.number, "ErrorMessage": str(error)}
        except (BadRequest, KeyError, ValueError, IndexError) as error:
            return 400, "text/plain", f"bad request: {error!r}".encode()
        else:
            if method == "GET":
                answer["Value"] = value
        return 200, "application/json", json.dumps(answer).encode()

    def _inventory(self) -> list[dict[str, Any]]:
        kinds = ["Switch", "CoverCalibrator", *["Camera"] * len(self.cameras), *["Telescope"] * len(self.mounts)]
        return [
            {
                "DeviceName": f"the {kind}",
                "DeviceType": kind,
                "DeviceNumber": kinds[:place].count(kind),
                "UniqueID": "u",
            }
            for place, kind in enumerate(kinds)
        ]

    def _obey(self, method: str, device: str, verb: str, form: dict[str, str]) -> Any:
        if method == "PUT" and verb == "connected":
            self.connected |= {device} if form["Connected"] == "True" else set()
            return None
        if verb == "name":
            return f"the {device.partition('/')[0]}"
        if device not in self.connected or device.partition("/")[0] in self.unplugged:
            raise AlpacaError(0x407, "not connected")
        if self.refuses and (method == "PUT" or verb == "imagearray"):
            raise AlpacaError(self.refuses, "refused")
        if method == "PUT" and self.idle_hands:
            return None
        kind, _, number = device.partition("/")
        answer = getattr(self, f"_{kind}")(method, int(number), verb, form)
        if form:
            raise BadRequest(f"unknown parameters {sorted(form)}")
        return answer

    # ---- devices

    def _switch(self, method: str, number: int, verb: str, form: dict[str, str]) -> Any:
        if number:
            raise BadRequest("no such device")
        if verb == "maxswitch":
            return len(self.names)
        place = int(form.pop("Id"))
        if not 0 <= place < len(self.names):
            raise AlpacaError(0x401, f"Invalid switch ID: {place}")
        if place in self.slow and verb in _SLOW_VERBS:
            return self._slow_element(self.slow[place], verb, form)
        if method == "GET":
            plain = {
                "canasync": place in self.slow,
                "getswitchname": self.names[place],
                "canwrite": place != len(self.names) - 1,
            }
            plain |= {"getswitchvalue": self.values[place], "getswitch": self.values[place] > 0}
            return (plain | {"minswitchvalue": 0.0, "maxswitchvalue": 3.0, "switchstep": 1.0})[verb]
        if place == len(self.names) - 1:
            raise AlpacaError(0x400, "read-only")
        if verb == "setswitch":
            self.values[place] = {"True": 3.0, "False": 0.0}[form.pop("State")]
            return None
        if verb != "setswitchvalue":
            raise BadRequest(verb)
        value = float(form.pop("Value"))
        if not 0 <= value <= 3:
            raise AlpacaError(0x401, "out of range")
        self.values[place] = value
        return None

    @staticmethod
    def _slow_element(mover: Mover, verb: str, form: dict[str, str]) -> Any:
        if verb == "setasyncvalue":
            mover.go(float(form.pop("Value")))
        elif verb == "cancelasync":
            mover.now()
            mover.goal = None
        place, moving = mover.now()
        return {"getswitchvalue": place, "statechangecomplete": not moving}.get(verb)

    def _filterwheel(self, method: str, number: int, verb: str, form: dict[str, str]) -> Any:
        wheel = self.wheels[number]
        if method == "PUT" and verb == "position":
            wheel.go(int(form.pop("Position")))
            return None
        place, moving = wheel.now()
        return {"position": -1 if moving else int(place), "names": ["R", "G"]}[verb]

    def _safetymonitor(self, _method: str, _number: int, verb: str, _form: dict[str, str]) -> Any:
        return {"issafe": self.safe}[verb]

    def _dome(self, _method: str, _number: int, verb: str, _form: dict[str, str]) -> Any:
        return {"shutterstatus": self.dome}[verb]

    def _observingconditions(self, _method: str, _number: int, verb: str, form: dict[str, str]) -> Any:
        sensor = form.pop("SensorName") if verb == "timesincelastupdate" else verb
        if sensor not in self.weather:
            raise AlpacaError(0x400, f"no {sensor}")
        value, age_s = self.weather[sensor]
        if verb == sensor:
            return value
        if age_s is None:
            raise AlpacaError(0x400, "no age")
        return age_s

    def _covercalibrator(self, method: str, number: int, verb: str, form: dict[str, str]) -> Any:
        if number:
            raise BadRequest("no such device")
        if verb in {"opencover", "closecover"}:
            return self.cover.go(3.0 if verb == "opencover" else 1.0)
        if verb == "haltcover":
            raise AlpacaError(0x400, "this cover can't be stopped")
        if verb == "coverstate":
            place, moving = self.cover.now()
            return 2 if moving else int(place)
        if method == "GET":
            state = self.panel_state if self.panel_state is not None else 3 if self.panel else 1
            return {"calibratorstate": state, "brightness": self.panel, "maxbrightness": 255}[verb]
        if verb == "calibratoron":
            brightness = int(form.pop("Brightness"))
            if not 0 <= brightness <= 255:
                raise AlpacaError(0x401, "out of range")
            self.panel = brightness
        elif verb == "calibratoroff":
            self.panel = 0
        else:
            raise BadRequest(verb)
        return None

    def _camera(self, method: str, number: int, verb: str, form: dict[str, str]) -> Any:
        camera = self.cameras[number]
        if method == "GET":
            return self._camera_property(camera, verb)
        if verb == "startexposure":
            seconds, light = float(form.pop("Duration")), {"True": True, "False": False}[form.pop("Light")]
            if camera.state != 0:
                raise AlpacaError(0x40B, "the camera is not idle")
            camera.began, camera.seconds, camera.light, camera.image = now(), seconds, light, False
            camera.taken.append(Taken(wall.now(), seconds, light))
        elif verb == "abortexposure":
            camera.broken = False
            if camera.state in {2, 3}:
                camera.began, camera.image = None, False
        elif verb in {"gain", "binx", "biny", "numx", "numy"}:
            value = int(
                form.pop({"gain": "Gain", "binx": "BinX", "biny": "BinY", "numx": "NumX", "numy": "NumY"}[verb])
            )
            camera.gain = value if verb == "gain" else camera.gain
            camera.binning = value if verb.startswith("bin") else camera.binning
        elif verb == "setccdtemperature":
            camera.set_point = float(form.pop("SetCCDTemperature"))
        elif verb == "cooleron":
            form.pop("CoolerOn")
        else:
            raise BadRequest(verb)
        return None

    def _camera_property(self, camera: Camera, verb: str) -> Any:
        state = camera.state
        if verb in {"lastexposurestarttime", "lastexposureduration"}:
            if camera.began is None:
                raise AlpacaError(0x40B, "nothing was exposed")
            began = datetime.fromtimestamp(camera.began, UTC).replace(tzinfo=None)
            return began.isoformat() if verb == "lastexposurestarttime" else camera.seconds
        if verb == "imagearray":
            return [[7] * (24 // camera.binning) for _ in range(32 // camera.binning)]
        plain = {"camerastate": state, "imageready": camera.image, "hasshutter": camera.has_shutter}
        plain |= {"exposuremin": 0.0, "exposuremax": 3600.0, "numx": 32 // camera.binning, "numy": 24 // camera.binning}
        plain |= {"binx": camera.binning, "biny": camera.binning, "cameraxsize": 32, "cameraysize": 24}
        plain |= {"gain": camera.gain, "ccdtemperature": camera.temperature, "setccdtemperature": camera.set_point}
        if verb not in plain:
            raise AlpacaError(0x400, "not implemented")
        return plain[verb]

    def _image(self, number: int) -> bytes:
        camera = self.cameras[number]
        if not (camera.state == 0 and camera.image):
            head = np.array([1, 0x40B, 0, 0, 44, 0, 0, 0, 0, 0, 0], "<i4")
            return head.tobytes() + b"no image"
        columns, rows = 32 // camera.binning, 24 // camera.binning
        pixels = np.arange(columns * rows, dtype="<u2").reshape(columns, rows)
        pixels[0, 0] = len(camera.taken)
        head = np.array([1, 0, 0, 0, 44, 2, 8, 2, columns, rows, 0], "<i4")
        return head.tobytes() + pixels.tobytes()

    def _telescope_property(self, mount: Mount, verb: str) -> Any:
        alt, az, slewing = mount.where()
        plain = {"slewing": slewing, "atpark": mount.parked, "canpark": True, "tracking": mount.tracking}
        if verb in {"altitude", "azimuth"} and not mount.knows_horizon:
            raise AlpacaError(0x400, "not implemented")
        return (plain | {"canslewaltazasync": mount.knows_horizon, "altitude": alt, "azimuth": az})[verb]

    def _telescope(self, method: str, number: int, verb: str, form: dict[str, str]) -> Any:
        mount = self.mounts[number]
        if method == "GET":
            return self._telescope_property(mount, verb)
        if verb == "unpark":
            mount.parked = False
        elif verb == "park":
            mount.go(mount.park, parking=True)
        elif verb == "tracking":
            mount.tracking = form.pop("Tracking") == "True"
        elif verb == "abortslew":
            if mount.parked:
                raise AlpacaError(0x408, "parked")
            mount.halt()
        elif verb == "slewtoaltazasync":
            goal = (float(form.pop("Altitude")), float(form.pop("Azimuth")))
            if mount.parked:
                raise AlpacaError(0x408, "parked")
            if mount.tracking:
                raise AlpacaError(0x40B, "tracking")
            mount.go(goal)
        else:
            raise BadRequest(verb)
        return None
