"""`safelight pause` and `safelight abort`: request the end of a run from another terminal."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, JournalUrl, RunId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safelight.engine.records.database import Journal
    from safelight.engine.records.lock import Owner
    from safelight.engine.records.stop_requests import StopStatus

__all__ = ["abort", "pause"]

NoWait = Annotated[bool, typer.Option("--no-wait", help="Write the request, and don't wait for the end of the run.")]

_ENDED = {"abort": "aborted", "pause": "paused"}
_PATIENCE_S = {"abort": 30.0, "pause": 7200.0}
"""Longest wait for the end, s of wall time. For a pause, it is the longest possible frame."""
_INTERRUPTED = 130
"""Exit code of a shell for a command that Ctrl-C has ended."""


def pause(
    run: RunId = None,
    *,
    home: Home = None,
    journal: JournalUrl = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """End a run when the frame in progress is on disk: RUN, or the only one that is running.

    Exit codes: 0 it has ended so, 2 no such run is running, 10 a lamp is not confirmed off.
    """
    _ask("pause", run, home, journal, no_wait=no_wait, as_json=as_json)


def abort(
    run: RunId = None,
    *,
    home: Home = None,
    journal: JournalUrl = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """End a run now, lamps off first: RUN, or the only one that is running. The frame in progress is lost.

    Exit codes: 0 it has ended so, 2 no such run is running, 10 a lamp is not confirmed off.
    """
    _ask("abort", run, home, journal, no_wait=no_wait, as_json=as_json)


def _ask(word: str, run: str | None, home: Any, url: str | None, *, no_wait: bool, as_json: bool) -> None:
    from safelight.commands.open_journal import found_with, opened  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import put, tell  # noqa: PLC0415
    from safelight.engine.records.stop_requests import request_stop  # noqa: PLC0415
    from safelight.engine.requester import requester_name  # noqa: PLC0415

    with opened(home, url, look=False) as journal:
        owner = request_stop(journal, run, word, requester_name("the command line"))
        tell(f"{word} requested for run {owner.run} (process {owner.pid} on {owner.host})")
        found = None if no_wait else _wait(journal, owner, word)
        if found is not None and found.status == "unsafe":
            _alarm(journal, owner, found, home)
    if as_json:
        _put_plain(word, owner, found)
    elif found is not None:
        put("\n".join(_lines(word, owner, found, found_with(home, url))))
    raise typer.Exit(0 if found is None else _code(word, found.status))


def _wait(journal: "Journal", owner: "Owner", word: str) -> "StopStatus":
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.engine.records.stop_requests import stop_status, wait_until_over  # noqa: PLC0415
    from safelight.text import title_of  # noqa: PLC0415

    def say(at_work: "Sequence[tuple[str, str | None]]") -> None:
        tell(f"it is at: {'; '.join(title_of(state, frame) for state, frame in at_work)}")

    try:
        asyncio.run(wait_until_over(journal, owner, _PATIENCE_S[word], say))
    except KeyboardInterrupt:
        tell(f"no longer waiting; the request to {word} stays")
        raise typer.Exit(_INTERRUPTED) from None
    return stop_status(journal, owner)


def _alarm(journal: "Journal", owner: "Owner", found: "StopStatus", home: Any) -> None:
    """Print on standard error that a lamp is not confirmed off."""
    from safelight.commands.output import shout  # noqa: PLC0415
    from safelight.engine.command_hints import CommandHints  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.records.stored_run import run_page  # noqa: PLC0415
    from safelight.show.progress.messages import alarm  # noqa: PLC0415

    by_hand = CommandHints.at(run_page(journal, owner.run).observatory_source, home or default_home())
    shout(alarm(found.lamps, {}, by_hand=by_hand))


def _put_plain(word: str, owner: "Owner", found: "StopStatus | None") -> None:
    from safelight.commands.output import put_json  # noqa: PLC0415

    plain: dict[str, Any] = {"run": owner.run, "observatory": owner.observatory, "asked": word, "pid": owner.pid}
    if found is not None:
        plain |= {"outcome": found.status, "reason": found.reason, "lamps": dict(found.lamps)}
    put_json(plain)


def _lines(word: str, owner: "Owner", found: "StopStatus", options: str) -> list[str]:
    from safelight.text import lamps_in_words  # noqa: PLC0415

    command = f"{owner.run} {options}".rstrip()
    if found.status == "running":
        return [
            f"run {owner.run} has not ended after {_PATIENCE_S[word]:g} s; {word} was requested, and it may still obey",
            f"`safelight show {command}` shows what it is doing",
        ]
    if found.status == "killed":
        return [f"run {owner.run} was killed; its guards see to the lamps: `safelight guard status`"]
    lines = [f"run {owner.run}: {found.status}" + (f" ({found.reason})" if found.reason else "")]
    lines.append(f"lamps, as journaled: {lamps_in_words(found.lamps)}")
    if found.status != "done":
        lines.append(f"to continue: `safelight resume {command}`")
    return lines


def _code(word: str, status: str) -> int:
    """Return 0 if it has ended as requested, otherwise the run's own exit code."""
    from safelight.commands.output import ABORTED, FAULTED, UNSAFE  # noqa: PLC0415

    if status == _ENDED[word]:
        return 0
    return {"done": 0, "unsafe": UNSAFE, "aborted": ABORTED, "paused": 5}.get(status, FAULTED)
