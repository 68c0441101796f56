"""Commands that reach the same lamps and the same state folder, for use in messages."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from safelight.devices import ObservatoryError
from safelight.engine.default_observatory import SIMULATED, source_of, stored
from safelight.engine.home import OBSERVATORY_VARIABLE, users_home

__all__ = ["DEFAULT", "CommandHints"]

DEFAULT = SIMULATED
"""Observatory that is used if none is named."""


@dataclass(frozen=True, slots=True)
class CommandHints:
    """Commands to type, with every option that they need.

    Attributes:
        observatory: a shipped name or a path. The default of commands is left out.
        home: state folder; None: the user's, which is left out.
    """

    observatory: str = DEFAULT
    home: str | None = None

    @classmethod
    def at(cls, observatory: str | Path, home: str | Path | None) -> "CommandHints":
        """Return the same with absolute paths, valid in any folder."""
        where = None if home is None else Path(home).absolute()
        return cls(source_of(observatory), None if where is None or where == users_home().absolute() else str(where))

    def lamps(self, verb: str, *names: str) -> str:
        """Return `safelight lamps off ...`, for all lamps or for these."""
        plain = OBSERVATORY_VARIABLE not in os.environ and self.observatory == self._without_a_name()
        named = [] if plain else ["--observatory", self.observatory]
        return shlex.join(["safelight", "lamps", verb, *named, *self._home, *names])

    def guard_status(self) -> str:
        """Return `safelight guard status ...`."""
        return shlex.join(["safelight", "guard", "status", *self._home])

    def _without_a_name(self) -> str | None:
        """Return the observatory that a command takes by default, or None if that is unknown."""
        try:
            return stored(None if self.home is None else Path(self.home)) or DEFAULT
        except ObservatoryError:
            return None

    @property
    def _home(self) -> list[str]:
        return [] if self.home is None else ["--state-dir", self.home]
