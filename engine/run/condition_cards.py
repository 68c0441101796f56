"""Reading of the conditions of a night, and the cards that say in each frame what they were before its run.

They are read once, in threads that are begun before anything is lit. Nothing waits for them: what has not been read
when a header is written is unknown.
"""

import asyncio
import json
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPResponse
from threading import Thread
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.request import urlopen

from safelight.devices.conditions import read_condition
from safelight.devices.errors import DeviceError
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine.clock import Clock, boot_s, real_alarm, wall_utc
from safelight.states.exposure import Card

__all__ = ["ConditionCards", "ConditionReading", "read", "why_unmet"]

_LARGEST = 1_000_000
"""Largest answer that is read, bytes."""
_LONGEST = 60
"""Largest number of quoted characters."""
_LONGEST_REASON = 200
"""Largest number of characters of a device's own reason."""
_LONGEST_TEXT = 68
"""Largest number of characters of a text in a FITS card (FITS standard 4.0, section 4.2.1)."""
_LATER_S = 2.0
"""Time after the time limit of a reading for which its answer still counts, s."""


@dataclass(frozen=True, slots=True)
class ConditionReading:
    """What the reading of a condition has found.

    Attributes:
        state: met, not met, or unknown where it could not be read.
        why: why it is not met, or unknown; otherwise empty.
        value: what was read, as JSON; empty for a command, and where nothing was read.
    """

    state: Literal["met", "not met", "unknown"]
    why: str = ""
    value: str = ""

    @property
    def words(self) -> str:
        """Return it for a header."""
        told = self.value if self.state != "unknown" and self.value else self.why
        return f"{self.state}, {told}" if told else self.state


class ConditionCards:
    """Conditions of an observatory, read once, for the headers of a run.

    Args:
        models: name -> how it is read.
        clock: the run's clock. Virtual time stops while they are read.
    """

    def __init__(self, models: Mapping[str, ConditionModel], clock: Clock) -> None:
        self._models = dict(models)
        self._began_s, self._utc = boot_s(), wall_utc().isoformat(timespec="seconds").removesuffix("+00:00")
        self._found: dict[str, ConditionReading] = {}
        if models:
            self._begin(clock)

    def _begin(self, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        still = ExitStack()
        still.enter_context(clock.still())
        longest_s = max(model.timeout_s for model in self._models.values()) + _LATER_S
        still.callback(real_alarm(longest_s, still.close).cancel)
        for name in self._models:
            # Daemon threads, so that one that hangs does not keep the process alive.
            Thread(target=self._read, args=(name, loop, still), name="condition", daemon=True).start()

    def _read(self, name: str, loop: asyncio.AbstractEventLoop, still: ExitStack) -> None:
        model = self._models[name]
        found = read(model)
        if boot_s() - self._began_s <= model.timeout_s + _LATER_S:
            self._found[name] = found
        if len(self._found) == len(self._models):
            with suppress(RuntimeError):  # the run is over
                loop.call_soon_threadsafe(still.close)

    def cards(self) -> tuple[Card, ...]:
        """Return CONDUTC, the time of the reading, and a card for each condition. Without conditions, none."""
        if not self._models:
            return ()
        late = ConditionReading("unknown", "it has not been read yet")
        over = ConditionReading("unknown", "it was not read in time")
        cards: list[Card] = [("CONDUTC", self._utc)]
        for number, (name, model) in enumerate(self._models.items(), 1):
            in_time = boot_s() - self._began_s <= model.timeout_s + _LATER_S
            found = self._found.get(name, late if in_time else over)
            cards.append((f"COND{number}", _in_a_card(f"{name}: {found.words}")))
        return tuple(cards)


def _in_a_card(text: str) -> str:
    """Return a text as a FITS card can hold it. A quote takes two characters there."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
    while len(plain) + plain.count("'") > _LONGEST_TEXT:
        plain = plain[:-1]
    return plain


def why_unmet(condition: ConditionModel) -> str:
    """Read a condition. Return why it is not met, or nothing. What can't be read in time is not met."""
    found: list[ConditionReading] = []
    # A server may send its answer byte by byte, each one in time.
    thread = Thread(target=lambda: found.append(read(condition)), name="condition", daemon=True)
    thread.start()
    thread.join(condition.timeout_s + _LATER_S)
    return found[0].why if found else f"it has not been read after {condition.timeout_s:g} s"


def read(condition: ConditionModel) -> ConditionReading:
    """Read a condition, within its time limit as far as its source lets it be bounded. Raises nothing."""
    try:
        if condition.command is not None:
            return _of_command(condition)
        return _of_device(condition) if condition.url is None else _of_url(condition)
    except Exception as error:  # noqa: BLE001 - a mistake of safelight or of a library must end no worker and no run
        said = f"it can't be read: safelight itself has failed ({type(error).__name__}), please report it"
        return ConditionReading("unknown", said)


def _of_url(condition: ConditionModel) -> ConditionReading:
    unknown = partial(ConditionReading, "unknown")
    try:
        with urlopen(str(condition.url), timeout=condition.timeout_s) as answer:  # noqa: S310 - the document names it
            found = json.loads(_whole(answer, boot_s() + condition.timeout_s))
    except (OSError, ValueError, HTTPException, RecursionError) as error:
        if isinstance(error, HTTPError):
            error.close()
        return unknown(f"{condition.url} can't be read: {_short(error)}")
    for part in filter(None, condition.key.split(".")):
        try:
            found = found[int(part) if isinstance(found, list) else part]
        except (LookupError, TypeError, ValueError):
            return unknown(f"{condition.url} has no {condition.key}")
    return _compared(condition, found)


def _whole(answer: HTTPResponse, until_s: float) -> bytes:
    """Return the body of an answer.

    Raises:
        TimeoutError: it is not whole at that time (`boot_s`).
    """
    body = b""
    while len(body) < _LARGEST and (part := answer.read1(_LARGEST - len(body))):
        body += part
        if boot_s() > until_s:
            raise TimeoutError("timed out")
    return body


def _of_device(condition: ConditionModel) -> ConditionReading:
    try:
        found = asyncio.run(read_condition(condition, Clock()))
    except DeviceError as error:
        return ConditionReading("unknown", f"it can't be read: {error.reason}"[:_LONGEST_REASON])
    return _compared(condition, found)


def _of_command(condition: ConditionModel) -> ConditionReading:
    try:
        done = subprocess.run(  # noqa: S603 - the observatory document names it
            list(condition.command or ()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=condition.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ConditionReading("unknown", f"the command has not ended after {condition.timeout_s:g} s")
    except (OSError, ValueError) as error:
        return ConditionReading("unknown", f"the command can't be started: {_short(error)}")
    if not done.returncode:
        return ConditionReading("met")
    words = done.stdout.decode(errors="replace").strip().splitlines()
    return ConditionReading("not met", f"exit code {done.returncode}" + (f", {words[-1][:_LONGEST]}" if words else ""))


def _compared(condition: ConditionModel, found: Any) -> ConditionReading:
    """Compare a value with what the condition wants."""
    shown = json.dumps(found)[:_LONGEST]
    if condition.below is not None or condition.above is not None:
        if isinstance(found, bool) or not isinstance(found, int | float):
            return ConditionReading("unknown", f"expected a number, read {shown}", shown)
        if condition.below is not None and not found < condition.below:
            return ConditionReading("not met", f"expected below {condition.below:g}, read {shown}", shown)
        if condition.above is not None and not found > condition.above:
            return ConditionReading("not met", f"expected above {condition.above:g}, read {shown}", shown)
        return ConditionReading("met", "", shown)
    # In Python, true equals 1.
    same = isinstance(found, bool) == isinstance(condition.equals, bool)
    if same and found == condition.equals:
        return ConditionReading("met", "", shown)
    return ConditionReading("not met", f"expected {json.dumps(condition.equals)}, read {shown}", shown)


def _short(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return (getattr(reason, "strerror", None) or str(reason) or type(error).__name__)[:_LONGEST]
