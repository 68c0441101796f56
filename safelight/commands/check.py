"""`safelight check`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import AsJson, NoOverlap, NoPoint, ObservatoryName, Park

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from safelight.devices import Observatory
    from safelight.engine import Request

__all__ = ["check", "look_at_drivers"]

_KEYS = {
    "activity": "",
    "exposure_no": "last exposure",
    "alt_deg": "altitude in degrees",
    "az_deg": "azimuth in degrees",
}
"""Keys of a status -> the words for them."""

Sequences = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SEQUENCES", help="Sequences by name, or files. Without any, the observatory alone is checked."
    ),
]


def check(
    sequences: Sequences = None,
    *,
    observatory: ObservatoryName = None,
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    explain: Annotated[bool, typer.Option("--explain", help="List the checked promises.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Connect to the observatory's devices and read them back. Nothing moves.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check documents exhaustively without running them. The exit code is 2 if any has a problem.

    With --live the devices are read as well. The exit code is 3 if one can't be read.
    """
    from safelight.commands.manual_options import the_observatory  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine import Request  # noqa: PLC0415

    observatory = the_observatory(observatory)
    site = _look_at_observatory(observatory, as_json=as_json and not sequences)
    found = [
        _look_at(
            Request(
                sequence=sequence,
                observatory=observatory,
                overlap=False if no_overlap else None,
                point=not no_point,
                park_after=True if park else None,
            )
        )
        for sequence in sequences or ()
    ]
    good = site["ok"] and all(one["ok"] for one in found)
    if live and good:
        site["live"] = _live(observatory)
    if as_json:
        put_json({"ok": good, "documents": found} | ({"observatory": site} if live or not sequences else {}))
    elif sequences:
        put("\n".join(line for one in found for line in _lines(one, explain=explain)))
    else:
        put(f"{site['observatory']}: ok, {site['text']}")
    if "live" in site and not as_json:
        put("\n".join(_live_lines(site["live"])))
    if not good:
        raise typer.Exit(2)
    if "live" in site and not site["live"]["ok"]:
        raise typer.Exit(3)


def _live(source: str) -> dict[str, Any]:
    """Read the devices back."""
    import asyncio  # noqa: PLC0415

    from safelight.commands.live_check import live_check  # noqa: PLC0415
    from safelight.devices import load_observatory  # noqa: PLC0415

    return asyncio.run(live_check(load_observatory(source)))


def _live_lines(live: dict[str, Any]) -> list[str]:
    """Return what was read, in lines."""
    never = "" if live["problems"] else "; perhaps never commanded yet: `safelight lamps off` does, and reads it back"
    lines = [
        f"  {path}: {lamp} is {one['state'].upper()}" + (never if one["state"] == "unknown" else f"; {one['off']}")
        for path, lamps in live["lamps"].items()
        for lamp, one in lamps.items()
    ]
    for kind, units in live["devices"].items():
        for name, one in (units or {}).items():
            lines.append(f"  {kind}: {name}: {', '.join(_read(one)) if isinstance(one, dict) else one}")
    return lines + [f"  PROBLEM {problem}" for problem in live["problems"]]


def _read(status: "Mapping[str, Any]") -> "Iterator[str]":
    """Yield what a device reads, in words."""
    for key, value in status.items():
        name = _KEYS.get(key, key)
        if isinstance(value, dict):
            yield from _read(value)
        elif isinstance(value, bool):
            yield name if value else f"not {name}"
        else:
            yield f"{name} {'unknown' if value is None else value}".strip()


def _look_at_observatory(source: str, *, as_json: bool) -> dict[str, Any]:
    """Check an observatory document, its drivers and its policies.

    Raises:
        ObservatoryError: its problems, unless the output is JSON. They are not problems of the sequences.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from safelight.devices import ObservatoryError, load_observatory  # noqa: PLC0415
    from safelight.engine import site_of  # noqa: PLC0415
    from safelight.engine.planning.frame_cards import require_distinct_cards  # noqa: PLC0415

    try:
        observatory = load_observatory(source)
        look_at_drivers(observatory)
        require_distinct_cards(observatory)
        site_of(observatory)
    except ObservatoryError as error:
        if not as_json:
            raise
        problems = [{**asdict(problem), "text": str(problem)} for problem in error.problems]
        problems = problems or [{"message": error.reason, "text": error.reason}]
        return {"observatory": source, "ok": False, "problems": problems}
    return {"observatory": source, "ok": True, "name": observatory.name, "text": _devices(observatory)}


def _devices(observatory: "Observatory") -> str:
    """Return the devices of an observatory in one line."""
    from safelight.text import counted  # noqa: PLC0415

    sections = [
        (counted(len(observatory.lamps.units), "lamp"), observatory.lamps.driver),
        (counted(len(observatory.spectrographs.units), "spectrograph"), observatory.spectrographs.driver),
    ]
    if observatory.telescopes:
        sections.append((counted(len(observatory.telescopes.units), "telescope"), observatory.telescopes.driver))
    if observatory.fibsel:
        sections.append((counted(len(observatory.fibsel.fibres), "fibre"), observatory.fibsel.driver))
    return f"observatory {observatory.name}: " + ", ".join(f"{words} ({driver})" for words, driver in sections)


def look_at_drivers(observatory: "Observatory") -> None:
    """Check that the drivers exist and accept their options. Nothing is sent to a device.

    Raises:
        ObservatoryError: a driver is unknown, or refuses its options. Missing packages of a driver are only printed.
    """
    import asyncio  # noqa: PLC0415

    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.devices import ObservatoryError, open_devices  # noqa: PLC0415
    from safelight.engine.clock import Clock  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415

    async def look() -> None:
        await open_devices(observatory, clock=Clock(), home=default_home()).close()

    try:
        asyncio.run(look())
    except ObservatoryError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        tell(f"not checked: {error.reason}")


def _look_at(request: "Request") -> dict[str, Any]:
    """Check one document. Return its facts, or all its problems."""
    from dataclasses import asdict  # noqa: PLC0415

    from safelight.engine import plan_of  # noqa: PLC0415
    from safelight.engine.errors import LampOnTooLong  # noqa: PLC0415
    from safelight.errors import SafelightError  # noqa: PLC0415
    from safelight.sequences import SequenceError  # noqa: PLC0415

    name = str(request.sequence)
    try:
        plan = plan_of(request)
    except (SequenceError, LampOnTooLong) as error:
        problems = [{**asdict(problem), "text": str(problem)} for problem in error.problems]
        return {"sequence": name, "ok": False, "problems": problems}
    except SafelightError as error:
        return {"sequence": name, "ok": False, "problems": [{"message": str(error), "text": f"{name}: {error}"}]}
    return {
        "sequence": name,
        "ok": True,
        "frames": len(plan.expansion.frames),
        "total_s": round(plan.total_s, 3),
        "warnings": list(plan.warnings),
        "graph_hash": plan.graph.hash,
        "configurations": plan.proof.configurations,
        "moves": plan.proof.moves,
        "promises": list(plan.proof.promises),
    }


def _lines(one: dict[str, Any], *, explain: bool) -> list[str]:
    from safelight.text import clock_face, counted  # noqa: PLC0415

    if not one["ok"]:
        problems = one["problems"]
        return [f"{one['sequence']}: {counted(len(problems), 'problem')}", *(f"  {each['text']}" for each in problems)]
    proved = f"{counted(len(one['promises']), 'promise')} checked in {counted(one['configurations'], 'configuration')}"
    lines = [f"{one['sequence']}: ok, {counted(one['frames'], 'frame')} in {clock_face(one['total_s'])}; {proved}"]
    lines += [f"  note: {warning}" for warning in one["warnings"]]
    return lines + ([f"  checked: {promise}" for promise in one["promises"]] if explain else [])
