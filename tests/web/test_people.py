"""Tokens of people: what each may do, who is named in the journal, and what a reverse proxy lets through."""

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from safelight.engine.fleet.people import RIGHTS, Person, add_person, hash_of, remove_person
from safelight.engine.queue.requests import QueuedRequest, add, request_of
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from safelight.web.gate import COOKIE, Door, refusal
from safelight.web.rates import Rate, Rates
from tests.crash.check import rows_of
from tests.web.hosting import LONG, Server, serving, wait_for
from tests.web.looking import OFF, begin

SHORT = QueuedRequest("a test", "small", "short", "name: short\nbiases: {count: 1}\n", 100.0)
PUBLIC = "https://calib.example"
NEEDS = {"start": "run", "check": "run", "resume": "run", "cancel": "run", "pause": "darken", "abort": "darken"}
NEEDS |= {"lamps-off": "darken", "token": "watch", "no-such-button": "run"}


@pytest.fixture(scope="module")
def tokens(server: Server) -> Mapping[str, str]:
    """A person for each right, known to the server."""
    with closing(Journal(default_url(server.home))) as journal:
        made = {may: add_person(journal, f"Ana {may}", may, "a test") for may in RIGHTS}
    for token in made.values():
        wait_for(lambda token=token: status_of(server, "token", token) == 200)
    return made


def status_of(server: Server, verb: str, token: str, body: Any = None) -> int:
    """What the server answers to a button."""
    return server.change(verb, body, Authorization=f"Bearer {token}")[0]


# ---- rights


@pytest.mark.parametrize("may", RIGHTS)
def test_a_person_may_what_the_token_says(server: Server, tokens: Mapping[str, str], may: str) -> None:
    """Each right includes those before it, and whatever is beyond it is refused by name."""
    for verb, needs in NEEDS.items():
        if verb == "lamps-off" and may != "watch":
            continue  # it is switched in another test
        status, answer = server.change(verb, {"run": "none"}, Authorization=f"Bearer {tokens[may]}")
        refused = RIGHTS.index(needs) > RIGHTS.index(may)
        assert (status == 403) == refused, (verb, answer)
        if refused:
            assert answer["error"] == f"Ana {may} may {may} only; this needs a token that may {needs}"
    assert server.change("token", Authorization=f"Bearer {tokens[may]}")[1] == {"name": f"Ana {may}", "may": may}


def test_who_asked_is_in_the_journal(server: Server, tokens: Mapping[str, str]) -> None:
    """A button that was pressed with somebody's token has that name in the journal."""
    with closing(Journal(default_url(server.home))) as journal:
        number = add(journal, SHORT)
        assert status_of(server, "cancel", tokens["run"], {"request": number}) == 200
        reason = request_of(journal, number).reason or ""
    assert re.fullmatch(r"cancelled by Ana run, the web page \(from 127.0.0.1; \S+, process \d+\)", reason)
    assert status_of(server, "lamps-off", tokens["darken"]) == 200
    switched = rows_of(default_url(server.home), tables.lamp_events, action="off")
    assert "Ana darken, the web page" in switched[-1]["why"]


def test_a_token_that_was_removed(server: Server) -> None:
    """It is not accepted any more, while the server is running."""
    with closing(Journal(default_url(server.home))) as journal:
        token = add_person(journal, "Bea", "run", "a test")
        wait_for(lambda: status_of(server, "token", token) == 200)
        remove_person(journal, "Bea")
    wait_for(lambda: status_of(server, "token", token) == 401)
    assert status_of(server, "lamps-off", token) == 401


# ---- the page


def test_the_page_obeys_the_rights(page: Any, server: Server, tokens: Mapping[str, str]) -> None:
    """It names the person, and offers what the token allows."""
    page.goto(f"{server.address}#token={tokens['run']}")
    page.wait_for_selector(f"{OFF} >> nth=5")
    page.wait_for_selector("#control-words:has-text('Ana run may do everything')")
    begin(page, LONG)
    page.wait_for_selector("button.abort")
    page.goto(f"{server.address}?watch#token={tokens['watch']}")
    page.wait_for_selector("#control-words:has-text('Ana watch may watch')")
    page.wait_for_selector(".left")
    assert not page.is_visible("button.abort")
    assert not page.is_visible("#start")
    page.click("#lamps-off")
    page.wait_for_selector("#off-words.bad:has-text('this needs a token that may darken')")
    page.goto(f"{server.address}?darken#token={tokens['darken']}")
    page.wait_for_selector("#control-words:has-text('Ana darken may switch lamps off')")
    page.wait_for_selector("button.abort")
    assert not page.is_visible("#start")
    page.click("#lamps-off")
    page.wait_for_selector("#off-words.good:has-text('All lamps off, as read back')")
    page.wait_for_selector("#idle")
    assert not page.is_visible("#resume")
    assert server.runs()[0]["status"] == "aborted"


# ---- behind a proxy


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Iterator[Server]:
    """A server that a reverse proxy serves as `PUBLIC`."""
    with serving(tmp_path_factory.mktemp("behind") / "home", small, "--public-url", PUBLIC) as one:
        yield one


def test_watching_by_the_public_address_needs_a_token(behind: Server) -> None:
    """There, nothing of the observatory is read without a token or the cookie that it sets. The page itself is free."""
    name = {"Host": urlsplit(PUBLIC).netloc}
    assert behind.ask("GET", "/", headers=name)[0] == 200
    assert behind.ask("GET", "/assets/main.js", headers=name)[0] == 200
    for path in ("/api/library", "/api/stream", "/api/graph?run=x", "/api/frame/picture?run=x"):
        assert behind.ask("GET", path, headers=name)[0] == 401
        assert behind.ask("GET", path, headers={**name, "Cookie": f"{COOKIE}={behind.token}"})[0] == 401
    said = {**name, "Origin": PUBLIC, "Content-Type": "application/json", "Authorization": f"Bearer {behind.token}"}
    status, headers, _ = behind.ask("POST", "/api/token", {}, said)
    assert status == 200
    cookie = headers["set-cookie"]
    for word in (f"{COOKIE}=", "HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert word in cookie
    assert behind.token not in cookie
    reading = {**name, "Cookie": cookie.partition(";")[0]}
    assert behind.ask("GET", "/api/library", headers=reading)[0] == 200
    assert behind.ask("POST", "/api/lamps-off", {}, {**reading, "Content-Type": "application/json"})[0] == 401
    assert "Max-Age=0" in behind.ask("POST", "/api/sign-out", {}, said)[1]["set-cookie"]


def test_a_proxy_reaches_the_public_address_only(behind: Server) -> None:
    """What came through a proxy can't pass for somebody on this machine, who may watch without a token."""
    local = urlsplit(behind.address).netloc
    assert behind.ask("GET", "/api/library")[0] == 200
    for header in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"):
        assert behind.ask("GET", "/api/library", headers={"Host": local, header: "x"})[0] == 421
    assert behind.ask("GET", "/", headers={"Host": "evil.example"})[0] == 421
    for origin in (f"http://{local}", "http://calib.example", "null"):
        said = {"Host": "calib.example", "Origin": origin, "Authorization": f"Bearer {behind.token}"}
        assert behind.ask("POST", "/api/token", {}, {**said, "Content-Type": "application/json"})[0] == 403


def test_a_removed_token_ends_what_is_read_with_it(behind: Server) -> None:
    """A stream of events that was opened with a token ends when the token is removed."""
    where = urlsplit(behind.address)
    with closing(Journal(default_url(behind.home))) as journal:
        token = add_person(journal, "Bea", "watch", "a test")
        headers = {"Host": "calib.example", "Authorization": f"Bearer {token}"}
        wait_for(lambda: behind.ask("GET", "/api/library", headers=headers)[0] == 200)
        with socket.create_connection((str(where.hostname), where.port or 0), timeout=60) as wire:
            lines = ["GET /api/stream HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
            wire.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            heard = b""
            while b"event: tick" not in heard:
                heard += wire.recv(65536)
            remove_person(journal, "Bea")
            # It would go on for ever otherwise, with an event each second.
            while wire.recv(65536):
                pass
    assert behind.ask("GET", "/api/library", headers=headers)[0] == 401


@pytest.mark.parametrize("url", ["http://calib.example", "https://calib.example/page", "calib.example", "https://"])
def test_addresses_that_are_none(url: str) -> None:
    """A public address is a name under https, without a path."""
    from safelight.commands.serve import _origin  # noqa: PLC0415 - only here
    from safelight.engine.errors import EngineError  # noqa: PLC0415

    with pytest.raises(EngineError, match="expected https://NAME"):
        _origin(url)
    assert _origin("https://Calib.example:443/") == PUBLIC


# ---- rates


def test_requests_are_limited() -> None:
    """So many at once, then so many a second, for each sender."""
    now_s = 0.0
    rates, rate = Rates(lambda: now_s), Rate(3, 0.5)
    assert [rates.take(rate, "Ana") for _ in range(5)] == [True, True, True, False, False]
    assert rates.take(rate, "Bea")
    now_s = 2.0
    assert [rates.take(rate, "Ana") for _ in range(2)] == [True, False]
    now_s = 1e6
    assert [rates.take(rate, "Ana") for _ in range(4)] == [True, True, True, False]


def test_wrong_tokens_hold_up_nobody_else(behind: Server) -> None:
    """A sender of wrong tokens hears 429 after a while. The right token and ALL LAMPS OFF are heard all the time."""
    seen = {status_of(behind, "token", f"wrong-{number}") for number in range(130)}
    assert seen == {401, 429}
    assert status_of(behind, "token", behind.token) == 200
    seen = {status_of(behind, "resume", behind.token, {}) for _ in range(80)}
    assert 429 in seen
    assert status_of(behind, "lamps-off", behind.token) == 200


def test_the_server_knows_people_while_the_journal_is_away() -> None:
    """Who was known last may darken: the gate asks nothing of the journal."""
    token = "x" * 43
    headers = {"host": "localhost", "authorization": f"Bearer {token}"}
    headers |= {"content-type": "application/json", "content-length": "2"}
    door = Door("other", lambda: {hash_of(token): Person("Ana", "darken")})
    assert refusal("POST", "/api/lamps-off", headers, door) is None
    assert refusal("POST", "/api/start", headers, door) == (
        403,
        "Ana may darken only; this needs a token that may run",
    )
