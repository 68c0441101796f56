"""One notification: a sentence for people, and the facts as JSON."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from safelight.devices import Observatory
from safelight.engine.clock import wall_utc
from safelight.text import counted, lamps_in_words

__all__ = ["Notice"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened.

    Attributes:
        event: `done`, `faulted`, `aborted`, `paused`, `unsafe` or `guard`.
        text: one sentence.
        observatory: its name.
        run: id of the run.
        lamps: last read-back state of each lamp.
        simulated: no real device is involved.
        facts: whatever else is known.
    """

    event: str
    text: str
    observatory: str
    run: str
    lamps: Mapping[str, str]
    simulated: bool
    time: str = field(default_factory=lambda: wall_utc().isoformat(timespec="seconds"))
    host: str = field(default_factory=platform.node)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what a receiver gets."""
        plain = asdict(self)
        return {**plain.pop("facts"), **plain}

    @classmethod
    def of_end(
        cls, observatory: Observatory, run: str, outcome: str, lamps: Mapping[str, str], facts: Mapping[str, Any]
    ) -> "Notice":
        """Return the notification at the end of a run.

        Args:
            observatory: where.
            run: its id.
            outcome: done, faulted, aborted, paused or unsafe.
            lamps: each as read back last.
            facts: `sequence`, `frames`, `frames_asked`, `reason`, `folder`.
        """
        words = f"{facts['frames']} of {counted(facts['frames_asked'], 'frame')}"
        if outcome == "unsafe":
            words += f"; LAMPS NOT CONFIRMED OFF: {_not_off(lamps)}; the guards keep trying"
        else:
            words += f"; lamps: {lamps_in_words(lamps) or 'none'}"
        reason = f"; {facts['reason']}" if facts.get("reason") else ""
        text = f"{facts['sequence']} is {outcome.upper() if outcome == 'unsafe' else outcome}: {words}{reason}"
        text = _headed(observatory, text)
        return cls(outcome, text, observatory.name, run, dict(lamps), _simulated(observatory), facts=facts)

    @classmethod
    def of_guard(cls, observatory: Observatory, run: str, lamps: Mapping[str, str], why: str) -> "Notice":
        """Return the notification that a guard has switched lamps off, or could not.

        Args:
            observatory: where.
            run: its id.
            lamps: each that was switched off, as read back.
            why: the guard acted.
        """
        not_off = _not_off(lamps)
        if not_off:
            text = f"UNSAFE: a guard can't switch lamps off: {not_off} ({why}); it keeps trying"
        else:
            text = f"a guard has switched the lamps off ({why}); read back as off: {', '.join(lamps)}"
        event = "unsafe" if not_off else "guard"
        text = _headed(observatory, f"{text}; run {run}")
        return cls(event, text, observatory.name, run, dict(lamps), _simulated(observatory), facts={"reason": why})


def _not_off(lamps: Mapping[str, str]) -> str:
    return ", ".join(f"{lamp} ({state})" for lamp, state in lamps.items() if state != "off")


def _simulated(observatory: Observatory) -> bool:
    return not observatory.real_devices


def _headed(observatory: Observatory, text: str) -> str:
    return f"{'SIMULATED ' if _simulated(observatory) else ''}{observatory.name}: {text}"
