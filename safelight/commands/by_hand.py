"""`safelight point`, `fibsel` and `expose`: the instrument by hand, one thing at a time."""

from pathlib import Path
from typing import Annotated, Any

import typer

from safelight.commands.instrument import facts, left_alone, opening
from safelight.commands.options import AsJson, Faults, FramesFolder, Home, JournalUrl, ObservatoryName, Speed

__all__ = ["expose", "fibsel", "point"]

Position = Annotated[str, typer.Argument(help="A named position of the observatory.")]
Fibre = Annotated[str, typer.Argument(help="The fibre that is to be lit, `P1-3`.")]
Seconds = Annotated[float, typer.Argument(help="Integration time; 0 for a bias.")]
Flavour = Annotated[str, typer.Option("--flavour", metavar="F", help="bias, dark, arc, flat or object.")]


def point(
    position: Position,
    *,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Point the telescopes to a named position, and read back that they are there."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.bench_top import bench_top, known  # noqa: PLC0415
    from safelight.speech import put, put_json  # noqa: PLC0415

    left_alone(observatory, home, journal)

    async def slew() -> dict[str, Any]:
        async with bench_top(observatory, **opening(home, faults, speed)) as bench:
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
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Turn the fibre mask to a fibre, and read back that it stands there."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415
    from safelight.engine.bench_top import bench_top, known  # noqa: PLC0415
    from safelight.speech import put, put_json  # noqa: PLC0415

    left_alone(observatory, home, journal)

    async def turn() -> dict[str, Any]:
        async with bench_top(observatory, **opening(home, faults, speed)) as bench:
            fibre = known(position, bench.instrument.fibres, "fibre")
            return {"fibre": fibre, "steps": await bench.turn_mask(fibre), **facts(bench)}

    found = conduct(turn())
    if as_json:
        put_json(found)
    else:
        put(f"the mask stands at {found['fibre']} ({found['steps']} motor steps)")


def expose(
    seconds: Seconds,
    *,
    flavour: Flavour,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    journal: JournalUrl = None,
    frames: FramesFolder = Path("frames"),
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Take one frame with the instrument as it stands, and write it to disk."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415
    from safelight.engine.admission import room_for_frames  # noqa: PLC0415
    from safelight.engine.bench_top import bench_top  # noqa: PLC0415
    from safelight.engine.calibrate import new_run_id  # noqa: PLC0415
    from safelight.engine.one_frame import take_one  # noqa: PLC0415
    from safelight.speech import put, put_json  # noqa: PLC0415

    left_alone(observatory, home, journal)

    async def take() -> dict[str, Any]:
        folder = frames.absolute()
        async with bench_top(observatory, **opening(home, faults, speed), frames=folder) as bench:
            room_for_frames(folder)
            run = new_run_id(f"expose-{flavour}", bench.instrument.clock)
            taken = await take_one(bench, seconds, flavour, run)
            files = [{"path": str(file.path), "bytes": file.bytes, "sha256": file.sha256} for file in taken.taken.files]
            frame = {"run": run, "frame": taken.taken.frame, "lamps": list(taken.lamps), "folder": str(taken.folder)}
            return {**facts(bench), **frame, "files": files}

    found = conduct(take())
    if as_json:
        put_json(found)
    else:
        put("\n".join(file["path"] for file in found["files"]))
