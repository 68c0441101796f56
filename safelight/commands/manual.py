"""`safelight point`, `fibsel` and `expose`: manual control, one action at a time."""

from pathlib import Path
from typing import Annotated, Any

import typer

from safelight.commands.manual_options import facts, left_alone, one_in_use, opening
from safelight.commands.options import AsJson, Faults, FramesFolder, Home, JournalUrl, Speed, TakeOver, WhoseLamps

__all__ = ["expose", "fibsel", "point"]

Position = Annotated[str, typer.Argument(metavar="POSITION", help="A named position of the observatory.")]
Fibre = Annotated[str, typer.Argument(metavar="FIBRE", help="The fibre that is to be lit, `P1-3`.")]
Seconds = Annotated[float, typer.Argument(metavar="SECONDS", help="Integration time; 0 for a bias.")]
Flavour = Annotated[str, typer.Option("--flavour", metavar="FLAVOUR", help="bias, dark, arc, flat or object.")]


def point(
    position: Position,
    *,
    observatory: WhoseLamps = None,
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Point the telescopes to a named position, and read it back."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine.manual.bench import known, open_bench  # noqa: PLC0415

    source = one_in_use(observatory, home, journal)
    left_alone(source, home, journal)

    async def slew() -> dict[str, Any]:
        async with open_bench(source, **opening(home, faults, speed)) as bench:
            name = known(position, bench.instrument.positions, "position")
            seen = await bench.point(name)
            pointing = {unit: {"alt_deg": at.alt_deg, "az_deg": at.az_deg} for unit, at in seen.items()}
            return {**facts(bench), "position": name, "telescopes": pointing}

    found = conduct(slew())
    if as_json:
        put_json(found)
        return
    for name, at in found["telescopes"].items():
        put(f"{name:6}  altitude {at['alt_deg']:8.3f}°  azimuth {at['az_deg']:8.3f}°")


def fibsel(
    position: Fibre,
    *,
    observatory: WhoseLamps = None,
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Move the fibre mask to a fibre, and read its position back."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine.manual.bench import known, open_bench  # noqa: PLC0415

    source = one_in_use(observatory, home, journal)
    left_alone(source, home, journal)

    async def turn() -> dict[str, Any]:
        async with open_bench(source, **opening(home, faults, speed)) as bench:
            fibre = known(position, bench.instrument.fibres, "fibre")
            return {"fibre": fibre, "steps": await bench.turn_mask(fibre), **facts(bench)}

    found = conduct(turn())
    if as_json:
        put_json(found)
    else:
        put(f"the mask is at {found['fibre']} ({found['steps']} motor steps)")


def expose(
    seconds: Seconds,
    *,
    flavour: Flavour,
    observatory: WhoseLamps = None,
    home: Home = None,
    journal: JournalUrl = None,
    frames: FramesFolder = Path("frames"),
    faults: Faults = None,
    speed: Speed = "1",
    take_over: TakeOver = False,
    as_json: AsJson = False,
) -> None:
    """Take one frame with the instrument in its present state, and write it to disk."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine.manual.bench import open_bench  # noqa: PLC0415
    from safelight.engine.manual.single_exposure import take_single_exposure  # noqa: PLC0415
    from safelight.engine.run.preflight import require_writable  # noqa: PLC0415
    from safelight.engine.run.start import new_run_id  # noqa: PLC0415

    source = one_in_use(observatory, home, journal)
    left_alone(source, home, journal)

    async def take() -> dict[str, Any]:
        folder = frames.absolute()
        async with open_bench(source, **opening(home, faults, speed), frames=folder) as bench:
            require_writable(folder)
            run = new_run_id(f"expose-{flavour}", bench.instrument.clock)
            taken = await take_single_exposure(bench, seconds, flavour, run, take_over=take_over)
            files = [{"path": str(file.path), "bytes": file.bytes, "sha256": file.sha256} for file in taken.taken.files]
            frame = {"run": run, "frame": taken.taken.frame, "lamps": list(taken.lamps), "folder": str(taken.folder)}
            return {**facts(bench), **frame, "files": files}

    found = conduct(take())
    if as_json:
        put_json(found)
    else:
        put("\n".join(file["path"] for file in found["files"]))
