"""`safelight tidy`."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from safelight.commands.options import AsJson, Home, JournalUrl

if TYPE_CHECKING:
    from safelight.engine.manual.tidying import Leftover

__all__ = ["tidy"]

Days = Annotated[
    float, typer.Option("--older-than", metavar="DAYS", min=0.0, help="Leave younger files where they are.")
]
Remove = Annotated[bool, typer.Option("--remove", help="Remove them. Without it, they are only listed.")]


def tidy(
    *,
    days: Days = 30.0,
    remove: Remove = False,
    home: Home = None,
    journal: JournalUrl = None,
    as_json: AsJson = False,
) -> None:
    """List what old runs have left behind: logs, files set aside, logs of guards, a simulated switch; or remove it.

    Frames, manifests, the journal and whatever belongs to a run that can be resumed are never touched.
    """
    from safelight.commands.output import put_json, tell  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.manual.tidying import leftovers  # noqa: PLC0415
    from safelight.engine.manual.tidying import remove as remove_files  # noqa: PLC0415

    found = leftovers(home or default_home(), days, journal)
    problems = remove_files(found) if remove else []
    if as_json:
        files = [{"path": str(one.path), "kind": one.kind, "bytes": one.size} for one in found]
        put_json({"removed": remove, "files": files, "problems": problems})
    else:
        _show(found, days, removed=remove)
    for problem in problems:
        tell(problem)
    if problems:
        raise typer.Exit(1)


def _show(found: "list[Leftover]", days: float, *, removed: bool) -> None:
    from safelight.commands.output import put  # noqa: PLC0415
    from safelight.text import counted  # noqa: PLC0415

    if not found:
        put(f"nothing to tidy that is older than {days:g} days")
        return
    kinds = Counter(one.kind for one in found)
    for kind, number in kinds.items():
        size = sum(one.size for one in found if one.kind == kind)
        put(f"{number:6}  {kind:20} {size / 1e6:9.1f} MB")
    if not removed:
        for one in found:
            put(f"  {one.path}")
    words = "removed" if removed else "would be removed; `safelight tidy --remove` does it"
    put(f"{counted(len(found), 'file')} {words}")
