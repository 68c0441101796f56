"""A warm process that forks a child for each run, and has it kill itself at a chosen moment.

    python tests/crash/warm.py

One job a line on standard input, JSON: what to do (`run` or `resume`), the fields of the request, and `at`: the moment
(`what` and `n`) and what happens then (`do`: kill, abort, pause or fault). Answers on standard output: `{"pid"}` when
the child is born, its events if `tell` is set, and `{"status", ...}` when it has ended. Moments are counted in the
run's own order:

    commit       right after the n-th transaction of the journal is durable
    uncommitted  right before it
    event        at the n-th thing that is told
    verb         a device has been commanded for the n-th time, and has not answered yet
    answer       it has answered
    disk         right before the n-th fsync or rename, wherever it is
    during VERB, after VERB   as verb and answer, of one verb only: `during expose`
"""

import asyncio
import fcntl
import json
import os
import pathlib
import resource
import signal
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn

from safelight.devices.simulated import device_line, frame_writer  # noqa: F401 - slow, and needed by every child
from safelight.devices.simulated.faults import Fault
from safelight.engine.records.database import Journal
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.engine.run.runner import Runner
from safelight.engine.run.start import Request, perform
from safelight.errors import SafelightError
from tests.warm_guards import WarmGuards
from tests.warm_server import say, serve, warm_up

WORDS: Mapping[str, tuple[Any, Callable[..., Any]]] = {"run": (Request, perform), "resume": (ResumeRequest, resume)}
PATHS = ("home", "frames")


class Moments:
    """Counts what happens in this process, and acts at the chosen moment."""

    def __init__(self, at: Mapping[str, Any] | None) -> None:
        self._at = at
        self._runner: Runner | None = None
        self.counts: Counter[str] = Counter()

    def started(self, runner: Runner) -> None:
        """From now on it can be stopped by other means than a kill."""
        self._runner = runner

    def here(self, what: str) -> None:
        """One more of these."""
        self.counts[what] += 1
        at = self._at
        if at is None or at["what"] != what or self.counts[what] != at["n"]:
            return
        if at["do"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._runner is not None:
            self._runner.stop(at["do"], "the campaign says so")

    def install(self) -> None:
        """Be told of every moment. This process has only one run in its life."""
        self._watch_commits()
        self._watch_devices()
        self._before(os, "fsync", "disk")
        self._before(pathlib.Path, "replace", "disk")
        self._before(pathlib.Path, "rename", "disk")

    def _before(self, owner: Any, name: str, what: str) -> None:
        whole = getattr(owner, name)

        def watched(*args: Any) -> Any:
            self.here(what)
            return whole(*args)

        setattr(owner, name, watched)

    def _watch_commits(self) -> None:
        """The run's own transactions: other threads look for requests, and beat."""
        commit, alone = Journal.commit, Journal.alone

        def watched(journal: Journal) -> None:
            here = threading.current_thread()
            runs_own = here is threading.main_thread() or here.name == "journal-writer"
            mine = runs_own and journal._connection.in_transaction()
            if mine:
                self.here("uncommitted")
            commit(journal)
            if mine:
                self.here("commit")

        def taken(journal: Journal) -> Any:
            return _Then(alone(journal), lambda: self.here("commit"))

        Journal.commit = watched  # type: ignore[method-assign,assignment]
        Journal.alone = taken  # type: ignore[method-assign,assignment]

    def _watch_devices(self) -> None:
        wait, send = device_line.DeviceLine._wait, device_line.DeviceLine.send
        verb: ContextVar[str] = ContextVar("verb")

        async def waiting(self: Any, seconds: float) -> None:
            moments.here("verb")
            moments.here(f"during {verb.get()}")
            await wait(self, seconds)

        async def sending(self: Any, command: Any) -> Any:
            verb.set(command.verb)
            answer = await send(self, command)
            moments.here("answer")
            moments.here(f"after {command.verb}")
            return answer

        moments = self
        device_line.DeviceLine._wait = waiting  # type: ignore[method-assign]
        device_line.DeviceLine.send = sending  # type: ignore[method-assign]


class _Then:
    """A context, and something that happens right after it has ended well."""

    def __init__(self, inner: Any, then: Callable[[], None]) -> None:
        self._inner = inner
        self._then = then

    def __enter__(self) -> Any:
        return self._inner.__enter__()

    def __exit__(self, *error: object) -> Any:
        swallowed = self._inner.__exit__(*error)
        if error[0] is None:
            self._then()
        return swallowed


def work(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do one job to its end, if it comes to one."""
    kind, verb = WORDS[job["verb"]]
    fields: dict[str, Any] = {
        key: pathlib.Path(value) if key in PATHS and value else value for key, value in job["request"].items()
    }
    fields["faults"] = tuple(Fault.model_validate(fault) for fault in fields.get("faults", ()))
    moments = Moments(job.get("at"))
    moments.install()

    def hear(said: Mapping[str, Any]) -> None:
        if job.get("tell"):
            say(**said)
        moments.here("event")

    os.chdir(job.get("cwd", "."))
    if job.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))
    if job.get("gate"):
        # Opens for everybody who waits at the same instant.
        with pathlib.Path(job["gate"]).open() as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
    try:
        result = asyncio.run(
            verb(kind(**fields), listeners=[hear], on_start=moments.started, guarded=bool(job.get("guarded")))
        )
    except SafelightError as error:
        return {"error": type(error).__name__, "words": str(error), "counts": moments.counts}
    return {
        "run": result.run,
        "outcome": result.outcome,
        "reason": result.reason,
        "internal": result.internal,
        "good": [taken.frame for taken in result.frames],
        "bad": [taken.frame for taken in result.bad],
        "lamps": dict(result.lamps),
        "folder": str(result.folder),
        "counts": moments.counts,
    }


def child(job: Mapping[str, Any], answer_fd: int) -> NoReturn:
    """Live as a child, and leave without the clean-up that belongs to the parent."""
    try:
        os.write(answer_fd, json.dumps(work(job)).encode())
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - the test is told
        os.write(answer_fd, json.dumps({"error": type(error).__name__, "words": repr(error)}).encode())
        os._exit(1)


if __name__ == "__main__":
    warm_up("demo")
    guards = WarmGuards()
    guards.begin()
    with guards.in_use():
        serve(child)
    guards.close()
