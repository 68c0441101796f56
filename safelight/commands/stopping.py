"""`safelight pause` and `safelight abort`: ask a run to end, from another terminal."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, JournalUrl, RunId

if TYPE_CHECKING:
    from safelight.engine.journal import Journal
    from safelight.engine.lock import Owner
    from safelight.engine.parting import Parting

__all__ = ["abort", "pause"]

NoWait = Annotated[bool, typer.Option("--no-wait", help="Leave the request, and don't wait until it is obeyed.")]

_ENDED = {"abort": "aborted", "pause": "paused"}
_PATIENCE_S = {"abort": 30.0, "pause": 7200.0}
"""How long it is waited for, s on the wall: for a pause, the longest frame that might be in progress."""
_INTERRUPTED = 130
"""What a shell says of a command that Ctrl-C has ended."""


def pause(
    run: RunId = None,
    *,
    home: Home = None,
    journal: JournalUrl = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Let a run end when the frame in progress is on disk: RUN, or the only one that is running.

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
    """Let a run end at once, lamps off first: RUN, or the only one that is running. The frame in progress is lost.

    Exit codes: 0 it has ended so, 2 no such run is running, 10 a lamp is not confirmed off.
    """
    _ask("abort", run, home, journal, no_wait=no_wait, as_json=as_json)


def _ask(word: str, run: str | None, home: Any, url: str | None, *, no_wait: bool, as_json: bool) -> None:
    from safelight.commands.journals import found_with, opened  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.asking import asker  # noqa: PLC0415
    from safelight.engine.control import ask  # noqa: PLC0415
    from safelight.speech import put, tell  # noqa: PLC0415

    with opened(home, url) as journal:
        owner = ask(journal, run, word, asker("the command line"))
        tell(f"run {owner.run} (process {owner.pid} on {owner.host}) has been asked to {word}")
        found = None if no_wait else _wait(journal, owner, word)
    if as_json:
        _put_plain(word, owner, found)
    elif found is not None:
        put("\n".join(_lines(word, owner, found, found_with(home, url))))
    raise typer.Exit(0 if found is None else _code(word, found.status))


def _wait(journal: "Journal", owner: "Owner", word: str) -> "Parting":
    from safelight.engine.parting import parting, wait_until_over  # noqa: PLC0415
    from safelight.speech import tell  # noqa: PLC0415

    try:
        asyncio.run(wait_until_over(journal, owner, _PATIENCE_S[word], lambda what: tell(f"it is at: {what}")))
    except KeyboardInterrupt:
        tell(f"no longer waiting; the request to {word} stays")
        raise typer.Exit(_INTERRUPTED) from None
    return parting(journal, owner)


def _put_plain(word: str, owner: "Owner", found: "Parting | None") -> None:
    from safelight.speech import put_json  # noqa: PLC0415

    plain: dict[str, Any] = {"run": owner.run, "observatory": owner.observatory, "asked": word, "pid": owner.pid}
    if found is not None:
        plain |= {"outcome": found.status, "reason": found.reason, "lamps": dict(found.lamps)}
    put_json(plain)


def _lines(word: str, owner: "Owner", found: "Parting", options: str) -> list[str]:
    from safelight.engine.wording import lamps_in_words  # noqa: PLC0415

    command = f"{owner.run} {options}".rstrip()
    if found.status == "running":
        return [
            f"run {owner.run} has not ended after {_PATIENCE_S[word]:g} s; it was asked to {word}, and may still obey",
            f"`safelight show {command}` tells what it is doing",
        ]
    if found.status == "killed":
        return [f"run {owner.run} was killed; its guards see to the lamps: `safelight guard status`"]
    lines = [f"run {owner.run}: {found.status}" + (f" ({found.reason})" if found.reason else "")]
    lines.append(f"lamps, as journaled: {lamps_in_words(found.lamps)}")
    if found.status != "done":
        lines.append(f"to go on: `safelight resume {command}`")
    return lines


def _code(word: str, status: str) -> int:
    """0 where it has ended as it was asked to, otherwise what the run itself would say."""
    from safelight.speech import ABORTED, FAULTED, UNSAFE  # noqa: PLC0415

    if status == _ENDED[word]:
        return 0
    return {"done": 0, "unsafe": UNSAFE, "aborted": ABORTED, "paused": 5}.get(status, FAULTED)
