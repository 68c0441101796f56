"""The soak campaign: one run after the other, each struck by a fault, and the switch's own log as the witness."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from astropy.io import fits

from safelight.engine.guard.status_files import guards
from tests.devices.clu.bench import Bench
from tests.devices.clu.running import Night, now

__all__ = ["FAULTS", "MOMENTS", "SEQUENCE", "WANTED", "Case", "Fault", "run_case", "table"]

SEQUENCE = {
    "name": "soak",
    "biases": {"count": 1},
    "darks": {"count": 1, "exposure_time": 6},
    "lamps": [
        {"lamps": ["HgNe", "Neon"], "warmup": 2, "exposure_time": 8, "flavour": "arc", "fibre": "P1-2"},
    ],
}
"""Every kind of frame, as short as it can be struck."""
WANTED: dict[str, set[str]] = {
    "bias-001": set(),
    "dark-6s-001": set(),
    "Neon+HgNe-8s-001": {"HgNe", "Neon"},
}
LEASE_S = 60.0
"""How long a lamp may burn here: the dead-man of the actor is what is left when all processes are killed, s."""
PATIENCE = float(os.environ.get("SAFELIGHT_SOAK_PATIENCE", "1"))
"""How many times longer than at the observatory a command may take: this machine may have other work to do."""
_RESUMES = 8
_DARK_S = 120.0
_END_S = 300.0 + 100.0 * PATIENCE
_SHUTTER_S = 1.6
"""[wire] From lvmscp's INTSTART until the shutter is open, s."""


@dataclass(frozen=True)
class Fault:
    """What is done to the observatory or to us.

    Attributes:
        name: as the table has it.
        strike: does it.
        heal: undoes it.
        lasts_s: how long it lasts.
        kills: the run does not survive it.
    """

    name: str
    strike: Callable[[Night], None]
    heal: Callable[[Night], None] = lambda night: None  # noqa: ARG005
    lasts_s: float = 0.0
    kills: bool = False


@dataclass
class Case:
    """What came of one run.

    Attributes:
        struck: the fault came at its moment.
        ended: how the segment ended that was struck.
        outcomes: how each segment ended.
        lit_after_s: how long lamps were on after the end of a segment, at the longest, s.
        bad: how many frames were bad, and taken again.
        wrong: what was promised and did not hold.
    """

    fault: str
    moment: str
    struck: bool = False
    ended: str = ""
    outcomes: list[str] = field(default_factory=list)
    lit_after_s: float = 0.0
    unsafe: bool = False
    bad: int = 0
    wrong: list[str] = field(default_factory=list)


# ---- the faults


def _switch(**changes: Any) -> Callable[[Night], None]:
    def change(night: Night) -> None:
        for name, value in changes.items():
            setattr(night.bench.hardware.switch, name, value)

    return change


def _kill(actors: str) -> Callable[[Night], None]:
    return lambda night: night.bench.kill_actors(actors)


def _start(actors: str) -> Callable[[Night], None]:
    return lambda night: night.bench.start_actors([actors])


def _kill_guards(night: Night) -> None:
    for guard in guards(night.folder / "home"):
        with suppress(ProcessLookupError):
            os.kill(guard["pid"], signal.SIGKILL)


def _kill_all(night: Night) -> None:
    _kill_guards(night)
    night.kill()


def _signal(number: signal.Signals) -> Callable[[Night], None]:
    return lambda night: night.send(number)


def _stick_shutter(night: Night) -> None:
    night.bench.hardware.shutters["sp2"].stuck = True


def _free_shutter(night: Night) -> None:
    night.bench.hardware.shutters["sp2"].stuck = False


def _flash(night: Night) -> None:
    """Somebody at the switch itself, beside the broker."""
    switch = night.bench.hardware.switch
    outlet = next(outlet for outlet in switch.outlets if outlet.name == "Xenon")
    switch._relay(outlet, on=True)


def _unflash(night: Night) -> None:
    switch = night.bench.hardware.switch
    switch._relay(next(outlet for outlet in switch.outlets if outlet.name == "Xenon"), on=False)


FAULTS: tuple[Fault, ...] = (
    Fault("runner killed", lambda night: night.kill(), kills=True),
    Fault("lvmnps killed, restarted", _kill("nps"), _start("nps"), 3.0),
    Fault("lvmnps frozen 8 s", lambda night: night.bench.freeze("nps"), lambda night: night.bench.thaw("nps"), 8.0),
    Fault("broker killed, restarted", lambda night: night.bench.broker.kill(), lambda night: night.bench.revive(), 5.0),
    Fault("switch answers 500 for 8 s", _switch(broken=True), _switch(broken=False), 8.0),
    Fault("runner and both guards killed", _kill_all, kills=True),
    Fault("lvmscp killed, restarted", _kill("scp"), _start("scp"), 3.0),
    Fault("switch hangs for 10 s", _switch(mute=True), _switch(mute=False), 10.0),
    Fault("relays stuck for 10 s", _switch(stuck={"Neon"}), _switch(stuck=set()), 10.0),
    Fault("both guards killed", _kill_guards),
    Fault("lvmieb killed, restarted", _kill("ieb"), _start("ieb"), 3.0),
    Fault("broker frozen 8 s", lambda n: n.bench.broker.freeze(), lambda n: n.bench.broker.thaw(), 8.0),
    Fault("shutter stuck for 8 s", _stick_shutter, _free_shutter, 8.0),
    Fault("another lamp on for 12 s", _flash, _unflash, 12.0),
    Fault("switch answers after 3 s, for 10 s", _switch(slow_s=3.0), _switch(slow_s=0.0), 10.0),
    Fault("lvmscp frozen 8 s", lambda night: night.bench.freeze("scp"), lambda night: night.bench.thaw("scp"), 8.0),
    Fault("runner stopped for 6 s", _signal(signal.SIGSTOP), _signal(signal.SIGCONT), 6.0),
    Fault("lvmieb frozen 8 s", lambda night: night.bench.freeze("ieb"), lambda night: night.bench.thaw("ieb"), 8.0),
    Fault("runner told to end (SIGTERM)", _signal(signal.SIGTERM)),
    Fault("lvmtan killed, restarted", _kill("tan"), _start("tan"), 3.0),
    Fault("lvmpwi killed, restarted", _kill("pwi"), _start("pwi"), 3.0),
)

MOMENTS: Mapping[str, Callable[[Night], object]] = {
    "under lamps": lambda night: night.until_integrating("Neon", wait_s=_END_S),
    "in a readout": lambda night: night.until_reading_out("Neon", wait_s=_END_S),
    "in the warm-up": lambda night: night.until_lit("Neon", wait_s=_END_S),
    "in a dark": lambda night: night.until_integrating("dark", wait_s=_END_S),
}


# ---- one case


def _deadlines() -> dict[str, Any]:
    rule = {"factor": 1.0, "margin_s": 5.5 * PATIENCE}
    return {"factor": 1.2, "margin_s": 10.0 * PATIENCE, "kinds": dict.fromkeys(("lamp-off", "safing", "ready"), rule)}


def run_case(bench: Bench, folder: Path, fault: Fault, moment: str) -> Case:
    """Run, strike, heal, resume until it is done. Then look at what is left."""
    case = Case(fault.name, moment)
    night = Night(bench, folder)
    try:
        night.begin(SEQUENCE, lease_s=LEASE_S, deadline_s=5.2 * PATIENCE, deadlines=_deadlines())
        case.struck = _strike(night, fault, moment)
        _end(night, case, killed=fault.kills and case.struck)
        while case.outcomes[-1] != "done" and len(case.outcomes) < _RESUMES:
            bench.revive()
            night.resume()
            # On a busy machine a segment may have ended before the moment came: the next one is struck.
            strikes = not case.struck and _strike(night, fault, moment)
            case.struck = case.struck or strikes
            _end(night, case, killed=fault.kills and strikes)
        _look(night, case)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        case.wrong.append(f"the campaign could not continue: {type(error).__name__} {str(error)[:300]}")
        case.outcomes = case.outcomes or ["no outcome"]
    finally:
        night.sweep_up()
    return case


def _strike(night: Night, fault: Fault, moment: str) -> bool:
    """Wait for the moment, strike, and heal. False: on this machine the run had ended before."""
    try:
        MOMENTS[moment](night)
        time.sleep(1.5)  # noqa: TID251 - in the middle of it
    except AssertionError:
        if night.running:
            raise
        return False
    fault.strike(night)
    if fault.lasts_s:
        time.sleep(fault.lasts_s)  # noqa: TID251
        fault.heal(night)
    return True


def _end(night: Night, case: Case, *, killed: bool) -> None:
    """Wait for the end of a segment and for the dark after it."""
    case.outcomes.append("killed" if killed else night.outcome(_END_S))
    if case.struck and not case.ended:
        case.ended = case.outcomes[-1]
    _wait_for_dark(night, case)


def _wait_for_dark(night: Night, case: Case) -> None:
    """Lamps are off when a run has ended, or it has said that they are not."""
    case.unsafe = case.unsafe or case.outcomes[-1] == "unsafe"
    began = now()
    while night.bench.hardware.switch.lit():
        if now() - began > _DARK_S:
            case.wrong.append(f"lit {_DARK_S:g} s after the end: {night.bench.hardware.switch.lit()}")
            return
        time.sleep(0.02)  # noqa: TID251
    lasted_s = now() - began
    case.lit_after_s = max(case.lit_after_s, lasted_s)
    if lasted_s > 0.5 and case.outcomes[-1] not in {"unsafe", "killed"}:
        case.wrong.append(f"ended {case.outcomes[-1]} with lamps lit for {lasted_s:.1f} s more")


def _look(night: Night, case: Case) -> None:
    case.bad = sum(entry["verdict"] != "good" for _, entry in _entries(night))
    if case.outcomes[-1] != "done":
        case.wrong.append(f"not done after {len(case.outcomes)} segments")
        return
    try:
        night.assert_whole(WANTED)
    except AssertionError as error:
        case.wrong.append(f"frames: {str(error).splitlines()[0][:200] if str(error) else 'not whole'}")
        return
    case.wrong += [words for entry in _good(night) for words in _untrue(night, entry)]


def _entries(night: Night) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in night.folder.glob("frames/*/manifest.json"):
        for entry in json.loads(path.read_text())["frames"]:
            yield path.parent, entry


def _good(night: Night) -> list[tuple[Path, dict[str, Any]]]:
    return [(folder, entry) for folder, entry in _entries(night) if entry["verdict"] == "good"]


def _untrue(night: Night, placed: tuple[Path, dict[str, Any]]) -> list[str]:
    """Compare a good frame with the log of the switch, over the time in which light could come in."""
    folder, entry = placed
    header = fits.getheader(folder / entry["files"][0]["path"])
    began = datetime.fromisoformat(header["INTSTART"]).replace(tzinfo=UTC).timestamp()
    wanted = WANTED[entry["frame"]]
    since = began + (_SHUTTER_S if wanted else 0.0)
    until = since + entry["exposure_s"] - (0.5 if wanted else 0.0)
    return [
        f"{entry['frame']} is good, and {lamp} was not {'on' if lamp in wanted else 'off'}"
        for lamp in night.bench.hardware.switch.names
        if any(on is not (lamp in wanted) for on in _states(night, lamp, since, until))
    ]


def _states(night: Night, lamp: str, since: float, until: float) -> Iterator[bool]:
    """Yield every state that a lamp had within a time."""
    state = False
    for at, name, on in list(night.bench.hardware.switch.log):
        if name != lamp or at > until:
            continue
        if at > since:
            yield state
        state = on
    yield state


# ---- the table


def table(cases: list[Case], lasted_s: float, day: str) -> str:
    """Return the campaign as a table of the page, with what it is a table of."""
    segments, broken = sum(len(case.outcomes) for case in cases), sum(bool(case.wrong) for case in cases)
    asked = len(WANTED) * len(cases)
    head = f"Of {day}: {len(cases)} runs in {lasted_s / 60:.0f} minutes, {segments} segments, {asked} frames requested"
    if PATIENCE > 1:
        head += f", all on a busy machine, where a command had {PATIENCE:g} times as long as at the observatory"
    lines = [
        f"{head}. Runs with a broken promise: {broken}.",
        "",
        "| fault | runs | struck | then ended as | segments | lit after the end, s | bad frames, retaken | broken |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(case.fault for case in cases):
        mine = [case for case in cases if case.fault == name]
        cells = [
            name,
            str(len(mine)),
            ", ".join(sorted({case.moment for case in mine if case.struck})) or "never reached",
            ", ".join(sorted({case.ended for case in mine if case.struck})),
            str(sum(len(case.outcomes) for case in mine)),
            f"{max(case.lit_after_s for case in mine):.1f}",
            str(sum(case.bad for case in mine)),
            str(sum(bool(case.wrong) for case in mine)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
