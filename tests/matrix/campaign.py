"""A campaign of random blows: any moment, any signal, sometimes a guard dies as well."""

import random
import shutil
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from statistics import median

from tests.matrix.bench import SEQUENCE
from tests.matrix.commands import Command, Commands, Home
from tests.matrix.rows import SPEED
from tests.matrix.signal_cells import kill_guards
from tests.matrix.wall import pause

__all__ = ["Blow", "Result", "median_dark_s", "wage"]

_LASTS_S = 2.0
"""How long such a run takes, a little more than that, s on the wall."""
_STOPPED_S = 2.0
KINDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSTOP)


@dataclass(frozen=True)
class Blow:
    """What happens when: seconds after the run has begun, the signal, and whether a guard is killed right before."""

    number: int
    after_s: float
    signal: signal.Signals
    guard_too: bool


@dataclass(frozen=True)
class Result:
    """What came of it. `lit` are the lamps that were on when the runner was struck."""

    blow: Blow
    code: int
    lit: tuple[str, ...]
    dark_s: float
    problem: str | None


def _drawn(number: int, dice: random.Random) -> Blow:
    # Kills half of the time, all others share the rest.
    word = dice.choice(KINDS) if dice.random() < 0.5 else signal.SIGKILL
    return Blow(number, dice.uniform(0.0, _LASTS_S), word, dice.random() < 0.25)


def wage(number: int, seed: int, folder: Path, observatory: Path) -> list[Result]:
    """So many blows, two at a time. The same ones for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, no secret
    blows = [_drawn(place, dice) for place in range(number)]
    with Commands.warm() as one, Commands.warm() as two, ThreadPoolExecutor(2) as threads:
        free: SimpleQueue[Commands] = SimpleQueue()
        for commands in (one, two):
            free.put(commands)

        def fight(blow: Blow) -> Result:
            commands = free.get()
            try:
                return _fight(blow, folder / f"blow-{blow.number}", observatory, commands)
            finally:
                free.put(commands)

        return list(threads.map(fight, blows))


def median_dark_s(results: Sequence[Result]) -> float:
    """Return how long a lamp that was on went on burning after a SIGKILL, the median, s of wall time."""
    return median([one.dark_s for one in results if one.lit and one.blow.signal == signal.SIGKILL] or [0.0])


def _fight(blow: Blow, place: Path, observatory: Path, commands: Commands) -> Result:
    home = Home.make(place, observatory, SEQUENCE)
    command = commands.start(home, *home.run_words(SPEED))
    assert command.until(lambda said: said["event"] == "run.started")
    pause(blow.after_s)
    if blow.guard_too and home.guards():
        kill_guards(home, 1)
    lit = tuple(home.burning())
    command.send(blow.signal)
    dark_s = _watch(blow, command, home)
    code = command.end()
    home.seconds_until_dark()
    burning = home.burning()
    resumed = 0 if code == 0 else home.to_the_end(commands)
    disk = home.disk(command.run, "matrix")
    problem = None
    if burning:
        problem = f"{burning} burn"
    elif resumed != 0 or not disk.whole:
        problem = f"resumed: {resumed}, {disk}"
    if problem is None:
        # A guard may still be writing its last lines; what it leaves behind is pytest's to clear.
        home.wait_for_guards_to_end()
        shutil.rmtree(place, ignore_errors=True)
    return Result(blow, code, lit, dark_s, problem)


def _watch(blow: Blow, command: Command, home: Home) -> float:
    """See the lamps go off. A stopped runner goes on afterwards."""
    if blow.signal is not signal.SIGSTOP:
        # A run that was over when the signal came has no lamp either.
        return home.seconds_until_dark()
    dark_s = home.seconds_until_dark()
    pause(_STOPPED_S - dark_s)
    command.send(signal.SIGCONT)
    return dark_s
