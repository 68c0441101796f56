"""Notes of the dead-man timers in the actor of a power switch, which can neither cancel nor list them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from safelight.devices.protocols import Timekeeper

__all__ = ["Timers"]

_FORM = "%Y%m%dT%H%M%S"


class Timers:
    """Notes of the timers of one actor: one empty file each, named after its outlet and the time when it ends.

    Args:
        home: the state folder.
        actor: the actor and its broker, so that another name for the same hardware finds the same notes.
        clock: the observatory's time.
    """

    def __init__(self, home: Path, actor: str, clock: Timekeeper) -> None:
        self._folder = home / "timers" / quote(actor, safe="@")
        self._clock = clock

    def note(self, outlet: str, seconds: float) -> None:
        """Note a timer that begins now. A disk that can't take the note must not keep the lamp dark."""
        due = self._clock.utc() + timedelta(seconds=seconds)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{quote(outlet, safe='')}@{due:{_FORM}}").touch()

    def pending(self) -> Mapping[str, tuple[datetime, ...]]:
        """Return outlet -> ends of its timers, UTC, the next first. Notes of ended timers are removed."""
        found: dict[str, list[datetime]] = {}
        now = self._clock.utc()
        with suppress(OSError):
            for path in sorted(self._folder.iterdir()):
                outlet, _, text = path.name.rpartition("@")
                with suppress(ValueError):
                    due = datetime.strptime(text, _FORM).replace(tzinfo=now.tzinfo)
                    if due > now:
                        found.setdefault(unquote(outlet), []).append(due)
                    else:
                        path.unlink(missing_ok=True)
        return {outlet: tuple(sorted(times)) for outlet, times in found.items()}
