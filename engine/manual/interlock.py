"""Interlock between manual control and runs, and the journal of manual actions."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from safelight.engine.clock import Clock, wall_utc
from safelight.engine.errors import JournalError, RunRefused
from safelight.engine.guard.status_files import guards
from safelight.engine.guard.succession import is_dead
from safelight.engine.home import file_url

__all__ = ["existing_journal", "in_use_here", "record_manual_switching", "refuse_while_running", "wait_for_guards"]

_LONGEST_WAIT_S = 75.0
"""Longest wait for guards that only check for late commands any more: they do it for a minute, s."""
_QUIET_S = 0.5
"""Wait that is not worth a word, s."""
_LOOK_S = 0.1
"""Interval of looks at the guards, s."""


def existing_journal(home: Path, url: str | None) -> str | None:
    """Return the URL of the journal, if there is one: the given one, or the one in the state folder."""
    if url is not None:
        return url
    path = home / "journal.sqlite"
    # Its packages are not imported if there never was a run.
    return file_url(path) if path.exists() else None


def in_use_here(home: Path, url: str | None) -> tuple[str, ...]:
    """Return the observatories whose lamps may be on: those that guards watch, or else that of the newest run.

    Args:
        home: state folder with the guards' files.
        url: URL of the journal; None: there is none.

    Returns:
        Shipped names and paths of documents; none if there never was a run, or the journal can't be read.
    """
    watched = dict.fromkeys(str(guard["source"]) for guard in guards(home) if guard.get("source"))
    if watched or url is None:
        return tuple(watched)
    from safelight.engine.records.database import Journal  # noqa: PLC0415 - slow, and needed only where runs have been
    from safelight.engine.records.run_list import newest_run  # noqa: PLC0415
    from safelight.engine.records.stored_run import run_page  # noqa: PLC0415

    try:
        with closing(Journal(url, create=False, look=True)) as journal:
            run = newest_run(journal)
            return () if run is None else (run_page(journal, run).observatory_source,)
    except JournalError:
        return ()


def refuse_while_running(url: str | None, observatory: str, hardware: Iterable[str] = ()) -> None:
    """Refuse if a run uses the instrument.

    Args:
        url: URL of the journal; None: there is none, and nothing is running.
        observatory: its name.
        hardware: names of what its lamps are on; a run may use it under another document.

    Raises:
        RunRefused: a run holds the observatory or its hardware; the message says which, and since when.
        JournalError: the journal can't be read, so that this is unknown.
    """
    if url is None:
        return
    from safelight.engine.records.database import Journal  # noqa: PLC0415
    from safelight.engine.records.lock import refuse_if_held  # noqa: PLC0415 - slow, and needed only where runs were

    with closing(Journal(url, create=False, look=True)) as journal:
        refuse_if_held(journal, observatory, hardware)


async def wait_for_guards(home: Path, observatory: str, own: str, wall: Clock, tell: Callable[[str], None]) -> None:
    """Wait until the guards of past runs have ended, which would switch a lamp off again.

    Args:
        home: state folder with the guards' files.
        observatory: its name.
        own: the name under which this lamp's own guards watch.
        wall: wall time.
        tell: called with a sentence for the user, where it takes a while.

    Raises:
        RunRefused: they continue, because a lamp is not confirmed off, or their run continues; the message names them.
    """
    began, told = wall.now(), False
    while others := [guard for guard in guards(home) if _is_in_the_way(guard, observatory, own)]:
        for guard in others:
            ends = is_dead(guard) and guard["doing"] != "unsafe" and wall.now() - began < _LONGEST_WAIT_S
            if not ends:
                raise RunRefused(
                    f"the guards of run {guard['run']} are at work (process {guard['pid']}, {guard['doing']}) and "
                    "would switch the lamp off: wait until `safelight guard status` shows none"
                )
        if not told and wall.now() - began > _QUIET_S:
            told = True
            run, doing = others[0]["run"], others[0]["doing"]
            tell(
                f"waiting, for {_LONGEST_WAIT_S:.0f} s at most, for the guards of run {run} ({doing}): until they end, "
                "they would switch the lamp off"
            )
        await wall.sleep(_LOOK_S)


def _is_in_the_way(guard: Mapping[str, Any], observatory: str, own: str) -> bool:
    # Guards of other lamps that were lit by hand leave this one alone.
    hand_lit = str(guard["run"]).startswith("by-hand-")
    return guard.get("observatory", observatory) == observatory and guard["run"] != own and not hand_lit


def record_manual_switching(
    url: str | None, observatory: str, action: str, lamps: Mapping[str, str], why: str | None = None
) -> None:
    """Record a manual switching. It belongs to the run that holds the observatory, if there is one.

    Raises nothing, because a failed record must not disturb the lamps.

    Args:
        url: URL of the journal; None: there is none.
        observatory: its name.
        action: `on` or `off`.
        lamps: each lamp as read back.
        why: in a few words.
    """
    if url is None:
        return
    from safelight.engine.records.database import Journal  # noqa: PLC0415
    from safelight.engine.records.lock import running  # noqa: PLC0415
    from safelight.engine.records.run_writer import write_lamp_events  # noqa: PLC0415

    with suppress(JournalError):
        journal = Journal(url, create=False)
        try:
            run = next((owner.run for owner in running(journal) if owner.observatory == observatory), "")
            events = [(lamp, action, seen) for lamp, seen in lamps.items()]
            time = wall_utc().isoformat(timespec="milliseconds")
            write_lamp_events(journal, run, events, who="hand", why=why, time=time)
            journal.commit()
        finally:
            journal.close()
