"""Actions of the page's buttons: a request in the journal, a process, or the lamps."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from safelight.devices import load_observatory
from safelight.engine.errors import JournalError, LampOnTooLong
from safelight.engine.manual.bench import open_bench
from safelight.engine.manual.interlock import existing_journal, record_manual_switching
from safelight.engine.planning.compiler import Options
from safelight.engine.planning.frame_cards import require_distinct_cards
from safelight.engine.planning.offers import offer_names, offers_of
from safelight.engine.planning.plan import Plan, make_plan, site_of
from safelight.engine.planning.request import Request, plan_of
from safelight.engine.queue.requests import QueuedRequest, add, cancel, move, run_options
from safelight.engine.queue.schedules import pause_schedule
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import running
from safelight.engine.records.stop_requests import request_stop
from safelight.engine.records.stored_run import run_page
from safelight.engine.requester import STOPS
from safelight.errors import SafelightError
from safelight.sequences import SequenceError, load_text, site_sequences
from safelight.web.launcher import Launcher
from safelight.web.settings import ServerSettings

__all__ = ["BadRequest", "PageActions"]

_OPTIONS = {
    "no_overlap": "--no-overlap",
    "park": "--park",
    "no_point": "--no-point",
    "take_over": "--take-over",
}

_LARGEST_NUMBER = 2**31
"""Bound of a request's number, which the database has as a whole number of 32 bits."""


class BadRequest(SafelightError):
    """Invalid request."""


@dataclass(frozen=True, slots=True)
class PageActions:
    """Execution of requests. Every method blocks, and has to run in a thread."""

    place: ServerSettings
    launcher: Launcher
    _offered: dict[object, list[dict[str, Any]]] = field(default_factory=dict)

    def library(self) -> list[dict[str, Any]]:
        """Return the sequences that can be chosen, with what each takes. Plan again where a file has changed."""
        try:
            observatory = load_observatory(self.place.observatory)
            files = (observatory.file, *site_sequences(observatory.sequences_folder).values())
            now = tuple((path, path.stat().st_mtime_ns) for path in files if path is not None)
            if now not in self._offered:
                self._offered.clear()
                self._offered[now] = [offer.as_json() for offer in offers_of(self.place.observatory)]
        except (SafelightError, OSError):
            return []
        return self._offered[now]

    def has_telescopes(self) -> bool:
        """Return whether the observatory has telescopes. If its document can't be read, return True."""
        try:
            return load_observatory(self.place.observatory).telescopes is not None
        except SafelightError:
            return True

    def check(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts of a sequence, or all its problems.

        Raises:
            BadRequest: neither a sequence of the library nor a document.
        """
        return self._checked(asked)[0]

    def _checked(self, asked: Mapping[str, Any]) -> tuple[dict[str, Any], Plan | None]:
        """Return the same, and the plan unless there are problems."""
        try:
            plan = self._plan(*self._subject(asked), asked)
        except (SequenceError, LampOnTooLong) as error:
            return {"ok": False, "problems": [str(problem) for problem in error.problems]}, None
        except BadRequest:
            raise
        except SafelightError as error:
            return {"ok": False, "problems": [str(error)]}, None
        facts = {
            "ok": True,
            "name": plan.document.name,
            "frames": len(plan.expansion.frames),
            "total_s": round(plan.total_s, 1),
            "lamps": {lamp: round(on_s) for lamp, on_s in plan.schedule.lamp_on_s.items()},
            "warnings": list(plan.warnings),
        }
        return facts, plan

    def _plan(self, library: str | None, text: str | None, asked: Mapping[str, Any]) -> Plan:
        point = not asked.get("no_point")
        request = Request(
            sequence=library or {},
            observatory=self.place.observatory,
            overlap=False if asked.get("no_overlap") else None,
            point=point,
            park_after=True if asked.get("park") else None,
        )
        if text is None:
            return plan_of(request)
        observatory = load_observatory(self.place.observatory)
        require_distinct_cards(observatory)
        document = load_text(text, site_of(observatory, point=point), origin="pasted")
        spec = document.spec
        overlap = not (asked.get("no_overlap") or spec.overlap is False)
        options = Options(overlap, bool(asked.get("park") or spec.park_after))
        return make_plan(document, observatory, options, point=point)

    def start(self, asked: Mapping[str, Any], who: str) -> dict[str, Any]:
        """Check a sequence and start it. With problems it is not started.

        Raises:
            BadRequest: as `check`.
            LaunchError: the process can't be started.
            RunRefused: another run is running.
        """
        checked = self.check(asked)
        if not checked["ok"]:
            return checked
        library, text = self._subject(asked)
        options = [word for key, word in _OPTIONS.items() if asked.get(key)]
        sequence = library if text is None else str(self.launcher.keep_document(text))
        return {**checked, "pid": self.launcher.run(str(sequence), who, *options)}

    def resume(self, run: object, who: str) -> dict[str, Any]:
        """Start the rest of a run.

        Raises:
            RunRefused: there is no such run.
            LaunchError, JournalError: it can't be started.
        """
        with closing(self._journal()) as journal:
            page = run_page(journal, _name(run))
        return {"run": page.run, "pid": self.launcher.resume(page.run, who)}

    def stop(self, run: object, word: str, who: str) -> dict[str, Any]:
        """Request that a run aborts or pauses.

        Raises:
            RunRefused: it is not running.
            JournalError: the request can't be written.
        """
        if word not in STOPS:
            raise BadRequest("abort or pause")
        with closing(self._journal()) as journal:
            return {"run": request_stop(journal, _name(run), word, who).run, "word": word}

    def cancel(self, request: object, who: str) -> dict[str, Any]:
        """Cancel a request of the queue. If its run is running, it is aborted.

        Raises:
            RunRefused: there is no such request, or it has ended.
            JournalError: it can't be written.
        """
        number = _number(request)
        with closing(self._journal()) as journal:
            return {"request": number, "was": cancel(journal, number, who)}

    def add(self, asked: Mapping[str, Any], who: str) -> dict[str, Any]:
        """Check a sequence and add a request for it to the queue. With problems it is not added.

        Raises:
            BadRequest: as `check`, or a priority that is none.
            JournalError: it can't be written.
        """
        checked, plan = self._checked(asked)
        if plan is None:
            return checked
        priority = asked.get("priority", 0)
        if not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) >= _LARGEST_NUMBER:
            raise BadRequest("expected a whole number as priority")
        given = {key: bool(asked.get(key)) for key in ("no_overlap", "park", "no_point")}
        request = replace(QueuedRequest.pinned(plan, who, run_options(**given)), priority=priority)
        with closing(Journal(self.place.url)) as journal:
            return {**checked, "request": add(journal, request)}

    def move(self, request: object, before: object) -> dict[str, Any]:
        """Let a waiting request begin right before another one.

        Raises:
            RunRefused: one of both does not wait, or they are of different observatories.
            JournalError: it can't be written.
        """
        number, other = _number(request), _number(before)
        with closing(self._journal()) as journal:
            move(journal, number, before=other)
        return {"request": number, "before": other}

    def pause_schedule(self, name: object, paused: object) -> dict[str, Any]:
        """Let a schedule make no requests, or again.

        Raises:
            RunRefused: there is none.
            JournalError: it can't be written.
        """
        if not isinstance(name, str) or not isinstance(paused, bool):
            raise BadRequest("expected the name of a schedule, and `paused` as true or false")
        with closing(self._journal()) as journal:
            pause_schedule(journal, name, paused=paused)
        return {"schedule": name, "paused": paused}

    def lamps_off(self, who: str) -> dict[str, Any]:
        """Switch every lamp off and read it back, as `safelight lamps off` does. Raises nothing.

        A running run would light its lamps again, so it is aborted as well. The lamps don't wait for that.
        """
        heard: dict[str, str] = {}
        answer: dict[str, Any] = {"lamps": {}}
        aborting = ThreadPoolExecutor(1)
        abort = aborting.submit(self._abort_all, who)
        sources = self.place.observatories
        with ThreadPoolExecutor(len(sources)) as threads:
            darkened = list(threads.map(lambda source: self._darken_one(source, who, heard), sources))
        for lamps, _ in darkened:
            answer["lamps"] |= lamps
        errors = [error for _, error in darkened if error]
        if errors:
            answer["error"] = "; ".join(errors)
        answer["ok"] = all(lamps and set(lamps.values()) == {"off"} for lamps, _ in darkened)
        answer["heard"] = heard
        answer["aborted"], answer["abort_error"] = abort.result()
        aborting.shutdown(wait=False)
        return answer

    def _darken_one(self, source: str, who: str, heard: dict[str, str]) -> tuple[dict[str, Any], str]:
        """Switch off the lamps of one observatory. Return them as read back, and an error. Raises nothing."""
        lamps: dict[str, Any] = {}
        try:
            name, lamps = asyncio.run(self._darken(source, heard))
            if source != self.place.observatory:
                lamps = {f"{name} {lamp}": seen for lamp, seen in lamps.items()}
            record_manual_switching(existing_journal(self.place.home, self.place.journal), name, "off", lamps, who)
        except Exception as error:  # noqa: BLE001 - shown on the page, together with what else can be done
            return lamps, str(error) or type(error).__name__
        return lamps, ""

    async def _darken(self, source: str, heard: dict[str, str]) -> tuple[str, dict[str, Any]]:
        async with open_bench(source, home=self.place.home, heard=heard.__setitem__) as bench:
            return bench.observatory.name, dict(await bench.darken())

    def _abort_all(self, who: str) -> tuple[list[str], str | None]:
        """Request that the run that holds these lamps aborts. Return its id, and an error."""
        try:
            names = {load_observatory(source).name for source in self.place.observatories}
            journal = self._journal()
        except SafelightError:
            return [], None  # there never was a run here
        try:
            owners = [owner for owner in running(journal) if owner.observatory in names]
            return [request_stop(journal, owner.run, "abort", who).run for owner in owners], None
        except SafelightError as error:
            return [], str(error)
        finally:
            journal.close()

    def _subject(self, asked: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Return the name that is offered, or the pasted text: a request never names a file."""
        library, text = asked.get("library"), asked.get("document")
        if isinstance(library, str) and text is None and library in offer_names(self.place.observatory):
            return library, None
        if library is None and isinstance(text, str) and "\0" not in text:
            return None, text
        raise BadRequest("expected a sequence that is offered, or a pasted document")

    def _journal(self) -> Journal:
        url = existing_journal(self.place.home, self.place.journal)
        if url is None:
            raise JournalError("nothing has been run here yet")
        return Journal(url, create=False)


def _name(run: object) -> str:
    if not isinstance(run, str) or not run:
        raise BadRequest("name the run")
    return run


def _number(request: object) -> int:
    if not isinstance(request, int) or isinstance(request, bool) or not 0 < request < _LARGEST_NUMBER:
        raise BadRequest("expected the number of a request")
    return request
