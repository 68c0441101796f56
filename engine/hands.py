"""What people do by hand, and the journal: not while a run holds the observatory; and written down."""

from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

from safelight.engine.clock import wall_utc
from safelight.engine.errors import JournalError, RunRefused
from safelight.engine.guardbook import guards

__all__ = ["in_use_here", "note_lamps", "refuse_beside_guards", "refuse_while_running", "the_journal"]


def the_journal(home: Path, url: str | None) -> str | None:
    """The URL of the journal, if there is one: the given one, or the one in the home."""
    if url is not None:
        return url
    path = home / "journal.sqlite"
    # What it needs is not imported where nothing has ever been run.
    return f"sqlite:///{path.absolute()}" if path.exists() else None


def in_use_here(home: Path, url: str | None) -> tuple[str, ...]:
    """The observatories whose lamps may burn: those that guards watch, or else that of the newest run.

    Args:
        home: where guards tell of themselves.
        url: of the journal; None: there is none.

    Returns:
        Shipped names and paths of documents; nothing where nothing has been run, or the journal can't be read.
    """
    watched = dict.fromkeys(str(guard["source"]) for guard in guards(home) if guard.get("source"))
    if watched or url is None:
        return tuple(watched)
    from safelight.engine.journal import Journal  # noqa: PLC0415 - slow, and needed only where runs have been
    from safelight.engine.logbook import run_page  # noqa: PLC0415
    from safelight.engine.runlist import newest_run  # noqa: PLC0415

    try:
        with closing(Journal(url, create=False)) as journal:
            run = newest_run(journal)
            return () if run is None else (run_page(journal, run).observatory_source,)
    except JournalError:
        return ()


def refuse_while_running(url: str | None, observatory: str) -> None:
    """Leave the instrument to the run that uses it.

    Args:
        url: of the journal; None: there is none, and nothing is running.
        observatory: its name.

    Raises:
        RunRefused: a run holds the observatory: which, and since when.
        JournalError: nobody can tell.
    """
    if url is None:
        return
    from safelight.engine.control import running  # noqa: PLC0415 - slow, and needed only where runs have been
    from safelight.engine.journal import Journal  # noqa: PLC0415

    journal = Journal(url, create=False)
    try:
        owner = next((owner for owner in running(journal) if owner.observatory == observatory), None)
    finally:
        journal.close()
    if owner is not None:
        raise RunRefused(
            f"{observatory} is in use by {owner}: wait for it, or end it with `safelight abort {owner.run}`"
        )


def refuse_beside_guards(home: Path, observatory: str, own: str) -> None:
    """Light no lamp that the guards of a past run would switch off again.

    Args:
        home: where guards tell of themselves.
        observatory: its name.
        own: the name under which this lamp's own guards watch.

    Raises:
        RunRefused: whose they are, and what they do.
    """
    for guard in guards(home):
        hand_lit = str(guard["run"]).startswith("by-hand-")
        if guard.get("observatory", observatory) == observatory and guard["run"] != own and not hand_lit:
            raise RunRefused(
                f"the guards of run {guard['run']} are at work (process {guard['pid']}, {guard['doing']}) and would "
                "switch the lamp off: wait until `safelight guard status` shows none"
            )


def note_lamps(
    url: str | None, observatory: str, action: str, lamps: Mapping[str, str], why: str | None = None
) -> None:
    """Write down what was done by hand; it belongs to the run that holds the observatory, if there is one.

    Raises nothing: the lamps are what counts.

    Args:
        url: of the journal; None: there is none.
        observatory: its name.
        action: `on` or `off`.
        lamps: each lamp as read back.
        why: in a few words.
    """
    if url is None:
        return
    from safelight.engine.control import running  # noqa: PLC0415
    from safelight.engine.journal import Journal  # noqa: PLC0415
    from safelight.engine.logbook import write_lamp_events  # noqa: PLC0415

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
