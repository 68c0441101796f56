"""Gate that checks every request first, on raw ASGI.

Every request must be addressed to this machine (against DNS rebinding), or to the public address that a reverse proxy
serves, and must not come from another site's page. A change also needs a token with the right to it, JSON, and our own
origin. At the public address, reading needs a token as well.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safelight.engine.fleet.people import Person, Right, hash_of
from safelight.web.rates import CHANGES, READINGS, WRONG_TOKENS, Rates
from safelight.web.tokens import same

__all__ = ["COOKIE", "HEADERS", "LARGEST_BODY", "OWNER", "Door", "Gate", "refusal", "watch_key"]

COOKIE = "__Host-safelight"
"""Cookie that lets a browser read at the public address. It changes nothing, and the token does not follow from it."""
OWNER = Person("", "run")
"""Holder of the token that the server prints, who has no name."""
_FREE = ("/", "/assets/")
"""Paths of the page itself, which contains nothing of the observatory."""
_PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""Headers that proxies add. With one of them, a request must be for the public address."""
RIGHT_OF: Mapping[str, Right] = {
    "token": "watch",
    "sign-out": "watch",
    "lamps-off": "darken",
    "abort": "darken",
    "pause": "darken",
}
"""Right for each button. All others need the highest one."""
LARGEST_BODY = 256 * 1024
"""Largest body of a request, bytes. A pasted document of a thousand exposures has a fifth of it."""

_OURS = ("127.0.0.1", "localhost")
_READING = ("GET", "HEAD")

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # Old content is never shown, neither from a cache nor by the browser's back button.
    "Cache-Control": "no-store",
}


def watch_key(token_hash: str) -> str:
    """Return the cookie's content for a token."""
    return hashlib.sha256(f"watch {token_hash}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Door:
    """Who is accepted.

    Attributes:
        token: token of this start of the server.
        people: returns the people by the hashes of their tokens, as read last.
        public: origin that a reverse proxy serves, such as `https://calib.example`; empty: none.
    """

    token: str
    people: Callable[[], Mapping[str, Person]] = dict
    public: str = ""

    def at_public(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request is for the public address."""
        return bool(self.public) and headers.get("host", "").lower() == urlsplit(self.public).netloc

    def origin(self, headers: Mapping[str, str]) -> str:
        """Return the page's own origin."""
        return self.public if self.at_public(headers) else f"http://{headers.get('host', '')}"

    def holder(self, headers: Mapping[str, str]) -> Person | None:
        """Return who has sent a token, or None if it is missing or wrong."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return OWNER if same(self.token, given.strip()) else self.people().get(hash_of(given.strip()))

    def watcher(self, headers: Mapping[str, str]) -> Person | None:
        """Return who reads, by token or cookie. On this machine that is anybody."""
        found = self.holder(headers)
        if found is not None or not self.at_public(headers):
            return found or Person("", "watch")
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return None
        given = cookie.value if cookie is not None else ""
        known = {hash_of(self.token): OWNER, **self.people()}
        return next((person for key, person in known.items() if same(watch_key(key), given)), None)


def refusal(method: str, path: str, headers: Mapping[str, str], door: Door) -> tuple[int, str] | None:
    """Return why a request is refused, with its HTTP status, or None if it is accepted. Pure.

    Args:
        method: GET, POST, ...
        path: path without query.
        headers: names in lower case.
        door: who is accepted.
    """
    if not door.at_public(headers):
        if _hostname(f"http://{headers.get('host', '')}") not in _OURS:
            names = "127.0.0.1 or localhost" + (f" or {urlsplit(door.public).netloc}" if door.public else "")
            return 421, f"this server is reached as {names} only"
        if any(name in headers for name in _PROXIED):
            return 421, "through a proxy, this server is reached by its --public-url only"
    if _from_elsewhere(method, path, headers, door.origin(headers)):
        return 403, "requests from other sites are refused"
    if method not in _READING:
        return _refused_change(path, headers, door)
    free = path == _FREE[0] or path.startswith(_FREE[1])
    return None if free or door.watcher(headers) is not None else (401, "watching needs a token here")


def _from_elsewhere(method: str, path: str, headers: Mapping[str, str], ours: str) -> bool:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and origin != ours:
        return True
    # A link to the page itself may be on any site.
    visit = method in _READING and path == "/" and headers.get("sec-fetch-mode", "navigate") == "navigate"
    # Our own page sends no referrer at all.
    referrer = headers.get("referer")
    linked = referrer is not None and not f"{referrer}/".startswith(f"{ours}/")
    return (linked or site not in ("same-origin", "none")) and not visit


def _refused_change(path: str, headers: Mapping[str, str], door: Door) -> tuple[int, str] | None:
    person = door.holder(headers)
    if person is None:
        return 401, "this needs the token that `safelight serve` has printed, or one of `safelight token add`"
    right = RIGHT_OF.get(path.removeprefix("/api/"), "run")
    if not person.has(right):
        return 403, f"{person.name} may {person.may} only; this needs a token that may {right}"
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return 415, "send JSON"
    length = headers.get("content-length", "")
    if not length.isascii() or not length.isdecimal():
        return 411, "send the length of the request"
    if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
        return 413, f"at most {LARGEST_BODY // 1024} KiB"
    return None


def _hostname(url: str) -> str:
    try:
        parts = urlsplit(url)
        # A user's name before the host, or a path after it, which no browser sends.
        return parts.hostname or "" if parts.netloc == url[7:] and "@" not in parts.netloc else ""
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Gate:
    """Middleware that accepts or refuses requests, and adds the security headers to every answer.

    Attributes:
        door: who is accepted.
        rates: how much of it.
    """

    app: ASGIApp
    door: Door
    rates: Rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            # The server's own start and end pass here. Websockets are not used.
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) > 1 or len(headers.getlist("origin")) > 1:
            refused: tuple[int, str] | None = (400, "one host and one origin, please")
        else:
            refused = refusal(scope["method"], scope["path"], headers, self.door)
            refused = self._too_many(scope, headers, refused)
        app = self.app if refused is None else JSONResponse({"error": refused[1]}, refused[0])
        await app(scope, receive, _with_headers(send))

    def _too_many(
        self, scope: Scope, headers: Mapping[str, str], refused: tuple[int, str] | None
    ) -> tuple[int, str] | None:
        """Return the same, or that there were too many requests of this kind."""
        if refused is not None:
            tried = refused[0] == _NO_TOKEN and "authorization" in headers
            return _TOO_MANY if tried and not self.rates.take(WRONG_TOKENS) else refused
        if scope["path"] == "/api/lamps-off":
            return None
        reads = scope["method"] in _READING
        person = self.door.watcher(headers) if reads else self.door.holder(headers)
        within = self.rates.take(READINGS if reads else CHANGES, person.name if person else "")
        return None if within else _TOO_MANY


_NO_TOKEN = 401
_TOO_MANY = (429, "too many requests: wait a few seconds")


def _with_headers(send: Send) -> Callable[[Message], Any]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
