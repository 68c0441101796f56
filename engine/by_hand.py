"""The commands with which a person reaches the same lamps and the same home: a wrong one would tell of other lamps."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from safelight.devices import shipped_observatories
from safelight.engine.home import users_home

__all__ = ["ByHand"]

_DEFAULT = "simulated"


@dataclass(frozen=True, slots=True)
class ByHand:
    """What to type, with every option that it takes.

    Attributes:
        observatory: a shipped name or a path; the one that commands take by themselves is not named.
        home: state folder; None: the user's, which needs no naming.
    """

    observatory: str = _DEFAULT
    home: str | None = None

    @classmethod
    def at(cls, observatory: str | Path, home: str | Path | None) -> "ByHand":
        """With paths that hold wherever the command is typed."""
        name = str(observatory)
        source = name if name in shipped_observatories() else str(Path(name).absolute())
        where = None if home is None else Path(home).absolute()
        return cls(source, None if where is None or where == users_home().absolute() else str(where))

    def lamps(self, verb: str) -> str:
        """`safelight lamps off ...`."""
        named = [] if self.observatory == _DEFAULT else ["--observatory", self.observatory]
        return shlex.join(["safelight", "lamps", verb, *named, *self._home])

    def guard_status(self) -> str:
        """`safelight guard status ...`."""
        return shlex.join(["safelight", "guard", "status", *self._home])

    @property
    def _home(self) -> list[str]:
        return [] if self.home is None else ["--home", self.home]
