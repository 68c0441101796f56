"""Succession: who answers for a lamp when a run has died and the next one begins.

The guards of the dead run switch its lamps off, and must not put out a lamp that the next run has lit. Both sides write
what they do into their status files, and then read those of the other side:

- the guards of a new run write that they are in charge, and its runner then waits until no guard of a dead run answers
  for one of its lamps;
- a guard of a dead run looks for such a successor before each further command, and leaves it the lamps.

A lamp is only left to guards that watch the same outlet on behalf of a run that has begun since. A run takes charge
after it has read all lamps back as off, and whatever happens to it then, its guards switch all lamps off.
"""

import os
import signal
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from safelight.devices import Lamps, Observatory
from safelight.engine.clock import Clock
from safelight.engine.errors import GuardError
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.safing import patience_of
from safelight.engine.guard.status_files import guards
from safelight.processes import process_started

__all__ = [
    "Predecessor",
    "in_words",
    "is_dead",
    "lamps_of_successors",
    "outlets_of",
    "predecessors",
    "succeed",
]

_LOOK_S = 0.1
"""Interval of looks at the other guards, s."""
_QUIET_S = 0.5
"""Wait that is not worth a word, s."""
_MARGIN_S = 5.0
"""Allowance for a busy machine, and for the end of a process, s."""
_COMMAND = 3
"""A command, its read-back, and a second read-back: the tries that a guard can't be stopped in."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """Guard of a dead run that still answers for lamps of the next run.

    Attributes:
        lamps: those that both can switch.
        covered: whether all of its lamps are on outlets of the next run, so that it is not needed any more.
    """

    run: str
    pid: int
    doing: str
    lamps: tuple[str, ...]
    covered: bool


def outlets_of(observatory: str, lamps: Lamps) -> dict[str, str]:
    """Return lamp -> what tells its outlet from others: the hardware as its driver names it, or else the lamp's name.

    Args:
        observatory: its name.
        lamps: the first path to them.
    """
    named = tuple(getattr(lamps, "hardware", ()))
    if len(named) == len(lamps.names):
        return dict(zip(lamps.names, named, strict=True))
    where = named[0] if named else observatory
    return {lamp: f"{where} {lamp}" for lamp in lamps.names}


def lamps_of_successors(home: Path, client: str, since: str, outlets: Mapping[str, str]) -> set[str]:
    """Return the lamps for which guards of a later run answer, under whatever document.

    Args:
        home: state folder with the guards' files.
        client: the run of the guards that ask, which is not its own successor.
        since: when that run last gave a sign of life, UTC, ISO 8601. A run that has begun before it is not a successor.
        outlets: lamp -> its outlet, of the lamps in question.
    """
    watched: set[str] = set()
    for page in _others(guards(home), client):
        # Guards of a run that has died as well take nothing over: they do the same. Those of hand-lit lamps are alone.
        answers = page["in_charge"] and (page["keep"] or not page["orphan"])
        if answers and page.get("begun", "") > since:
            watched |= set(page["answers_for"].values())
    return {lamp for lamp, outlet in outlets.items() if outlet in watched}


def predecessors(home: Path, observatory: str, client: str) -> list[Predecessor]:
    """Return the guards of dead runs that may still switch a lamp of this run.

    Args:
        home: state folder with the guards' files.
        observatory: its name.
        client: this run; its own guards have written down for which lamps they answer.
    """
    pages = list(guards(home))
    mine = [page["answers_for"] for page in pages if page.get("client") == client]
    lamps = {lamp for page in mine for lamp in page}
    outlets = {outlet for page in mine for outlet in page.values()}
    found = []
    for page in _others(pages, client):
        theirs = page["answers_for"]
        # At one observatory the same name counts as the same lamp here: another driver may lead to it.
        same = lamps if page.get("observatory") == observatory else ()
        shared = tuple(lamp for lamp, outlet in theirs.items() if lamp in same or outlet in outlets)
        if shared and is_dead(page):
            covered = set(theirs.values()) <= outlets
            found.append(Predecessor(page["run"], page["pid"], page["doing"], shared, covered))
    return found


def _others(pages: Iterable[dict[str, Any]], client: str) -> Iterator[dict[str, Any]]:
    # Guards of older versions name no client, and look for successors in a way of their own.
    return (page for page in pages if page.get("client", client) != client)


def is_dead(page: Mapping[str, Any]) -> bool:
    """Return whether the run of a guard is over. A guard may not have noticed it yet."""
    runs = bool(process_started(page["runner_pid"]) == page["runner_started"])
    return not runs or page["orphan"] is True


def in_words(others: Collection[Predecessor]) -> str:
    """Return words such as `the guards of run X (processes 12 and 13, acting)`."""
    runs = " and ".join(dict.fromkeys(other.run for other in others))
    processes = ", ".join(f"{other.pid} {other.doing}" for other in others)
    return f"the guards of run {runs} (process {processes})"


def _longest_s(observatory: Observatory) -> float:
    """Return how long a guard may need, at the most, to end the command that it is in, observatory seconds."""
    _, try_s = patience_of(observatory)
    return _COMMAND * try_s


async def succeed(order: GuardConfig, wall: Clock, since_s: float, tell: Callable[..., None]) -> None:
    """Wait until no guard of a dead run answers for a lamp of this run.

    One that has not left them in time hangs. It is killed if this run's guards watch all of its lamps.

    Args:
        order: of this run's guards, which have noted that they are in charge.
        wall: wall time.
        since_s: when they were; a second try waits no longer than the first one.
        tell: called with `guard.waiting` and its facts, where the wait is long.

    Raises:
        GuardError: a guard does not leave a lamp, and can't be replaced; no lamp may be lit.
    """
    last_s = order.on_the_wall_s(_longest_s(order.observatory)) + _MARGIN_S
    told, killed = False, False
    look = partial(predecessors, order.home, order.observatory.name, order.client)
    while others := await wall.in_thread(look):
        waited_s = wall.now() - since_s
        if waited_s > _QUIET_S and not told:
            told = True
            pids = [other.pid for other in others]
            tell("guard.waiting", reason=in_words(others), pids=pids, longest_s=round(last_s, 1))
        if waited_s > last_s and not killed:
            killed = True
            _kill(others)
        if waited_s > last_s + _MARGIN_S:
            raise GuardError(f"{in_words(others)} can't be ended, and would put a lamp out: end them by hand")
        await wall.sleep(_LOOK_S)


def _kill(others: Collection[Predecessor]) -> None:
    """End guards that hang.

    Raises:
        GuardError: one of them watches a lamp that no other guard watches.
    """
    needed = [other for other in others if not other.covered]
    if needed:
        lamps = ", ".join(sorted({lamp for other in needed for lamp in other.lamps}))
        pids = " ".join(str(other.pid) for other in needed)
        raise GuardError(
            f"{in_words(needed)} still try to switch off {lamps} by another way than this run's, and would put it out: "
            f"look whether it is dark, then end them (`kill {pids}`)"
        )
    for other in others:
        with suppress(OSError):
            os.kill(other.pid, signal.SIGKILL)
