"""The application: a few routes, each of them short. What is let in decides `gate.py`."""

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

from safelight import SafelightError
from safelight.devices import load_observatory
from safelight.engine.asking import asker
from safelight.engine.by_hand import ByHand
from safelight.engine.chronicle import chronicle
from safelight.engine.clock import Clock
from safelight.engine.hands import the_journal
from safelight.engine.journal import Journal
from safelight.web.assets import assets
from safelight.web.desk import BadRequest, Desk
from safelight.web.gate import LARGEST_BODY, Gate
from safelight.web.journal_watch import JournalWatch
from safelight.web.lamp_watch import LampWatch
from safelight.web.launcher import Launcher
from safelight.web.pictures import NoPicture, Picture, frame_file, picture_of
from safelight.web.place import Place
from safelight.web.stream import Stream
from safelight.web.walked import Graphs

__all__ = ["application"]

_LONGEST_NAME = 200


class Answers:
    """The routes' functions, with what they need."""

    def __init__(self, place: Place, desk: Desk, stream: Stream) -> None:
        self._place, self._desk, self._stream = place, desk, stream
        self._assets = assets()
        self._lamp_threads = CapacityLimiter(20)
        self._picture_threads = CapacityLimiter(4)
        self._graph_threads = CapacityLimiter(1)
        self._graphs = Graphs()
        self._picture = lru_cache(maxsize=8)(lambda path, _identity: picture_of(path))

    # ---- looking

    async def page(self, _request: Request) -> Response:
        """The page itself."""
        page = self._assets["index.html"]
        return Response(page.content, media_type=page.media_type)

    async def asset(self, request: Request) -> Response:
        """A script, the style, the icon: by exact name."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return JSONResponse({"error": "no such file"}, 404)
        return Response(asset.content, media_type=asset.media_type)

    async def stream(self, request: Request) -> Response:
        """Server-sent events."""
        run = request.query_params.get("run") or None
        if run is not None and len(run) > _LONGEST_NAME:
            return JSONResponse({"error": "no such run"}, 404)
        return _Feed(self._stream, run)

    async def library(self, _request: Request) -> Response:
        """The sequences that can be chosen."""
        return JSONResponse({"sequences": await run_in_threadpool(self._desk.library)})

    async def picture(self, request: Request) -> Response:
        """A frame as a picture, or its spectrum; found by the journal's numbers."""
        query = request.query_params
        try:
            number, index = int(query.get("number", "")[:9]), int(query.get("file", "0")[:9])
            draw = partial(self._drawn, query.get("run", "")[:_LONGEST_NAME], number, index)
            # A disk that hangs holds these threads, and no button's.
            found = await run_sync(draw, limiter=self._picture_threads)
        except (ValueError, SafelightError) as error:
            words = str(error) if isinstance(error, NoPicture) else "there is no such frame"
            return JSONResponse({"error": words}, 404)
        if request.path_params["form"] == "spectrum":
            return JSONResponse({"spectrum": found.spectrum, "low": found.low, "high": found.high})
        return Response(found.png, media_type="image/png")

    async def graph(self, request: Request) -> Response:
        """The state graph of a run, with what has come of each state."""
        query = request.query_params
        draw = partial(self._walked, query.get("run", "")[:_LONGEST_NAME], whole=query.get("detail") == "states")
        try:
            found = await run_sync(draw, limiter=self._graph_threads)
        except SafelightError as error:
            return JSONResponse({"error": str(error)}, 404)
        return Response(found, media_type="image/svg+xml")

    def _walked(self, run: str, *, whole: bool) -> str:
        # The watch of the journal has read whatever a page looks at.
        account = self._stream.journal.sight.accounts.get(run)
        if account is not None:
            return self._graphs.drawn(account.story, whole=whole)
        with closing(self._journal()) as journal:
            return self._graphs.drawn(chronicle(journal, run), whole=whole)

    def _journal(self) -> Journal:
        url = the_journal(self._place.home, self._place.journal)
        if url is None:
            raise NoPicture("there is no such run")
        return Journal(url, create=False)

    def _drawn(self, run: str, number: int, index: int) -> Picture:
        with closing(self._journal()) as journal:
            path: Path = frame_file(journal, run, number, index)
        try:
            found = path.stat()
        except OSError:
            raise NoPicture("its file is gone") from None
        # A file that was replaced is drawn anew.
        return self._picture(path, (found.st_ino, found.st_size, found.st_mtime_ns))

    # ---- changing: the gate has seen the token

    async def change(self, request: Request) -> Response:
        """Carry out what a button asks for."""
        asked = await _body(request)
        if asked is None:
            return JSONResponse({"error": "send a JSON object"}, 400)
        verb, where = request.path_params["verb"], request.client.host if request.client else ""
        try:
            act = self._act(verb, asked, asker("the web page", where=where))
            if verb == "lamps-off":
                # The lamps never wait for a thread that somebody else is busy in.
                with self._stream.switch():
                    answer = await run_sync(act, limiter=self._lamp_threads)
            else:
                answer = await run_sync(act)
        except SafelightError as error:
            return JSONResponse({"error": str(error)}, 400 if isinstance(error, BadRequest) else 409)
        self._stream.journal.hurry()
        self._stream.lamps.hurry()
        return JSONResponse(answer)

    def _act(self, verb: str, asked: Mapping[str, Any], who: str) -> Callable[[], dict[str, Any]]:
        desk = self._desk
        verbs: Mapping[str, Callable[[], dict[str, Any]]] = {
            "token": dict,
            "check": partial(desk.check, asked),
            "start": partial(self._started, partial(desk.start, asked, who)),
            "resume": partial(self._started, partial(desk.resume, asked.get("run"), who)),
            "abort": partial(desk.stop, asked.get("run"), "abort", who),
            "pause": partial(desk.stop, asked.get("run"), "pause", who),
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
    """The events for one page, which holds one of the places for as long as it is fed."""

    def __init__(self, stream: Stream, run: str | None) -> None:
        super().__init__(stream.follow(run), media_type="text/event-stream")
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        with self._stream.seat() as free:
            if free:
                await super().__call__(scope, receive, send)
            else:
                await JSONResponse({"error": "too many pages are open"}, 503)(scope, receive, send)


async def _body(request: Request) -> Mapping[str, Any] | None:
    """The request's JSON object; None where it holds none, or more than it said."""
    content = b""
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > LARGEST_BODY:
                return None
        found = json.loads(content or b"{}")
        # Half a letter can be written in JSON, and nowhere else.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError, ClientDisconnect):
        return None
    return found if isinstance(found, dict) else None


def application(place: Place, token: str) -> tuple[ASGIApp, Stream]:
    """The application, guarded by its gate, and what feeds its pages.

    Args:
        place: where it works.
        token: for changes.

    Raises:
        ObservatoryError: the observatory can't be read.
    """
    observatory, clock = load_observatory(place.observatory), Clock()
    launcher = Launcher(place)
    journal, lamps = JournalWatch(place, clock), LampWatch(observatory, place.home, clock)
    by_hand = ByHand.at(place.observatory, place.home)
    stream = Stream(place, observatory, clock, journal, lamps, launcher, secrets.token_hex(4), by_hand)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        stream.open(asyncio.get_running_loop())
        try:
            yield
        finally:
            stream.close()
            journal.stop()
            lamps.stop()

    answers = Answers(place, Desk(place, launcher), stream)
    routes = [
        Route("/", answers.page),
        Route("/assets/{name}", answers.asset),
        Route("/api/stream", answers.stream),
        Route("/api/library", answers.library),
        Route("/api/frame/{form}", answers.picture),
        Route("/api/graph", answers.graph),
        Route("/api/{verb}", answers.change, methods=["POST"]),
    ]
    return Gate(Starlette(routes=routes, lifespan=lifespan), token), stream
