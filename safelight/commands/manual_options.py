"""Shared parts of the commands for manual control."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["facts", "left_alone", "one_in_use", "opening", "say_if_assumed", "the_observatory", "whose_lamps"]


def opening(home: Path | None, faults: Path | None, speed: str) -> dict[str, Any]:
    """Return the options of a command in the form of `open_bench`.

    Raises:
        ObservatoryError: the file of faults can't be read.
    """
    from safelight.devices.simulated.faults import load_faults  # noqa: PLC0415 - a command pays for what it uses

    return {"home": home, "faults": load_faults(faults) if faults else (), "speed": speed}


def the_observatory(observatory: str | None, home: Path | None = None) -> str:
    """Return the chosen observatory. Print a note on standard error if the simulated one is used by default.

    Raises:
        ObservatoryError: the default of `safelight use` can't be read.
    """
    from safelight.engine.default_observatory import choose_observatory  # noqa: PLC0415

    say_if_assumed(observatory, home)
    return choose_observatory(observatory, home).source


def say_if_assumed(observatory: str | None, home: Path | None = None) -> None:
    """Print a note on standard error if the simulated observatory is used by default.

    If the default of `safelight use` can't be read, nothing is printed.
    """
    from safelight.commands.output import warn  # noqa: PLC0415
    from safelight.devices import ObservatoryError  # noqa: PLC0415
    from safelight.engine.default_observatory import choose_observatory  # noqa: PLC0415

    with suppress(ObservatoryError):
        note = choose_observatory(observatory, home).note
        if note is not None:
            warn(note)


def whose_lamps(observatory: str | None, home: Path | None, journal: str | None = None) -> tuple[str, ...]:
    """Return the observatories of a manual command.

    It is the one that was named, also by the variable. Without a name, it is those whose lamps guards watch in this
    state folder, and the default of `safelight use`. Without these, it is the observatory of the newest run here, or
    else the simulated one.

    Raises:
        ObservatoryError: the default can't be read, and no lamp is watched.
    """
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.devices import ObservatoryError  # noqa: PLC0415
    from safelight.engine.default_observatory import choose_observatory  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.manual.interlock import existing_journal, in_use_here  # noqa: PLC0415

    folder = home or default_home()
    try:
        choice = choose_observatory(observatory, folder)
    except ObservatoryError as error:
        watched = in_use_here(folder, None)
        if not watched:
            raise
        tell(str(error.reason))
        return watched
    if choice.why in ("named", "variable"):
        return (choice.source,)
    if choice.why == "default":
        return tuple(dict.fromkeys([*in_use_here(folder, None), choice.source]))
    return in_use_here(folder, existing_journal(folder, journal)) or (choice.source,)


def one_in_use(observatory: str | None, home: Path | None, journal: str | None) -> str:
    """Return the one observatory of a manual command, and print it if it was not named.

    Raises:
        RunRefused: several are in use here.
        ObservatoryError: the default of `safelight use` can't be read.
    """
    from safelight.commands.output import warn  # noqa: PLC0415
    from safelight.engine.default_observatory import SIMULATED  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    whose = whose_lamps(observatory, home, journal)
    if len(whose) > 1:
        raise RunRefused(f"several observatories are in use here ({', '.join(whose)}): say which with --observatory")
    if whose == (SIMULATED,):
        say_if_assumed(observatory, home)
    elif observatory is None:
        warn(f"observatory: {whose[0]}")
    return whose[0]


def left_alone(observatory: str, home: Path | None, journal: str | None) -> str | None:
    """Check that no run uses the instrument, under this document or another one. Return the journal's URL, if any.

    Raises:
        RunRefused: a run uses it, or the hardware of its lamps; the message says which, and since when.
        ObservatoryError: there is no such observatory.
    """
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine.clock import Clock  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.manual.interlock import existing_journal, refuse_while_running  # noqa: PLC0415
    from safelight.engine.records.hardware_names import hardware_of  # noqa: PLC0415

    folder, model = home or default_home(), load_observatory(observatory)
    url = existing_journal(folder, journal)
    if url is not None:
        refuse_while_running(url, model.name, asyncio.run(hardware_of(model, Clock(), folder)))
    return url


def facts(bench: Any) -> dict[str, Any]:
    """Return the facts in every answer about an instrument: its name, and the time."""
    return {"observatory": bench.observatory.name, "time": bench.instrument.clock.utc().isoformat()}
