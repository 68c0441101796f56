"""The fault matrix as a page of the documentation: only what does not change from run to run."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import inf
from pathlib import Path

from tests.matrix.device_cells import KINDS, Cell, Found
from tests.matrix.light_cells import LIGHT_ROWS, LightRow, Lit
from tests.matrix.rows import ROWS, Row
from tests.matrix.signal_cells import BLOWS, Outcome

__all__ = ["PAGE", "device_lines", "light_line", "page", "signal_line"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "fault-matrix.md"

Played = tuple[Cell, Found]

_CODES = {0: "done", 1: "internal", 3: "faulted", 4: "aborted", 5: "paused", 10: "unsafe", -9: "killed"}
_AT_ONCE_S = 1.0
_STEPS_S = (10.0, 60.0, 300.0, 1000.0)

INTRODUCTION = """\
# The fault matrix

Every kind of state meets every fault. `tests/matrix/` plays each cell on the simulated observatory and fails where
this page says something else; `python tests/matrix/write.py` writes it anew.

Of **every** cell the tests demand, and read it from the power switch's own file and in the files on the disk, not in
what the run says of itself:

- at the end no lamp is on, or the run has ended `unsafe` (and its guards keep trying);
- no lamp that is on is ever reported as off;
- when the run has been resumed to its end, every requested frame is there once: none lost, none taken twice.

The sequence has a bias, a dark, two lamps with the mask at rest, a third one with a sweep, and parks at the end. The
observatory is the simulated one with one camera. Some rows are of a second sequence, of steps: a dimmed lamp
through a selector, a wait before a dark, a lamp that is on for a part of an exposure; there the detector has to cool
down. Two are of a third one, in which a lamp warms up behind its source shutter while another lamp is exposed, and one
is of a fourth, in which a source shutter opens for a part of an exposure. The last two are of a fifth one, whose light
is judged: its first frame has none, and is taken again. Faults of light have a table of their own. Exit codes: done 0,
faulted 3, aborted 4, unsafe 10; a process that is killed has none.

Two things are beyond every promise: a runner and *both* of its guards killed in the same second, with nothing left to
act; and a switch that obeys nothing and answers as if it did, where it has no second path that could contradict it.
"""

DEVICES = """\
## Faults of devices

In virtual time, without guards. A row is a state and the verb of a device that it uses; the fault strikes the call that
this state makes, **once / for ever**; [the simulated instrument](simulated-instrument.md) says what the faults are.
Verbs that stop something come only on the way out: there the run is aborted in that state, and the verb fails then.
For safing the run is aborted while a lamp is on. `lamps.all_off` comes only when `lamps.off` has failed, so there
`lamps.off` is refused for ever as well.

Where the run did not go on to its end, the last column says how long after the first strike every lamp was off, in
seconds of the observatory, at the most; the tries of the state and their deadlines are in it. "at once": within a
second, or none was on any more. `unsafe, dark` has lamps that are off and could not be read; `unsafe, lit` has one that
is on, at a switch that obeys nothing.
"""

BLOWS_TEXT = """\
## Signals, killed guards, full disks

Real processes with real guards, 150 times faster than real, the blow as soon as the state has begun. The outcome is
that of the process that was struck; whatever is not done is resumed afterwards. The guards of this observatory bear
1 s of silence.

- *SIGSTOP, then SIGCONT*: stopped for twice that silence. The lamps are off meanwhile; then the run continues, frames
  that were spoilt are taken again.
- *journal unwritable*: every write is refused from then on. *disk full*: no file can grow beyond 32 KiB, neither
  frames nor journal. *frames folder lost*: something else is in its place. The simulated switch itself is no victim.
"""

LIGHT_TEXT = """\
## Faults of light

In virtual time, without guards, with the absolute and the learned rules in `act`. Every device answers as usual: only
the pixels show it. The fourth bias, or the fourth frame of a lamp, is struck **once**, or that one and all after it
**for ever**. A frame that is taken again lies in `bad/`. The last column has [the rules](../explanation/light.md) that
spoke. Besides what is demanded of every cell, no frame of a dead lamp may be called
good: its pixels are read.
"""

Plays = tuple[Lit, Lit]
"""A fault of light, once and for ever."""


def page(
    devices: Mapping[Row, Sequence[Played]],
    blows: Mapping[Row, Sequence[Outcome]],
    light: Mapping[LightRow, Plays],
) -> str:
    """Return the whole page. `blows` holds an outcome for each of BLOWS."""
    return "\n".join(
        [
            INTRODUCTION,
            DEVICES,
            _table("state", "verb", *KINDS, "lamps off within"),
            *(line for row in ROWS for line in device_lines(devices[row])),
            "",
            BLOWS_TEXT,
            _table("state", *(blow.name for blow in BLOWS)),
            *(signal_line(row, blows[row]) for row in ROWS),
            _line("*lamps off within*", *(f"{blow.dark_s:g} s" if blow.dark_s else "" for blow in BLOWS)),
            "",
            LIGHT_TEXT,
            _table("what is wrong", "once", "for ever", "rules"),
            *(light_line(row, light[row]) for row in LIGHT_ROWS),
            "",
        ]
    )


def device_lines(cells: Sequence[Played]) -> list[str]:
    """Return the lines of one state: one for each verb."""
    lines = []
    for verb, group in groupby(cells, key=lambda pair: pair[0].verb):
        found = {(cell.what, cell.times): found for cell, found in group}
        words = (f"{_words(found[what, 1])} / {_words(found[what, None])}" for what in KINDS)
        name = next(cell.row.name for cell, _ in cells if cell.verb == verb)
        lines.append(_line(name, f"`{verb}`", *words, _within(found.values())))
    return lines


def signal_line(row: Row, outcomes: Iterable[Outcome]) -> str:
    """Return the line of one state."""
    return _line(row.name, *(_CODES.get(outcome.code, str(outcome.code)) for outcome in outcomes))


def light_line(row: LightRow, played: Plays) -> str:
    """Return the line of one fault of light."""
    rules = sorted({rule for lit in played for rule in lit.rules})
    return _line(row.name, *(lit.words for lit in played), ", ".join(f"`{rule}`" for rule in rules))


def _words(found: Found) -> str:
    if found.outcome != "unsafe":
        return _CODES[found.code]
    return "unsafe, lit" if "on" in found.read.values() else "unsafe, dark"


def _within(found: Iterable[Found]) -> str:
    """Return the longest, coarse enough to stay what it is."""
    longest_s = max((one.dark_s for one in found if one.outcome != "done"), default=None)
    if longest_s is None:
        return ""
    if longest_s < _AT_ONCE_S:
        return "at once"
    if longest_s == inf:
        return "not while it lasts"
    return next((f"{step:g} s" for step in _STEPS_S if longest_s < step), "more")


def _table(*heads: str) -> str:
    return f"{_line(*heads)}\n{_line(*['---'] * len(heads))}"


def _line(*words: str) -> str:
    return f"| {' | '.join(words)} |"
