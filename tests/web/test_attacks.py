"""Attacks on the server itself: on the wire, in numbers, with what no browser would send."""

import json
import os
import socket
import stat
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from safelight.web import gate, tokens
from safelight.web.gate import Door, refusal
from safelight.web.stream import _MOST_PAGES
from safelight.web.tokens import keep_token, same
from tests.web.hosting import Server, wait_for

LAUGHS = "a: &a [x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""A few lines that stand for a billion."""


def spoken(server: Server, *lines: str, body: bytes = b"", broken_off: bool = False) -> bytes:
    """Exactly these lines, and what comes back before the server hangs up. `broken_off`: we hang up first."""
    where = urlsplit(server.address)
    with socket.create_connection((str(where.hostname), where.port or 0), timeout=20) as wire:
        wire.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)
        if broken_off:
            wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b""))


def following(server: Server, stack: ExitStack) -> socket.socket:
    """Return a page that follows the events. Closed with the stack."""
    where = urlsplit(server.address)
    wire = stack.enter_context(socket.create_connection((str(where.hostname), where.port or 0), timeout=20))
    wire.sendall(f"GET /api/stream HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    return wire


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "LAMPS"])
def test_every_method_but_reading_needs_the_token(server: Server, method: str) -> None:
    """Not only POST: whatever a request calls itself, without the token it is refused, and allows nothing."""
    status, headers, _ = server.ask(method, "/api/lamps-off", {})
    assert status == 401
    assert "access-control-allow-methods" not in headers


@pytest.mark.parametrize(
    ("referrer", "welcome"), [("http://evil.example/x", False), ("http://127.0.0.1:1/", False), ("{ours}", True)]
)
def test_a_referrer_from_elsewhere_is_refused(server: Server, referrer: str, welcome: bool) -> None:  # noqa: FBT001
    """A browser too old to tell an origin tells where a request was made: not by another site, even with the token."""
    said = referrer.format(ours=server.address)
    status, _ = server.change("token", Referer=said)
    assert status == (200 if welcome else 403)
    assert server.ask("GET", "/api/library", headers={"Referer": said})[0] == (200 if welcome else 403)
    assert server.ask("GET", "/", headers={"Referer": said})[0] == 200


def test_headers_that_contradict_themselves_are_refused(server: Server) -> None:
    """Two hosts, two origins, two tokens or two lengths: one of them would be believed, and the other meant."""
    host = urlsplit(server.address).netloc
    told = ["POST /api/token HTTP/1.1", "Content-Type: application/json", "Content-Length: 2"]
    right = f"Authorization: Bearer {server.token}"
    for extra in (
        [f"Host: {host}", "Host: evil.example", right],
        [f"Host: {host}", right, f"Origin: http://{host}", "Origin: http://evil.example"],
        [f"Host: {host}", right, "Content-Length: 9"],
        [f"Host: {host}", "Authorization: Bearer wrong", right],
    ):
        answer = spoken(server, *told, *extra, body=b"{}")
        assert answer.split(b" ")[1] in (b"400", b"401"), extra
    assert spoken(server, *told, f"Host: {host}", right, body=b"{}").split(b" ")[1] == b"200"


def test_a_body_without_a_length_or_with_a_wrong_one_changes_nothing(server: Server) -> None:
    """Chunks of no told length are refused. A body that breaks off is no request."""
    head = [
        "POST /api/lamps-off HTTP/1.1",
        f"Host: {urlsplit(server.address).netloc}",
        "Content-Type: application/json",
    ]
    head += [f"Authorization: Bearer {server.token}"]
    assert b" 411 " in spoken(server, *head, "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")
    assert b" 200 " not in spoken(server, *head, "Content-Length: 9000", body=b"{}", broken_off=True)


@pytest.mark.parametrize(
    "document",
    [
        "[" * 100_000,
        LAUGHS,
        "biases: {count: 99999}\ndarks: {count: 99999, exposure_time: 1}\n",
        "!!python/object/apply:os.system ['true']\n",
        "name: \ud800\n",
    ],
    ids=["deep", "laughs", "many", "code", "surrogate"],
)
def test_a_document_can_not_bring_the_server_down(server: Server, document: str) -> None:
    """Nested for ever, doubled for ever, asking for ever: it is told what is wrong with it, and the page goes on."""
    status, answer = server.change("check", {"document": document})
    assert (status, answer.get("ok", False)) in ((200, False), (400, False))
    assert server.ask("GET", "/")[0] == 200


def test_json_that_is_none_is_a_bad_request(server: Server) -> None:
    """Brackets without end, no JSON, no object: 400, and the server goes on."""
    head = ["POST /api/token HTTP/1.1", f"Host: {urlsplit(server.address).netloc}", "Content-Type: application/json"]
    head += [f"Authorization: Bearer {server.token}"]
    for body in (b"[" * 200_000, b"{", b"\xff\xfe", b"null", b'"x"', b'{"run": 1e999}'):
        answer = spoken(server, *head, f"Content-Length: {len(body)}", body=body)
        assert answer.split(b" ")[1] in (b"400", b"200")
    assert server.change("token")[0] == 200


def test_many_pages_leave_room_for_the_lamps(server: Server) -> None:
    """However many pages follow the events, the next one is refused and a button is not. Who leaves makes room."""
    with ExitStack() as stack:
        pages = [following(server, stack) for _ in range(_MOST_PAGES)]
        for page in pages:
            assert b" 200 " in page.recv(200)
        more = following(server, stack)
        assert b" 503 " in more.recv(200)
        status, answer = server.change("lamps-off")
        assert (status, answer["ok"]) == (200, True)
        assert server.ask("GET", "/")[0] == 200

    def again() -> bool:
        with ExitStack() as stack:
            return b" 200 " in following(server, stack).recv(200)

    wait_for(again)


def test_pages_that_come_in_one_burst_are_counted(server: Server) -> None:
    """No more of them get in than one by one."""
    with ExitStack() as stack:
        pages = [following(server, stack) for _ in range(_MOST_PAGES + 60)]
        answers = [page.recv(40).split(b" ")[1] for page in pages]
    assert Counter(answers) == {b"200": _MOST_PAGES, b"503": 60}


def test_connections_that_say_nothing_are_closed(server: Server) -> None:
    """Nobody keeps the buttons out by being there: silent, or with half a request, after a whole one too."""
    where = urlsplit(server.address)
    words = [b"", b"POST /api/lamps-off HTT", f"GET / HTTP/1.1\r\nHost: {where.netloc}\r\n\r\nGET /".encode()]
    with ExitStack() as stack:
        wires = []
        for said in words * 10:
            wires.append(
                stack.enter_context(socket.create_connection((str(where.hostname), where.port or 0), timeout=20))
            )
            wires[-1].sendall(said)
        for wire in wires:
            while wire.recv(65536):
                pass
    assert server.change("token")[0] == 200


def test_pages_that_follow_what_is_not_there_are_forgotten(server: Server) -> None:
    """Names of runs that somebody has made up are no error, and find nothing."""
    where = urlsplit(server.address)
    for name in ("%00", "..%2f..%2fx", "x" * 200, "%3Cscript%3E"):
        with socket.create_connection((str(where.hostname), where.port or 0), timeout=20) as wire:
            wire.sendall(f"GET /api/stream?run={name} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
            assert b" 200 " in wire.recv(200)
    assert server.ask("GET", f"/api/stream?run={'x' * 201}")[0] == 404


def test_the_token_replaces_what_somebody_has_laid_there(tmp_path: Path) -> None:
    """A file of everybody's, or a link to one: the token gets a file of its own, of mode 600."""
    target = tmp_path / "theirs"
    target.write_text("nothing")
    target.chmod(0o666)
    for lay in (lambda: (tmp_path / "web-token").symlink_to(target), lambda: os.link(target, tmp_path / "web-token")):
        lay()
        path = keep_token(tmp_path, "secret")
        assert (path.read_text(), target.read_text()) == ("secret\n", "nothing")
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        path.unlink()
    assert {entry.name for entry in tmp_path.iterdir()} == {"theirs"}


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right or wrong, long or short, is decided by `compare_digest` alone, of the whole of both."""
    asked: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        asked.append((one, other))
        return one == other

    monkeypatch.setattr(tokens.secrets, "compare_digest", compare)
    assert same("right", "right")
    assert not same("right", "")
    headers = {"host": "localhost", "authorization": "Bearer r"}
    words = "this needs the token that `safelight serve` has printed, or one of `safelight token add`"
    assert refusal("POST", "/", headers, Door("right")) == (401, words)
    assert asked == [(b"right", b"right"), (b"right", b""), (b"right", b"r")]
    assert gate.same is same


def test_answers_tell_no_secrets(server: Server) -> None:
    """Neither the token nor a path of the code stands in what a watcher without the token is given."""
    for path in ("/", "/api/library", "/nowhere", "/assets/main.js"):
        content = server.ask("GET", path)[2]
        assert server.token.encode() not in content
        assert b"Traceback" not in content
    with ExitStack() as stack:
        page = following(server, stack)
        heard = b""
        while b"event: runs" not in heard:
            heard += page.recv(65536)
    assert server.token not in heard.decode()
    assert json.loads(heard.partition(b"event: tick\ndata: ")[2].partition(b"\n")[0])["boot"]


@pytest.mark.parametrize("words", [b"", b"POST /api/lamps-off HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHo"])
def test_three_hundred_open_connections_keep_no_button_out(server: Server, words: bytes) -> None:
    """While others hold more connections than the server allows, the lamps are switched off at the first attempt."""
    where = urlsplit(server.address)
    with ExitStack() as stack:
        for _ in range(300):
            wire = stack.enter_context(socket.create_connection((str(where.hostname), where.port or 0), timeout=20))
            with suppress(ConnectionResetError, BrokenPipeError):
                wire.sendall(words)
        status, answer = server.change("lamps-off")
        assert (status, set(answer["lamps"].values())) == (200, {"off"})


def test_pages_that_follow_keep_no_button_out(server: Server) -> None:
    """With all places of pages taken and as many silent connections again, the lamps are switched off as well."""
    where = urlsplit(server.address)
    with ExitStack() as stack:
        for _ in range(_MOST_PAGES):
            following(server, stack)
        for _ in range(300):
            stack.enter_context(socket.create_connection((str(where.hostname), where.port or 0), timeout=20))
        assert server.change("lamps-off")[0] == 200
