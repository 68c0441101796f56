"""`safelight lamps status|on|off`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from safelight.commands.instrument import facts, opening
from safelight.commands.options import AsJson, Faults, Home, ObservatoryName, Speed

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at lamps and switch them by hand.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The lamp, in any case.")]
NameOrAll = Annotated[str | None, typer.Argument(show_default=False, help="The lamp, in any case; without it: all.")]


@app.command()
def status(
    *,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Read every lamp back; exit code 3 if one can't be read."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.bench_top import bench_top  # noqa: PLC0415
    from safelight.speech import FAULTED, put_json  # noqa: PLC0415

    heard: dict[str, str] = {}

    async def read() -> dict[str, Any]:
        options = opening(home, faults, speed)
        async with bench_top(observatory, **options, heard=heard.__setitem__) as bench:
            return {**facts(bench), "lamps": await bench.lamps(), "since": _since(bench)}

    found = conduct(read())
    if as_json:
        put_json(found)
    else:
        _show(found, heard)
    if "unknown" in found["lamps"].values():
        raise typer.Exit(FAULTED)


@app.command()
def on(
    name: Name,
    *,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Light one lamp and read it back. Nobody switches it off for you."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415
    from safelight.engine.bench_top import bench_top, known  # noqa: PLC0415
    from safelight.engine.wording import brief  # noqa: PLC0415
    from safelight.speech import put, put_json, warn  # noqa: PLC0415

    async def light() -> tuple[str, float, dict[str, Any]]:
        async with bench_top(observatory, **opening(home, faults, speed)) as bench:
            lamp = known(name, bench.observatory.lamps.units, "lamp")
            longest_s = await bench.light(lamp)
            return lamp, longest_s, {**facts(bench), "lamps": await bench.lamps(), "longest_on_s": longest_s}

    lamp, longest_s, found = conduct(light())
    if as_json:
        put_json(found)
    else:
        put(f"{lamp} is on, as read back")
    warn(
        f"NOBODY SWITCHES {lamp.upper()} OFF FOR YOU. It may burn for {brief(longest_s)} at most: "
        f"`safelight lamps off {lamp}` when you have done with it."
    )


@app.command()
def off(
    name: NameOrAll = None,
    *,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Switch one lamp off, or all of them, and read back that they are; exit code 10 if that can't be confirmed."""
    from safelight.commands.conducting import conduct_off  # noqa: PLC0415
    from safelight.engine.bench_top import bench_top  # noqa: PLC0415
    from safelight.speech import UNSAFE, put, put_json  # noqa: PLC0415

    heard: dict[str, str] = {}

    async def darken() -> dict[str, Any]:
        options = opening(home, faults, speed)
        async with bench_top(observatory, **options, heard=heard.__setitem__) as bench:
            found = await bench.darken(name)
            return {**facts(bench), "lamps": found}

    found = conduct_off(darken())
    if as_json:
        put_json(found)
    else:
        put("\n".join(f"{lamp} {state}" for lamp, state in found["lamps"].items()))
    if any(state != "off" for state in found["lamps"].values()):
        _shout(found["lamps"], heard)
        raise typer.Exit(UNSAFE)


def _since(bench: Any) -> dict[str, str]:
    """Since when each lamp is as it is, where its driver knows."""
    outlets: Mapping[str, Any] = getattr(bench.instrument.devices.lamps, "outlets", dict)()
    return {lamp: outlet.since.isoformat() for lamp, outlet in outlets.items() if outlet.since}


def _show(found: Mapping[str, Any], heard: Mapping[str, str]) -> None:
    from datetime import datetime  # noqa: PLC0415

    from safelight.speech import put, tell  # noqa: PLC0415

    width = max(len(lamp) for lamp in found["lamps"])
    for lamp, state in found["lamps"].items():
        since = found["since"].get(lamp)
        when = f"  since {datetime.fromisoformat(since):%Y-%m-%d %H:%M:%S} UTC" if since else ""
        put(f"{lamp:{width}}  {state.upper() if state != 'off' else state}{when}")
    for lamp, words in heard.items():
        if words not in ("on", "off", "unknown"):
            tell(f"{lamp}: {words}")


def _shout(lamps: Mapping[str, str], heard: Mapping[str, str]) -> None:
    from safelight.engine.display import PlainDisplay  # noqa: PLC0415
    from safelight.engine.lines import alarm  # noqa: PLC0415
    from safelight.speech import tell  # noqa: PLC0415

    PlainDisplay(tell).shout(alarm(lamps, heard))
