"""Gate that checks every request first, on raw ASGI.

Every request must be addressed to this machine (against DNS rebinding) and must not come from another site's page. A
change also needs the token, JSON, and our own origin.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safelight.web.tokens import same

__all__ = ["HEADERS", "LARGEST_BODY", "Gate", "refusal"]

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


def refusal(method: str, path: str, headers: Mapping[str, str], token: str) -> tuple[int, str] | None:
    """Return why a request is refused, with its HTTP status, or None if it is accepted. Pure.

    Args:
        method: GET, POST, ...
        path: path without query.
        headers: names in lower case.
        token: required token for a change.
    """
    host = headers.get("host", "")
    if _hostname(f"http://{host}") not in _OURS:
        return 421, "this server is reached as 127.0.0.1 or localhost only"
    if _from_elsewhere(method, path, headers, host):
        return 403, "requests from other sites are refused"
    if method in _READING:
        return None
    return _refused_change(headers, token)


def _from_elsewhere(method: str, path: str, headers: Mapping[str, str], host: str) -> bool:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and origin != f"http://{host}":
        return True
    # A link to the page itself may be on any site.
    visit = method in _READING and path == "/" and headers.get("sec-fetch-mode", "navigate") == "navigate"
    # Our own page sends no referrer at all.
    referrer = headers.get("referer")
    linked = referrer is not None and not f"{referrer}/".startswith(f"http://{host}/")
    return (linked or site not in ("same-origin", "none")) and not visit


def _refused_change(headers: Mapping[str, str], token: str) -> tuple[int, str] | None:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same(token, given.strip()):
        return 401, "this needs the token that `safelight serve` has printed"
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
    """Middleware that accepts or refuses requests, and adds the security headers to every answer."""

    app: ASGIApp
    token: str

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
            refused = refusal(scope["method"], scope["path"], headers, self.token)
        app = self.app if refused is None else JSONResponse({"error": refused[1]}, refused[0])
        await app(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Callable[[Message], Any]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
