"""`safelight sequences` and `safelight schema`."""

from typing import TYPE_CHECKING, Any

from safelight.commands.options import AsJson, ObservatoryName

if TYPE_CHECKING:
    from safelight.engine import Plan

__all__ = ["schema", "sequences"]


def sequences(*, observatory: ObservatoryName = "simulated", as_json: AsJson = False) -> None:
    """List the library of ready sequences, with what each takes on this observatory."""
    from safelight.devices import load_observatory  # noqa: PLC0415 - a command pays for what it uses
    from safelight.sequences import library_names  # noqa: PLC0415
    from safelight.speech import put_json  # noqa: PLC0415

    load_observatory(observatory)  # what is wrong with it is told once, not for each sequence
    found = [_entry(name, observatory) for name in library_names()]
    if as_json:
        put_json({"sequences": found})
    else:
        _show(found)


def _entry(name: str, observatory: str) -> dict[str, Any]:
    """One sequence; with what hinders it where it can't be run at this observatory."""
    from safelight import SafelightError  # noqa: PLC0415
    from safelight.engine import Request, plan_of  # noqa: PLC0415

    try:
        plan: Plan = plan_of(Request(sequence=name, observatory=observatory))
    except SafelightError as error:
        return {"name": name, "error": str(error)}
    return {
        "name": name,
        "description": plan.document.spec.description or "",
        "frames": len(plan.expansion.frames),
        "total_s": round(plan.total_s, 3),
        "lamps": list(plan.schedule.lamp_on_s),
    }


def _show(found: list[dict[str, Any]]) -> None:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from safelight.engine.console import SafeConsole  # noqa: PLC0415
    from safelight.engine.wording import clock_face  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("sequence", no_wrap=True, style="bold")
    table.add_column("frames", justify="right")
    table.add_column("takes", justify="right", no_wrap=True)
    table.add_column("what it is for")
    for one in found:
        if "error" in one:
            table.add_row(one["name"], "-", "-", Text(f"can't be run here: {one['error']}", style="yellow"))
        else:
            table.add_row(one["name"], str(one["frames"]), clock_face(one["total_s"]), Text(one["description"]))
    SafeConsole().print(table)


def schema() -> None:
    """Print the JSON Schema of sequence documents, for editors and other programs."""
    from safelight.sequences.schema import SCHEMA_FILE  # noqa: PLC0415
    from safelight.speech import put  # noqa: PLC0415

    put(SCHEMA_FILE.read_text(encoding="utf-8").rstrip("\n"))
