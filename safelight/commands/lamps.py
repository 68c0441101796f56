"""`safelight lamps status|on|off`."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from safelight.commands.instrument import facts, left_alone, opening, whose_lamps
from safelight.commands.options import AsJson, Faults, Home, JournalUrl, ObservatoryName, Speed, WhoseLamps

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at lamps and switch them by hand.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The lamp, in any case.")]
For = Annotated[
    float | None,
    typer.Option(
        "--for",
        metavar="SECONDS",
        min=1.0,
        show_default=False,
        help="When it is switched off at the latest.  [default: the longest time that the lamp may burn]",
    ),
]
NameOrAll = Annotated[str | None, typer.Argument(show_default=False, help="The lamp, in any case; without it: all.")]


@app.command()
def status(
    *,
    observatory: WhoseLamps = None,
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Read every lamp back; exit code 3 if one can't be read."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.bench_top import bench_top  # noqa: PLC0415
    from safelight.speech import FAULTED, put_json  # noqa: PLC0415

    async def read(source: str, heard: dict[str, str]) -> dict[str, Any]:
        options = opening(home, faults, speed)
        async with bench_top(source, **options, heard=heard.__setitem__) as bench:
            return {**facts(bench), "lamps": await bench.lamps(), "since": _since(bench)}

    def one(source: str) -> int:
        heard: dict[str, str] = {}
        found = conduct(read(source, heard))
        if as_json:
            put_json(found)
        else:
            if observatory is None:
                _head(found, source)
            _show(found, heard)
        return FAULTED if "unknown" in found["lamps"].values() else 0

    _for_each(whose_lamps(observatory, home, journal), one)


@app.command()
def on(
    name: Name,
    *,
    seconds: For = None,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Light one lamp and read it back. Two guards switch it off when its time is over, unless somebody did before."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415
    from safelight.engine.bench_top import bench_top  # noqa: PLC0415
    from safelight.engine.by_hand import ByHand  # noqa: PLC0415
    from safelight.engine.clock import wall_utc  # noqa: PLC0415
    from safelight.engine.lit_by_hand import light_watched  # noqa: PLC0415
    from safelight.engine.wording import brief  # noqa: PLC0415
    from safelight.speech import put, put_json, tell  # noqa: PLC0415

    url = left_alone(observatory, home, journal)

    async def light() -> tuple[Any, dict[str, Any]]:
        options = opening(home, faults, speed)
        async with bench_top(observatory, **options) as bench:
            lit = await light_watched(bench, name, seconds, home=home, faults=options["faults"], journal=url)
            return lit, {**facts(bench), "lamps": await bench.lamps()}

    lit, found = conduct(light())
    if as_json:
        until = {"lease_s": lit.lease_s, "until": lit.until.isoformat(), "guards": list(lit.guards)}
        put_json({**found, "lamp": lit.lamp, "longest_on_s": lit.longest_on_s, **until})
    else:
        put(f"{lit.lamp} is on, as read back")
    watchers = " and ".join(map(str, lit.guards))
    tell(
        f"The guards (processes {watchers}) switch it off at {lit.until:%Y-%m-%d %H:%M:%S} UTC, "
        f"{brief((lit.until - wall_utc()).total_seconds())} from now;\n"
        f"before that: `{ByHand.at(observatory, home).lamps('off')} {lit.lamp}`"
    )


@app.command()
def off(
    name: NameOrAll = None,
    *,
    observatory: WhoseLamps = None,
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Switch one lamp off, or all of them, and read back that they are; exit code 10 if that can't be confirmed."""
    from safelight.commands.conducting import conduct_off  # noqa: PLC0415
    from safelight.engine.asking import asker  # noqa: PLC0415
    from safelight.engine.bench_top import bench_top  # noqa: PLC0415
    from safelight.engine.by_hand import ByHand  # noqa: PLC0415
    from safelight.engine.hands import note_lamps, the_journal  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.speech import UNSAFE, put, put_json  # noqa: PLC0415

    async def darken(source: str, heard: dict[str, str]) -> dict[str, Any]:
        options = opening(home, faults, speed)
        async with bench_top(source, **options, heard=heard.__setitem__) as bench:
            found = await bench.darken(name)
            return {**facts(bench), "lamps": found}

    folder = home or default_home()

    def one(source: str) -> int:
        heard: dict[str, str] = {}
        found = conduct_off(darken(source, heard))
        note_lamps(
            the_journal(folder, journal), found["observatory"], "off", found["lamps"], asker("safelight lamps off")
        )
        if as_json:
            put_json(found)
        else:
            if observatory is None:
                _head(found, source)
            put("\n".join(f"{lamp} {state}" for lamp, state in found["lamps"].items()))
        if all(state == "off" for state in found["lamps"].values()):
            return 0
        _shout(found["lamps"], heard, ByHand.at(source, folder))
        return UNSAFE

    _for_each(whose_lamps(observatory, home, journal), one)


def _for_each(sources: tuple[str, ...], one: Callable[[str], int]) -> None:
    """One observatory after the other, whatever is wrong with the one before; the worst exit code counts."""
    from safelight import SafelightError  # noqa: PLC0415
    from safelight.speech import complain  # noqa: PLC0415

    codes = []
    for source in sources:
        try:
            codes.append(one(source))
        except SafelightError as error:
            if len(sources) == 1:
                raise
            codes.append(complain(error, debug=False))
    if any(codes):
        raise typer.Exit(max(codes))


def _head(found: Mapping[str, Any], source: str) -> None:
    """Whose lamps they are, where nobody has said it: one observatory's must not be taken for another's."""
    import sys  # noqa: PLC0415

    from safelight.engine.by_hand import DEFAULT  # noqa: PLC0415
    from safelight.speech import tell  # noqa: PLC0415

    name = found["observatory"]
    if name != DEFAULT or sys.stderr.isatty():
        tell(f"lamps of {name}:" if source == name else f"lamps of {name} ({source}):")


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


def _shout(lamps: Mapping[str, str], heard: Mapping[str, str], by_hand: Any) -> None:
    from safelight.engine.lines import alarm  # noqa: PLC0415
    from safelight.engine.plain_display import PlainDisplay  # noqa: PLC0415
    from safelight.speech import tell_as_is  # noqa: PLC0415

    PlainDisplay(tell_as_is).shout(alarm(lamps, heard, by_hand=by_hand))
