"""`safelight check`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import AsJson, NoOverlap, NoPoint, ObservatoryName, Park

if TYPE_CHECKING:
    from safelight.devices import Observatory
    from safelight.engine import Request

__all__ = ["check"]

Sequences = Annotated[list[str], typer.Argument(help="Sequences of the library, or files.")]


def check(
    sequences: Sequences,
    *,
    observatory: ObservatoryName = "simulated",
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    explain: Annotated[bool, typer.Option("--explain", help="List what has been proved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check documents and prove what they would do, without running them; exit code 2 if any is bad."""
    from safelight.devices import load_observatory  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine import Request  # noqa: PLC0415
    from safelight.speech import put, put_json  # noqa: PLC0415

    _look_at_drivers(load_observatory(observatory))  # a bad observatory is no fault of the sequences
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
        for sequence in sequences
    ]
    good = all(one["ok"] for one in found)
    if as_json:
        put_json({"ok": good, "documents": found})
    else:
        put("\n".join(line for one in found for line in _lines(one, explain=explain)))
    if not good:
        raise typer.Exit(2)


def _look_at_drivers(observatory: "Observatory") -> None:
    """See that the drivers are there and understand their options; nothing is sent to a device.

    Raises:
        ObservatoryError: one is not known, or does not; where only its packages are missing here, that is told.
    """
    import asyncio  # noqa: PLC0415

    from safelight.devices import ObservatoryError, open_devices  # noqa: PLC0415
    from safelight.engine.clock import Clock  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.speech import tell  # noqa: PLC0415

    async def look() -> None:
        await open_devices(observatory, clock=Clock(), home=default_home()).close()

    try:
        asyncio.run(look())
    except ObservatoryError as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        tell(f"not looked at: {error.reason}")


def _look_at(request: "Request") -> dict[str, Any]:
    """One document: what it comes to, or everything that is wrong with it."""
    from dataclasses import asdict  # noqa: PLC0415

    from safelight import SafelightError  # noqa: PLC0415
    from safelight.engine import plan_of  # noqa: PLC0415
    from safelight.sequences import SequenceError  # noqa: PLC0415

    name = str(request.sequence)
    try:
        plan = plan_of(request)
    except SequenceError as error:
        problems = [{**asdict(problem), "text": str(problem)} for problem in error.problems]
        return {"sequence": name, "ok": False, "problems": problems}
    except SafelightError as error:
        return {"sequence": name, "ok": False, "problems": [{"message": str(error), "text": f"{name}: {error}"}]}
    return {
        "sequence": name,
        "ok": True,
        "frames": len(plan.expansion.frames),
        "total_s": round(plan.total_s, 3),
        "warnings": list(plan.expansion.warnings),
        "graph_hash": plan.graph.hash,
        "configurations": plan.proof.configurations,
        "moves": plan.proof.moves,
        "promises": list(plan.proof.promises),
    }


def _lines(one: dict[str, Any], *, explain: bool) -> list[str]:
    from safelight.engine.wording import clock_face, counted  # noqa: PLC0415

    if not one["ok"]:
        problems = one["problems"]
        return [f"{one['sequence']}: {counted(len(problems), 'problem')}", *(f"  {each['text']}" for each in problems)]
    proved = f"{counted(len(one['promises']), 'promise')} proved over {counted(one['configurations'], 'configuration')}"
    lines = [f"{one['sequence']}: ok, {counted(one['frames'], 'frame')} in {clock_face(one['total_s'])}; {proved}"]
    lines += [f"  note: {warning}" for warning in one["warnings"]]
    return lines + ([f"  proved: {promise}" for promise in one["promises"]] if explain else [])
