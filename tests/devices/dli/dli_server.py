"""A Digital Loggers power switch as seen on the wire: its REST API over HTTP/1.1 with digest authentication.

Written from the requests that LVM's actor lvmnps 1.2.1 sends and the answers that it demands (200, 204, 206, 207).
`outlets` is the hardware: what stands there is lit, whatever anybody was told.
"""

import asyncio
import hashlib
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.devices.dli.hosting import HttpRequest, Listener, http_request

_REASONS = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    207: "Multi-Status",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    409: "Conflict",
    500: "Internal Server Error",
}


@dataclass
class Outlet:
    """One outlet. `relay` is the truth, `locked` refuses."""

    name: str
    relay: bool = False
    state: bool = False
    locked: bool = False

    def plain(self) -> dict[str, object]:
        """As the switch tells it."""
        return {
            "name": self.name,
            "state": self.state,
            "physical_state": self.relay,
            "transient_state": self.relay,
            "critical": False,
            "locked": self.locked,
            "cycle_delay": None,
        }


@dataclass
class DliServer(Listener):
    """The switch.

    Attributes:
        broken: every request that switches is answered with 500.
        stuck: names of outlets whose relay does not move (acknowledged all the same).
        slow_s: how long every answer takes.
        late_on_s: how much later it obeys and answers a command to switch on.
        mute: takes requests, obeys them, and never answers.
        nonsense: answers well-formed requests with JSON that means nothing, and obeys nothing.
        switched: every (name, on) in the order in which relays moved.
        log: the same with the time on the wall in front, for ever.
        requests: every authenticated request.
    """

    names: tuple[str, ...] = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon", "Fan", "Spare")
    user: str = "admin"
    password: str = "1234"  # noqa: S105 - the maker's default
    broken: bool = False
    stuck: set[str] = field(default_factory=set)
    slow_s: float = 0.0
    late_on_s: float = 0.0
    mute: bool = False
    nonsense: bool = False
    switched: list[tuple[str, bool]] = field(default_factory=list)
    log: list[tuple[float, str, bool]] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.outlets = [Outlet(name) for name in self.names]
        self._nonce = secrets.token_hex(8)

    def lit(self) -> set[str]:
        """Return the outlets whose relay is closed: the truth."""
        return {outlet.name for outlet in self.outlets if outlet.relay}

    def heal(self) -> None:
        """Everything off and whole again."""
        self.broken, self.mute, self.nonsense, self.slow_s, self.late_on_s = False, False, False, 0.0, 0.0
        self.stuck.clear()
        for outlet in self.outlets:
            if outlet.relay:
                self.log.append((time.time(), outlet.name, False))  # noqa: TID251
            outlet.relay = outlet.state = outlet.locked = False
        self.switched.clear()
        self.requests.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HTTP/1.1, one request after the other."""
        while True:
            request = await http_request(reader)
            if self.late_on_s and self._known(request) and parse_qs(request.body).get("value") == ["true"]:
                await asyncio.sleep(self.late_on_s)  # noqa: TID251 - a simulated device takes its time
            code, payload, extra = self._answer(request)
            await asyncio.sleep(self.slow_s)  # noqa: TID251 - a simulated device takes its time
            if self.mute:
                await asyncio.get_running_loop().create_future()
            body = b"" if payload is None else json.dumps(payload).encode()
            lines = [f"HTTP/1.1 {code} {_REASONS[code]}", f"Content-Length: {len(body)}", *extra]
            writer.write("\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode() + body)
            await writer.drain()

    def _answer(self, request: HttpRequest) -> tuple[int, object, list[str]]:
        if not self._known(request):
            challenge = f'WWW-Authenticate: Digest realm="dli", nonce="{self._nonce}", qop="auth", algorithm=MD5'
            return 401, None, [challenge]
        self.requests.append(request)
        code, payload = (200, {"relay": [None, 7]}) if self.nonsense else self._obey(request)
        return code, payload, []

    def _known(self, request: HttpRequest) -> bool:
        parts = re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', request.headers.get("authorization", ""))
        given = {key: quoted or bare for key, quoted, bare in parts}
        if given.get("nonce") != self._nonce:
            return False
        one = _md5(f"{self.user}:dli:{self.password}")
        two = _md5(f"{request.method}:{given.get('uri')}")
        wanted = _md5(f"{one}:{self._nonce}:{given.get('nc')}:{given.get('cnonce')}:{given.get('qop')}:{two}")
        return given.get("response") == wanted

    def _obey(self, request: HttpRequest) -> tuple[int, object]:
        path = request.path.removeprefix("/restapi").strip("/")
        if request.method == "GET":
            if path == "":
                return (206 if "range" in request.headers else 200), {"relay": {}}
            return (200, [outlet.plain() for outlet in self.outlets]) if path == "relay/outlets" else (404, None)
        if "x-csrf" not in request.headers:
            return 400, {"error": "no X-CSRF"}
        if path == "relay/sequence_delay":
            return 204, None
        match = re.fullmatch(r"relay/outlets/(=?)([\d,]+)/state", path)
        return (404, None) if match is None else self._turn(match[1] == "=", match[2], request.body)

    def _turn(self, several: bool, places: str, body: str) -> tuple[int, object]:  # noqa: FBT001
        if self.broken:
            return 500, {"error": "broken"}
        on = parse_qs(body).get("value") == ["true"]
        chosen = [int(place) for place in places.split(",")]
        if any(place >= len(self.outlets) for place in chosen):
            return 404, None
        if not several and self.outlets[chosen[0]].locked:
            return 409, {"error": "locked"}
        for place in chosen:
            self._relay(self.outlets[place], on=on)
        return (207, {}) if several else (204, None)

    def _relay(self, outlet: Outlet, *, on: bool) -> None:
        if outlet.locked or outlet.name in self.stuck:
            return
        if outlet.relay is not on:
            self.log.append((time.time(), outlet.name, on))  # noqa: TID251 - as the actors' headers have it
        outlet.state = outlet.relay = on
        self.switched.append((outlet.name, on))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what the switch's digest asks for
