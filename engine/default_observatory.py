"""Choice of the observatory if none is named. The command line, Python and the page share this rule."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safelight.devices import ObservatoryError, load_observatory, shipped_observatories
from safelight.engine.home import OBSERVATORY_VARIABLE, default_home
from safelight.files import write_atomically

__all__ = [
    "ASSUMED",
    "SIMULATED",
    "ObservatoryChoice",
    "choose_observatory",
    "forget_default",
    "source_of",
    "stored",
    "use",
]

SIMULATED = "simulated"
"""Observatory that is used if none was chosen."""

ASSUMED = (
    "SIMULATED OBSERVATORY: no observatory was named, so no real device is touched. "
    f"Name yours with --observatory, ${OBSERVATORY_VARIABLE} or `safelight use FILE`."
)
"""Note that is printed first, and added to the run's events, if the simulated observatory is used by default."""

_FILE = "default-observatory.json"
_LARGEST_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class ObservatoryChoice:
    """Observatory, and the reason for its choice.

    Attributes:
        source: a shipped name or the path of a document.
        why: it was named, the variable names it, it is the stored default, or it was assumed.
    """

    source: str
    why: Literal["named", "variable", "default", "assumed"]

    @property
    def note(self) -> str | None:
        """Note for the user, or None if a person has chosen it."""
        return ASSUMED if self.why == "assumed" else None


def choose_observatory(named: str | Path | None, home: Path | None = None) -> ObservatoryChoice:
    """Return the named observatory, else that of the variable, else the stored default, else the simulated one.

    Args:
        named: name from an option or an argument; None: not named.
        home: state folder, which holds the default; None: the user's.

    Raises:
        ObservatoryError: the stored default can't be read.
    """
    if named is not None:
        return ObservatoryChoice(str(named), "named")
    if variable := os.environ.get(OBSERVATORY_VARIABLE):
        return ObservatoryChoice(variable, "variable")
    default = stored(home)
    return ObservatoryChoice(SIMULATED, "assumed") if default is None else ObservatoryChoice(default, "default")


def source_of(observatory: str | Path) -> str:
    """Return its shipped name, or the absolute path of its document."""
    name = str(observatory)
    return name if name in shipped_observatories() else str(Path(name).absolute())


def use(observatory: str | Path, home: Path | None = None) -> str:
    """Make an observatory the default of a state folder. Return its name or the path of its document.

    Raises:
        ObservatoryError: it can't be read, or the choice can't be written.
    """
    load_observatory(observatory)
    source, path = source_of(observatory), _path(home)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, f"{json.dumps({'observatory': source})}\n".encode())
    except (OSError, ValueError) as error:
        raise ObservatoryError(f"{path}: the default observatory can't be written: {error}") from error
    return source


def forget_default(home: Path | None = None) -> None:
    """Remove the stored default.

    Raises:
        ObservatoryError: the choice can't be removed.
    """
    path = _path(home)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ObservatoryError(f"{path}: can't be removed: {error.strerror}") from error


def stored(home: Path | None = None) -> str | None:
    """Return the default of a state folder, or None if none was set.

    Raises:
        ObservatoryError: its file can't be read, or has other content.
    """
    path = _path(home)
    wrong = f"{path}: expected the default observatory, as `safelight use FILE` writes it"
    try:
        if not path.exists():
            return None
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            raise ObservatoryError(f"{wrong}; found something else than a small file. Set it again")
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ObservatoryError(f"{wrong}, and it can't be read: {error.strerror}. Set it again") from error
    except (ValueError, RecursionError) as error:
        raise ObservatoryError(f"{wrong}; found something else than JSON. Set it again") from error
    source = plain.get("observatory") if isinstance(plain, dict) else None
    if not isinstance(source, str) or not source:
        raise ObservatoryError(f"{wrong}; found `{json.dumps(plain)[:60]}`. Set it again")
    return source


def _path(home: Path | None) -> Path:
    return (home or default_home()) / _FILE
