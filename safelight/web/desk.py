"""What the buttons of the page do: a request in the journal, a process, or the lamps."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from safelight import SafelightError
from safelight.devices import load_observatory
from safelight.engine.asking import STOPS
from safelight.engine.bench_top import bench_top
from safelight.engine.compiler import Options
from safelight.engine.control import ask, running
from safelight.engine.errors import JournalError
from safelight.engine.hands import note_lamps, the_journal
from safelight.engine.journal import Journal
from safelight.engine.logbook import run_page
from safelight.engine.plan import Plan, make_plan, site_of
from safelight.engine.request import Request, plan_of
from safelight.sequences import SequenceError, library_names, load_text
from safelight.web.launcher import Launcher
from safelight.web.place import Place

__all__ = ["BadRequest", "Desk"]

_OPTIONS = {"no_overlap": "--no-overlap", "park": "--park", "no_point": "--no-point"}


class BadRequest(SafelightError):
    """A request that makes no sense."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Carries out what is asked for; every method blocks, and belongs into a thread."""

    place: Place
    launcher: Launcher
    _offered: list[dict[str, Any]] = field(default_factory=list)

    def library(self) -> list[dict[str, Any]]:
        """The sequences that can be chosen, with what each takes; worked out once."""
        if not self._offered:
            self._offered.extend(self._offer(name) for name in library_names())
        return self._offered

    def _offer(self, name: str) -> dict[str, Any]:
        try:
            plan = plan_of(Request(sequence=name, observatory=self.place.observatory))
        except SafelightError as error:
            return {"name": name, "error": str(error)}
        return {
            "name": name,
            "description": plan.document.spec.description or "",
            "frames": len(plan.expansion.frames),
            "total_s": round(plan.total_s, 1),
        }

    def check(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What a sequence comes to, or everything that is wrong with it.

        Raises:
            BadRequest: neither a sequence of the library nor a document.
        """
        library, text = _subject(asked)
        try:
            plan = self._plan(library, text, asked)
        except SequenceError as error:
            return {"ok": False, "problems": [str(problem) for problem in error.problems]}
        except BadRequest:
            raise
        except SafelightError as error:
            return {"ok": False, "problems": [str(error)]}
        return {
            "ok": True,
            "name": plan.document.name,
            "frames": len(plan.expansion.frames),
            "total_s": round(plan.total_s, 1),
            "lamps": {lamp: round(on_s) for lamp, on_s in plan.schedule.lamp_on_s.items()},
            "warnings": list(plan.expansion.warnings),
        }

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
        document = load_text(text, site_of(observatory, point=point), origin="pasted")
        spec = document.spec
        overlap = not (asked.get("no_overlap") or spec.overlap is False)
        options = Options(overlap, bool(asked.get("park") or spec.park_after))
        return make_plan(document, observatory, options, point=point)

    def start(self, asked: Mapping[str, Any], who: str) -> dict[str, Any]:
        """Check a sequence and start it; with problems it is not started.

        Raises:
            BadRequest: as `check`.
            LaunchError: the process can't be started.
            RunRefused: another run goes on.
        """
        checked = self.check(asked)
        if not checked["ok"]:
            return checked
        library, text = _subject(asked)
        options = [word for key, word in _OPTIONS.items() if asked.get(key)]
        sequence = library if text is None else str(self.launcher.keep_document(text))
        return {**checked, "pid": self.launcher.run(str(sequence), who, *options)}

    def resume(self, run: object, who: str) -> dict[str, Any]:
        """Start what is left of a run.

        Raises:
            RunRefused: there is no such run.
            LaunchError, JournalError: it can't be started.
        """
        journal = self._journal()
        try:
            page = run_page(journal, _name(run))
        finally:
            journal.close()
        return {"run": page.run, "pid": self.launcher.resume(page.run, who)}

    def stop(self, run: object, word: str, who: str) -> dict[str, Any]:
        """Ask a run to abort or to pause.

        Raises:
            RunRefused: it is not running.
            JournalError: the request can't be written.
        """
        if word not in STOPS:
            raise BadRequest("abort or pause")
        journal = self._journal()
        try:
            return {"run": ask(journal, _name(run), word, who).run, "word": word}
        finally:
            journal.close()

    def lamps_off(self, who: str) -> dict[str, Any]:
        """Switch every lamp off and read it back, as `safelight lamps off` does; raises nothing.

        A run that goes on would light its lamps again: it is asked to abort. The lamps don't wait for that.
        """
        heard: dict[str, str] = {}
        answer: dict[str, Any] = {"lamps": {}}
        aborting = ThreadPoolExecutor(1)
        abort = aborting.submit(self._abort_all, who)
        try:
            name, lamps = asyncio.run(self._darken(heard))
            note_lamps(the_journal(self.place.home, self.place.journal), name, "off", lamps, who)
            answer["lamps"] = lamps
        except Exception as error:  # noqa: BLE001 - told on the page, together with what else can be done
            answer["error"] = str(error) or type(error).__name__
        answer["ok"] = bool(answer["lamps"]) and all(state == "off" for state in answer["lamps"].values())
        answer["heard"] = heard
        answer["aborted"], answer["abort_error"] = abort.result()
        aborting.shutdown(wait=False)
        return answer

    async def _darken(self, heard: dict[str, str]) -> tuple[str, dict[str, Any]]:
        place = self.place
        async with bench_top(place.observatory, home=place.home, heard=heard.__setitem__) as bench:
            return bench.observatory.name, dict(await bench.darken())

    def _abort_all(self, who: str) -> tuple[list[str], str | None]:
        """Ask the run that holds these lamps to abort; which, and what went wrong."""
        try:
            name = load_observatory(self.place.observatory).name
            journal = self._journal()
        except SafelightError:
            return [], None  # nothing has ever been run here
        try:
            owners = [owner for owner in running(journal) if owner.observatory == name]
            return [ask(journal, owner.run, "abort", who).run for owner in owners], None
        except SafelightError as error:
            return [], str(error)
        finally:
            journal.close()

    def _journal(self) -> Journal:
        url = the_journal(self.place.home, self.place.journal)
        if url is None:
            raise JournalError("nothing has been run here yet")
        return Journal(url, create=False)


def _subject(asked: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The name in the library or the pasted text: a request never names a file."""
    library, text = asked.get("library"), asked.get("document")
    if isinstance(library, str) and text is None and library in library_names():
        return library, None
    if library is None and isinstance(text, str) and "\0" not in text:
        return None, text
    raise BadRequest("choose a sequence of the library, or paste a document")


def _name(run: object) -> str:
    if not isinstance(run, str) or not run:
        raise BadRequest("name the run")
    return run
