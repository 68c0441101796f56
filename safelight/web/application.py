"""Application with a few short routes. `gate.py` decides which requests are accepted."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from safelight.devices import load_observatory
from safelight.engine.clock import Clock
from safelight.engine.command_hints import CommandHints
from safelight.engine.fleet.people import Person, hash_of
from safelight.engine.manual.interlock import existing_journal
from safelight.engine.records.database import Journal
from safelight.engine.requester import requester_name
from safelight.errors import SafelightError
from safelight.show.history.run_history import read_history
from safelight.web.assets import load_assets
from safelight.web.frame_picture import FramePicture, NoPicture, frame_file, frame_picture
from safelight.web.gate import COOKIE, LARGEST_BODY, Door, Gate, watch_key
from safelight.web.journal_watch import JournalWatch
from safelight.web.lamp_watch import LampWatch
from safelight.web.launcher import Launcher
from safelight.web.page_actions import BadRequest, PageActions
from safelight.web.rates import Rates
from safelight.web.run_graph import Graphs
from safelight.web.settings import ServerSettings
from safelight.web.stream import Stream

__all__ = ["make_application"]

_LONGEST_NAME = 200


class Answers:
    """Functions of the routes, with their dependencies."""

    def __init__(self, place: ServerSettings, desk: PageActions, stream: Stream, door: Door) -> None:
        self._place, self._desk, self._stream, self._door = place, desk, stream, door
        self._assets = load_assets()
        self._lamp_threads = CapacityLimiter(20)
        self._picture_threads = CapacityLimiter(4)
        self._graph_threads = CapacityLimiter(1)
        self._graphs = Graphs()
        self._picture = lru_cache(maxsize=8)(lambda path, _identity: frame_picture(path))

    # ---- reading

    async def page(self, _request: Request) -> Response:
        """Send the page itself."""
        page = self._assets["index.html"]
        return Response(page.content, media_type=page.media_type)

    async def asset(self, request: Request) -> Response:
        """Send a script, the style or the icon, by exact name."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return JSONResponse({"error": "no such file"}, 404)
        return Response(asset.content, media_type=asset.media_type)

    async def stream(self, request: Request) -> Response:
        """Send server-sent events."""
        run = request.query_params.get("run") or None
        if run is not None and len(run) > _LONGEST_NAME:
            return JSONResponse({"error": "no such run"}, 404)
        # A token that is removed ends what is read with it.
        return _Feed(self._stream, run, lambda: self._door.watcher(request.headers) is not None)

    async def library(self, _request: Request) -> Response:
        """Send the available sequences."""
        offered = await run_in_threadpool(self._desk.library)
        return JSONResponse({"sequences": offered, "telescopes": self._desk.has_telescopes()})

    async def picture(self, request: Request) -> Response:
        """Send a frame as a picture, or its spectrum, found by the journal's numbers."""
        query = request.query_params
        try:
            number, index = int(query.get("number", "")[:9]), int(query.get("file", "0")[:9])
            draw = partial(self._drawn, query.get("run", "")[:_LONGEST_NAME], number, index)
            # A disk that hangs blocks these threads, and not those of the buttons.
            found = await run_sync(draw, limiter=self._picture_threads)
        except (ValueError, SafelightError) as error:
            words = str(error) if isinstance(error, NoPicture) else "there is no such frame"
            return JSONResponse({"error": words}, 404)
        if request.path_params["form"] == "spectrum":
            return JSONResponse({"spectrum": found.spectrum, "low": found.low, "high": found.high})
        return Response(found.png, media_type="image/png")

    async def graph(self, request: Request) -> Response:
        """Send the state graph of a run, with the outcome of each state."""
        query = request.query_params
        draw = partial(self._walked, query.get("run", "")[:_LONGEST_NAME], whole=query.get("detail") == "states")
        try:
            found = await run_sync(draw, limiter=self._graph_threads)
        except SafelightError as error:
            return JSONResponse({"error": str(error)}, 404)
        return Response(found, media_type="image/svg+xml")

    def _walked(self, run: str, *, whole: bool) -> str:
        # The watch of the journal has read the run of every open page.
        account = self._stream.journal.sight.accounts.get(run)
        if account is not None:
            return self._graphs.drawn(account.story, whole=whole)
        with closing(self._journal()) as journal:
            return self._graphs.drawn(read_history(journal, run), whole=whole)

    def _journal(self) -> Journal:
        url = existing_journal(self._place.home, self._place.journal)
        if url is None:
            raise NoPicture("there is no such run")
        return Journal(url, create=False)

    def _drawn(self, run: str, number: int, index: int) -> FramePicture:
        with closing(self._journal()) as journal:
            path: Path = frame_file(journal, run, number, index)
        try:
            found = path.stat()
        except OSError:
            raise NoPicture("its file is gone") from None
        # A replaced file is drawn again.
        return self._picture(path, (found.st_ino, found.st_size, found.st_mtime_ns))

    # ---- changes: the gate has checked the token

    async def change(self, request: Request) -> Response:
        """Execute the action of a button."""
        asked = await _body(request)
        if asked is None:
            return JSONResponse({"error": "send a JSON object"}, 400)
        verb, person = request.path_params["verb"], self._door.holder(request.headers)
        if verb in ("token", "sign-out"):
            return self._signed(request, person, out=verb == "sign-out")
        try:
            act = self._act(verb, asked, self._requester(request, person))
            if verb == "lamps-off":
                # The lamps have their own thread, so that they never wait for another request.
                with self._stream.switch():
                    answer = await run_sync(act, limiter=self._lamp_threads)
            else:
                answer = await run_sync(act)
        except SafelightError as error:
            return JSONResponse({"error": str(error)}, 400 if isinstance(error, BadRequest) else 409)
        self._stream.journal.hurry()
        for lamps in (self._stream.lamps, *self._stream.others):
            lamps.hurry()
        return JSONResponse(answer)

    def _requester(self, request: Request, person: Person | None) -> str:
        """Return who has pressed a button. Behind a proxy, the address would be the proxy's."""
        at = self._door.public if self._door.at_public(request.headers) else None
        where = at or (request.client.host if request.client else "")
        name = person.name if person is not None else ""
        return requester_name(f"{name}, the web page" if name else "the web page", where=where)

    def _signed(self, request: Request, person: Person | None, *, out: bool) -> Response:
        """Tell a person's name and right. At the public address, set or delete the cookie for reading."""
        answer = JSONResponse({"name": person.name if person else "", "may": person.may if person else None})
        if self._door.at_public(request.headers):
            token = request.headers.get("authorization", "").partition(" ")[2].strip()
            key = "" if out else watch_key(hash_of(token))
            age_s = 0 if out else None
            answer.set_cookie(COOKIE, key, max_age=age_s, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    def _act(self, verb: str, asked: Mapping[str, Any], who: str) -> Callable[[], dict[str, Any]]:
        desk = self._desk
        verbs: Mapping[str, Callable[[], dict[str, Any]]] = {
            "check": partial(desk.check, asked),
            "start": partial(self._started, partial(desk.start, asked, who)),
            "resume": partial(self._started, partial(desk.resume, asked.get("run"), who)),
            "abort": partial(desk.stop, asked.get("run"), "abort", who),
            "pause": partial(desk.stop, asked.get("run"), "pause", who),
            "cancel": partial(desk.cancel, asked.get("request"), who),
            "add": partial(desk.add, asked, who),
            "move": partial(desk.move, asked.get("request"), asked.get("before")),
            "schedule": partial(desk.pause_schedule, asked.get("name"), asked.get("paused")),
            "lamps-off": partial(desk.lamps_off, who),
        }
        if verb not in verbs:
            raise BadRequest("no such button")
        return verbs[verb]

    def _started(self, start: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = start()
        speed = self._place.speed
        if "pid" in answer and speed != "max":
            self._stream.journal.speeds[answer["pid"]] = float(speed)
        return answer


class _Feed(StreamingResponse):
    """Events for one page, which takes one of the places while it is connected."""

    def __init__(self, stream: Stream, run: str | None, allowed: Callable[[], bool]) -> None:
        super().__init__(stream.follow(run, allowed), media_type="text/event-stream")
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        with self._stream.seat() as free:
            if free:
                await super().__call__(scope, receive, send)
            else:
                await JSONResponse({"error": "too many pages are open"}, 503)(scope, receive, send)


async def _body(request: Request) -> Mapping[str, Any] | None:
    """Return the request's JSON object, or None if it is missing or longer than announced."""
    content = b""
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST_BODY:
                return None
        found = json.loads(content or b"{}")
        # A lone surrogate can be written in JSON, but not encoded.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError, ClientDisconnect):
        return None
    return found if isinstance(found, dict) else None


def make_application(place: ServerSettings, token: str) -> tuple[ASGIApp, Stream]:
    """Return the application behind its gate, and the stream for its pages.

    Args:
        place: settings of the server.
        token: token of this start, for everything.

    Raises:
        ObservatoryError: the observatory can't be read.
    """
    observatory, clock = load_observatory(place.observatory), Clock()
    launcher = Launcher(place)
    journal, lamps = JournalWatch(place, clock), LampWatch(observatory, place.home, clock)
    others = [LampWatch(load_observatory(source), place.home, clock) for source in place.others]
    by_hand = CommandHints.at(place.observatory, place.home)
    stream = Stream(place, observatory, clock, journal, lamps, others, launcher, secrets.token_hex(4), by_hand)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        stream.open(asyncio.get_running_loop())
        try:
            yield
        finally:
            stream.close()
            journal.stop()
            for one in (lamps, *others):
                one.stop()

    door = Door(token, lambda: journal.sight.people, place.public_url)
    answers = Answers(place, PageActions(place, launcher), stream, door)
    routes = [
        Route("/", answers.page),
        Route("/assets/{name}", answers.asset),
        Route("/api/stream", answers.stream),
        Route("/api/library", answers.library),
        Route("/api/frame/{form}", answers.picture),
        Route("/api/graph", answers.graph),
        Route("/api/{verb}", answers.change, methods=["POST"]),
    ]
    return Gate(Starlette(routes=routes, lifespan=lifespan), door, Rates(clock.now)), stream
