"""`safelight lamps status|on|off`."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from safelight.commands.manual_options import facts, left_alone, one_in_use, opening, say_if_assumed, whose_lamps
from safelight.commands.options import AsJson, Faults, Home, JournalUrl, Speed, WhoseLamps
from safelight.commands.usage import CommandLine

__all__ = ["app"]

app = CommandLine(no_args_is_help=True, help="Read lamps and switch them by hand.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="LAMP", help="The lamp, in any case.")]
For = Annotated[
    float | None,
    typer.Option(
        "--for",
        metavar="SECONDS",
        min=1.0,
        show_default=False,
        help="Time after which it is switched off.  [default: its maximum on-time]",
    ),
]
NameOrAll = Annotated[
    str | None, typer.Argument(metavar="LAMP", show_default=False, help="The lamp, in any case; without it: all.")
]


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
    """Read every lamp back. The exit code is 3 if one can't be read."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import FAULTED, put_json  # noqa: PLC0415
    from safelight.engine.default_observatory import SIMULATED  # noqa: PLC0415
    from safelight.engine.manual.bench import open_bench  # noqa: PLC0415

    async def read(source: str, heard: dict[str, str]) -> dict[str, Any]:
        options = opening(home, faults, speed)
        async with open_bench(source, **options, heard=heard.__setitem__) as bench:
            found = {"lamps": await bench.lamps(), "since": _since(bench), "timers": _timers(bench)}
            return {**facts(bench), **found, "simulated": bench.observatory.lamps.driver == "simulated"}

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

    whose = whose_lamps(observatory, home, journal)
    if whose == (SIMULATED,):
        say_if_assumed(observatory, home)
    _for_each(whose, one)


@app.command()
def on(
    name: Name,
    *,
    seconds: For = None,
    observatory: WhoseLamps = None,
    home: Home = None,
    journal: JournalUrl = None,
    faults: Faults = None,
    speed: Speed = "1",
    as_json: AsJson = False,
) -> None:
    """Light one lamp and read it back. Two guards switch it off when its time is over."""
    from safelight.commands.conducting import conduct  # noqa: PLC0415
    from safelight.commands.output import put, put_json, tell  # noqa: PLC0415
    from safelight.engine.clock import wall_utc  # noqa: PLC0415
    from safelight.engine.command_hints import CommandHints  # noqa: PLC0415
    from safelight.engine.guard.dead_man_timers import timer_warnings  # noqa: PLC0415
    from safelight.engine.manual.bench import open_bench  # noqa: PLC0415
    from safelight.engine.manual.lamp_lease import light_with_lease  # noqa: PLC0415
    from safelight.text import brief  # noqa: PLC0415

    source = one_in_use(observatory, home, journal)
    url = left_alone(source, home, journal)

    async def light() -> tuple[Any, dict[str, Any]]:
        options = opening(home, faults, speed)
        async with open_bench(source, **options) as bench:
            timers = _timers(bench)
            told = {"faults": options["faults"], "journal": url, "tell": tell}
            lit = await light_with_lease(bench, name, seconds, home=home, **told)
            return lit, {**facts(bench), "lamps": await bench.lamps(), "timers": timers}

    lit, found = conduct(light())
    if as_json:
        until = {"lease_s": lit.lease_s, "until": lit.until.isoformat(), "guards": list(lit.guards)}
        put_json({**found, "lamp": lit.lamp, "longest_on_s": lit.longest_on_s, **until})
    else:
        put(f"{lit.lamp} is on, as read back")
    for warning in timer_warnings({lit.lamp: found["timers"].get(lit.lamp)}):
        tell(warning)
    watchers = " and ".join(map(str, lit.guards))
    tell(
        f"The guards (processes {watchers}) switch it off at {lit.until:%Y-%m-%d %H:%M:%S} UTC, "
        f"{brief((lit.until - wall_utc()).total_seconds())} from now;\n"
        f"before that: `{CommandHints.at(source, home).lamps('off', lit.lamp)}`"
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
    """Switch one lamp off, or all of them, and read them back. The exit code is 10 if a lamp is not confirmed off."""
    from safelight.commands.conducting import conduct_off  # noqa: PLC0415
    from safelight.commands.output import aside, tell  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.manual.bench import open_bench  # noqa: PLC0415

    options = opening(home, faults, speed)

    def early(lamp: str, left_s: float) -> None:
        said = f"{lamp} is read back as off by one path; waiting for the other one, {left_s:g} s at most"
        aside(lambda: tell(said))

    async def darken(source: str, heard: dict[str, str]) -> dict[str, Any]:
        async with open_bench(source, **options, heard=heard.__setitem__, early=early) as bench:
            found = await bench.darken(name)
            return {**facts(bench), "lamps": found}

    sources = whose_lamps(observatory, home, journal)
    heards: list[dict[str, str]] = [{} for _ in sources]
    # All lamps of all observatories come first, and any output after them.
    found = conduct_off([partial(darken, source, heard) for source, heard in zip(sources, heards, strict=True)])
    outcomes = [Dark(*outcome) for outcome in zip(sources, heards, found, strict=True)]
    raise typer.Exit(
        _after_off(outcomes, home or default_home(), journal, named=observatory is not None, as_json=as_json)
    )


@dataclass(frozen=True, slots=True)
class Dark:
    """Result of switching off on one observatory. `found` is an exception if it has failed."""

    source: str
    heard: Mapping[str, str]
    found: Mapping[str, Any] | Exception

    @property
    def lamps(self) -> Mapping[str, str]:
        """Each lamp as read back, none if it has failed."""
        return {} if isinstance(self.found, Exception) else self.found["lamps"]

    @property
    def unsafe(self) -> bool:
        """Whether a lamp is not confirmed off."""
        return any(state != "off" for state in self.lamps.values())


def _after_off(outcomes: Sequence[Dark], home: Path, journal: str | None, *, named: bool, as_json: bool) -> int:
    """Report the results: alarms first, then the journal, then the lamps. Return the exit code."""
    from safelight.commands.output import FAULTED, UNSAFE, complain, put, put_json, shout  # noqa: PLC0415
    from safelight.engine.command_hints import CommandHints  # noqa: PLC0415
    from safelight.engine.default_observatory import SIMULATED  # noqa: PLC0415
    from safelight.engine.manual.interlock import existing_journal, record_manual_switching  # noqa: PLC0415
    from safelight.engine.requester import requester_name  # noqa: PLC0415
    from safelight.show.progress.messages import alarm  # noqa: PLC0415
    from safelight.signals import STOPS  # noqa: PLC0415

    failed = [outcome.found for outcome in outcomes if isinstance(outcome.found, Exception)]
    unsafe = any(outcome.unsafe for outcome in outcomes)
    code = UNSAFE if unsafe else FAULTED if failed else 0
    # The lamps are finished. A signal ends a command that hangs in a terminal, with the exit code so far.
    STOPS.obey(lambda name, count: os._exit(code), past=False)  # noqa: ARG005
    for outcome in outcomes:
        shout(alarm(outcome.lamps, outcome.heard, by_hand=CommandHints.at(outcome.source, home)))
    url = existing_journal(home, journal)
    for outcome in outcomes:
        if not isinstance(outcome.found, Exception):
            record_manual_switching(
                url, outcome.found["observatory"], "off", outcome.lamps, requester_name("safelight lamps off")
            )
    if not named and [outcome.source for outcome in outcomes] == [SIMULATED]:
        say_if_assumed(None, home)
    for outcome in outcomes:
        if isinstance(outcome.found, Exception):
            continue
        if as_json:
            put_json(outcome.found)
        else:
            if not named:
                _head(outcome.found, outcome.source)
            put("\n".join(f"{lamp} {state}" for lamp, state in outcome.lamps.items()))
    if failed and len(outcomes) == 1:
        raise failed[0]
    return max([UNSAFE if unsafe else 0, *(complain(error) for error in failed)])


def _for_each(sources: tuple[str, ...], one: Callable[[str], int]) -> None:
    """Do the same for one observatory after the other, in spite of failures. Return the worst exit code."""
    from safelight.commands.output import complain  # noqa: PLC0415
    from safelight.errors import SafelightError  # noqa: PLC0415

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
    """Print the observatory of the lamps if none was named, so that it can't be taken for another one."""
    import sys  # noqa: PLC0415

    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.engine.command_hints import DEFAULT  # noqa: PLC0415

    name = found["observatory"]
    if name != DEFAULT or sys.stderr.isatty():
        tell(f"lamps of {name}:" if source == name else f"lamps of {name} ({source}):")


def _since(bench: Any) -> dict[str, str]:
    """Return lamp -> time of its last switching, if its driver knows."""
    outlets: Mapping[str, Any] = getattr(bench.instrument.devices.lamps, "outlets", dict)()
    return {lamp: outlet.since.isoformat() for lamp, outlet in outlets.items() if outlet.since}


def _timers(bench: Any) -> dict[str, list[str]]:
    """Return lamp -> when a timer in its switch will switch it off, for an earlier lighting."""
    from safelight.engine.guard.dead_man_timers import timers_of  # noqa: PLC0415

    timers = timers_of(bench.instrument.devices.lamps)
    return {lamp: [due.isoformat() for due in times] for lamp, times in timers.items()}


def _show(found: Mapping[str, Any], heard: Mapping[str, str]) -> None:
    from datetime import datetime  # noqa: PLC0415

    from safelight.commands.output import put, tell  # noqa: PLC0415
    from safelight.engine.guard.dead_man_timers import timer_warnings  # noqa: PLC0415

    width = max(len(lamp) for lamp in found["lamps"])
    for lamp, state in found["lamps"].items():
        since = found["since"].get(lamp)
        kind = " (simulated time)" if found.get("simulated") else ""
        when = f"  since {datetime.fromisoformat(since):%Y-%m-%d %H:%M:%S} UTC{kind}" if since else ""
        put(f"{lamp:{width}}  {state.upper() if state != 'off' else state}{when}")
    for lamp, words in heard.items():
        if words not in ("on", "off", "unknown"):
            tell(f"{lamp}: {words}")
    for warning in timer_warnings(found["timers"]):
        tell(warning)


@app.command()
def hours(*, home: Home = None, journal: JournalUrl = None, as_json: AsJson = False) -> None:
    """Print how long each lamp was on over all runs, and how often it was switched on."""
    from dataclasses import asdict  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.open_journal import opened  # noqa: PLC0415
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine.records.lamp_hours import lamp_hours  # noqa: PLC0415

    with opened(home, journal) as book:
        found = lamp_hours(book)
    if as_json:
        put_json([asdict(each) for each in found])
        return
    for each in found:
        open_ends = f", {each.open_ends} without a known end" if each.open_ends else ""
        where = each.observatory or "by hand"
        put(f"{where}: {each.lamp} {each.seconds / 3600:.2f} h, {each.ignitions} ignitions{open_ends}")
