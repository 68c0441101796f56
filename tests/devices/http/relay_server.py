"""Relay boards with a web API as seen on the wire, each after its maker's public API.

`relays` is the hardware: what is true there is lit, whatever anybody was told.
"""

import asyncio
import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.devices.dli.hosting import Listener, http_request
from tests.devices.lamp_log import LampLog

Answer = tuple[int, str]

LAMPS = ("Argon", "Neon", "LDLS")


class RelayServer(Listener):
    """A board, and what a test may do to it.

    Attributes:
        relays: channel -> whether the relay is closed: the truth.
        refuses: commands are answered with an error, and not obeyed.
        stuck: commands are acknowledged, and not obeyed.
        nonsense: every answer is well-formed, and means nothing.
        mute: requests are obeyed and never answered.
        gone: it is off the network, and a gateway in front of it answers in its place.
        login: what a client has to know; None for an open board.
        paths: every request, in order.
        turned: every command that a relay has obeyed, in order: its channel, and whether it was closed.
        log: channels that were closed and opened, with the time.
        held: while it is set, an off that arrives is obeyed only when this is done.
        holding: how many of them wait.
    """

    held: "asyncio.Future[None] | None" = None
    first: ClassVar[int] = 0
    board: ClassVar[str]

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self.relays = {str(number): False for number in range(self.first, self.first + len(LAMPS) + 1)}
        self.refuses = self.stuck = self.nonsense = self.mute = self.gone = False
        self.login = login
        self.paths: list[str] = []
        self.turned: list[tuple[str, bool]] = []
        self.log = LampLog()
        self.holding = 0
        self._nonce = secrets.token_hex(8)

    @property
    def channels(self) -> dict[str, str]:
        """Lamp -> channel."""
        return dict(zip(LAMPS, self.relays, strict=False))

    def lit(self) -> set[str]:
        """Return the lamps that are on."""
        return {lamp for lamp, channel in self.channels.items() if self.relays[channel]}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        while True:
            request = await http_request(reader)
            self.paths.append(request.path)
            if self.held is not None and "on=false" in request.path:
                self.holding += 1
                await asyncio.shield(self.held)
            code, text, extra = self._answer(request.method, request.path, request.headers, request.body)
            if self.mute:
                await asyncio.get_running_loop().create_future()
            content = text.encode()
            lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(content)}", *extra, "", ""]
            writer.write("\r\n".join(lines).encode() + content)
            await writer.drain()

    def _answer(self, method: str, target: str, headers: dict[str, str], body: str) -> tuple[int, str, list[str]]:
        if self.gone:
            return 502, "<html>Bad Gateway</html>", ["Content-Type: text/html"]
        if self.login is not None and not self.knows(method, target, headers):
            return 401, "", [self.challenge()]
        if self.nonsense:
            return 200, '{"ison": 7, "output": "maybe", "was_on": null, "POWER1": [], "Outputs": 3}', []
        return (*self.obey(method, unquote(target), body), [])

    def knows(self, method: str, target: str, headers: dict[str, str]) -> bool:  # noqa: ARG002 - digests need it
        """Return whether a request carries user and password: basic authentication."""
        assert self.login is not None
        wanted = base64.b64encode(":".join(self.login).encode()).decode()
        return headers.get("authorization") == f"Basic {wanted}"

    def challenge(self) -> str:
        """Return the header that asks for user and password."""
        return 'WWW-Authenticate: Basic realm="board"'

    def obey(self, method: str, target: str, body: str) -> Answer:
        """Obey one request."""
        raise NotImplementedError

    def turn(self, channel: str, *, on: bool) -> None:
        """Switch a relay, unless it is stuck."""
        if not self.stuck:
            self.relays[channel] = on
            self.turned.append((channel, on))
            self.log.note(each for each, closed in self.relays.items() if closed)

    async def hold(self) -> None:
        """Let the offs that arrive from now on take until they are released."""
        self.held = asyncio.get_running_loop().create_future()

    async def let_pass(self) -> "asyncio.Future[None]":
        """Let new offs pass. Those that wait go on to wait for what is returned."""
        held, self.held = self.held, None
        assert held is not None
        return held


class ShellyOne(RelayServer):
    """Shelly, first generation."""

    board = "shelly-1"

    def obey(self, method: str, target: str, body: str) -> Answer:
        """`/relay/N?turn=on`."""
        del method, body
        url = urlsplit(target)
        channel = url.path.removeprefix("/relay/")
        if channel not in self.relays:
            return 404, "Not found"
        turn = parse_qs(url.query).get("turn")
        if turn and self.refuses:
            return 400, "Bad turn!"
        if turn:
            self.turn(channel, on=turn == ["on"])
        return 200, json.dumps({"ison": self.relays[channel], "has_timer": False, "source": "http"})


class ShellyTwo(RelayServer):
    """Shelly, second generation: errors are 500 with a code."""

    board = "shelly-2"

    def obey(self, method: str, target: str, body: str) -> Answer:
        """`/rpc/Switch.Set?id=N&on=true`."""
        del method, body
        url = urlsplit(target)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        channel = asked.get("id", "")
        if channel not in self.relays:
            return 500, json.dumps({"code": -105, "message": f"Argument 'id', value {channel} not found!"})
        was = self.relays[channel]
        if url.path == "/rpc/Switch.Set":
            if self.refuses:
                return 500, json.dumps({"code": -106, "message": "Switch is in error state"})
            self.turn(channel, on=asked["on"] == "true")
            return 200, json.dumps({"was_on": was})
        return 200, json.dumps({"id": int(channel), "source": "http", "output": was, "temperature": {"tC": 41.0}})

    def knows(self, method: str, target: str, headers: dict[str, str]) -> bool:
        """Return whether a request carries a digest with SHA-256."""
        assert self.login is not None
        parts = re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', headers.get("authorization", ""))
        given = {key: quoted or bare for key, quoted, bare in parts}
        one = _sha(":".join((self.login[0], "shelly", self.login[1])))
        two = _sha(f"{method}:{target}")
        wanted = _sha(":".join((one, self._nonce, str(given.get("nc")), str(given.get("cnonce")), "auth", two)))
        return given.get("response") == wanted

    def challenge(self) -> str:
        """Return the challenge of a digest."""
        return f'WWW-Authenticate: Digest qop="auth", realm="shelly", nonce="{self._nonce}", algorithm=SHA-256'


class Tasmota(RelayServer):
    """Tasmota: everything is a command with 200. The login is in the query."""

    board = "tasmota"
    first = 1
    single: bool = False

    def obey(self, method: str, target: str, body: str) -> Answer:
        """`/cm?cmnd=Power1 On`."""
        del method, body
        match = re.search(r"cmnd=Power(\d+)(?: (On|Off))?", target)
        if match is None or match[1] not in self.relays or (match[2] and self.refuses):
            return 200, json.dumps({"Command": "Unknown"})
        if match[2]:
            self.turn(match[1], on=match[2] == "On")
        on = self.relays[match[1]]
        if match[2] and self.stuck:
            on = match[2] == "On"
        return 200, json.dumps({"POWER" if self.single else f"POWER{match[1]}": "ON" if on else "OFF"})

    def knows(self, method: str, target: str, headers: dict[str, str]) -> bool:
        """Return whether user and password are in the query."""
        del method, headers
        asked = parse_qs(urlsplit(target).query)
        return (asked.get("user"), asked.get("password")) == tuple([word] for word in self.login or ())


class EspHome(RelayServer):
    """ESPHome: commands are POST, their answers are empty, and a switch has a name."""

    board = "esphome"

    @property
    def channels(self) -> dict[str, str]:
        """Lamp -> id of the switch."""
        return {lamp: f"lamp_{lamp.lower()}" for lamp in LAMPS}

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        super().__init__(login)
        self.relays = dict.fromkeys([*self.channels.values(), "fan"], False)

    def obey(self, method: str, target: str, body: str) -> Answer:
        """`POST /switch/lamp_argon/turn_on`."""
        del body
        _, domain, name, *verb = target.split("/")
        if domain != "switch" or name not in self.relays:
            return 404, ""
        if not verb:
            on = self.relays[name]
            return 200, json.dumps({"id": f"switch-{name}", "value": on, "state": "ON" if on else "OFF"})
        if method != "POST" or self.refuses:
            return 405, ""
        self.turn(name, on=verb == ["turn_on"])
        return 200, ""


class Netio(RelayServer):
    """NETIO: one document for all outputs. A refused command is answered as any other."""

    board = "netio"
    first = 1

    def obey(self, method: str, target: str, body: str) -> Answer:
        """`POST /netio.json`."""
        if target != "/netio.json":
            return 404, ""
        if method == "POST":
            if self.refuses:
                return 403, ""
            for output in json.loads(body)["Outputs"]:
                self.turn(str(output["ID"]), on=output["Action"] == 1)
        outputs = [
            {"ID": int(channel), "Name": f"output_{channel}", "State": int(on), "Action": 6, "Delay": 5000}
            for channel, on in self.relays.items()
        ]
        return 200, json.dumps({"Agent": {"Model": "4PS", "NumOutputs": len(outputs)}, "Outputs": outputs})


class Kmtronic(RelayServer):
    """KMTronic: plain CGI, and an XML of all relays."""

    board = "kmtronic"
    first = 1

    def obey(self, method: str, target: str, body: str) -> Answer:
        """`/FF0101`."""
        del method, body
        if target == "/status.xml":
            relays = "".join(f"<relay{number}>{int(on)}</relay{number}>" for number, on in self.relays.items())
            return 200, f"<response><relay0>0</relay0>{relays}</response>"
        match = re.fullmatch(r"/FF0(\d)0([01])", target)
        if match is None or self.refuses:
            return 404, ""
        self.turn(match[1], on=match[2] == "1")
        return 200, "<html>Web Relay</html>"


BOARDS: tuple[Callable[..., RelayServer], ...] = (ShellyOne, ShellyTwo, Tasmota, EspHome, Netio, Kmtronic)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
