"""What the commands that touch the instrument by hand share."""

from pathlib import Path
from typing import Any

__all__ = ["facts", "left_alone", "opening", "whose_lamps"]


def opening(home: Path | None, faults: Path | None, speed: str) -> dict[str, Any]:
    """The options of a command, as `bench_top` takes them.

    Raises:
        ObservatoryError: the file of faults can't be read.
    """
    from safelight.devices.simulated.faults import load_faults  # noqa: PLC0415 - a command pays for what it uses

    return {"home": home, "faults": load_faults(faults) if faults else (), "speed": speed}


def whose_lamps(observatory: str | None, home: Path | None, journal: str | None = None) -> tuple[str, ...]:
    """The observatories that are meant: the one that was named, or those in use in this home, or the simulated one."""
    from safelight.engine.by_hand import DEFAULT  # noqa: PLC0415
    from safelight.engine.hands import in_use_here, the_journal  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415

    if observatory is not None:
        return (observatory,)
    folder = home or default_home()
    return in_use_here(folder, the_journal(folder, journal)) or (DEFAULT,)


def left_alone(observatory: str, home: Path | None, journal: str | None) -> str | None:
    """See that no run uses the instrument; returns the journal's URL, if there is a journal.

    Raises:
        RunRefused: a run uses it: which, and since when.
        ObservatoryError: there is no such observatory.
    """
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine.hands import refuse_while_running, the_journal  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415

    url = the_journal(home or default_home(), journal)
    refuse_while_running(url, load_observatory(observatory).name)
    return url


def facts(bench: Any) -> dict[str, Any]:
    """What every answer of an instrument carries: which, and when."""
    return {"observatory": bench.observatory.name, "time": bench.instrument.clock.utc().isoformat()}
