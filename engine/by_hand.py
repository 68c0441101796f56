"""The commands with which a person reaches the same lamps and the same home: a wrong one would tell of other lamps."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from safelight.devices import shipped_observatories
from safelight.engine.home import OBSERVATORY_VARIABLE, users_home

__all__ = ["DEFAULT", "ByHand", "source_of"]

DEFAULT = "simulated"
"""The observatory that is meant where nobody says which."""


def source_of(observatory: str | Path) -> str:
    """Its shipped name, or the path of its document, which holds wherever it is used."""
    name = str(observatory)
    return name if name in shipped_observatories() else str(Path(name).absolute())


@dataclass(frozen=True, slots=True)
class ByHand:
    """What to type, with every option that it takes.

    Attributes:
        observatory: a shipped name or a path; the one that commands take by themselves is not named.
        home: state folder; None: the user's, which needs no naming.
    """

    observatory: str = DEFAULT
    home: str | None = None

    @classmethod
    def at(cls, observatory: str | Path, home: str | Path | None) -> "ByHand":
        """With paths that hold wherever the command is typed."""
        where = None if home is None else Path(home).absolute()
        return cls(source_of(observatory), None if where is None or where == users_home().absolute() else str(where))

    def lamps(self, verb: str) -> str:
        """`safelight lamps off ...`."""
        plain = self.observatory == DEFAULT and OBSERVATORY_VARIABLE not in os.environ
        named = [] if plain else ["--observatory", self.observatory]
        return shlex.join(["safelight", "lamps", verb, *named, *self._home])

    def guard_status(self) -> str:
        """`safelight guard status ...`."""
        return shlex.join(["safelight", "guard", "status", *self._home])

    @property
    def _home(self) -> list[str]:
        return [] if self.home is None else ["--home", self.home]
