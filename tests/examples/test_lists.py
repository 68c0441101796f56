"""Lists of instruments that no example is made from: planned, run, killed under a lit lamp and resumed, with pixels."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.io import fits

from safelight.devices.simulated.measure import measure
from safelight.engine import Plan, Request, VirtualClock, perform, plan_of
from safelight.sequences import SequenceError
from tests.examples.test_examples import expected_s
from tests.matrix.commands import Commands, Home
from tests.matrix.wall import now, pause

FOLDER = Path(__file__).with_name("lists")
NAMES = sorted(path.name.removesuffix(".observatory.yaml") for path in FOLDER.glob("*.observatory.yaml"))
TAKES_FROM_THE_BOUND = 1.02
"""Read-backs between short frames are a percent or so."""


def planned(name: str) -> Plan:
    """Return the plan of a list."""
    return plan_of(Request(FOLDER / f"{name}.yaml", FOLDER / f"{name}.observatory.yaml"))


def assert_as_asked_for(plan: Plan, files: dict[str, list[Path]]) -> None:
    """Demand every frame once, and in each file the light, the set-up and the times that the list asks for."""
    exposures = {exposure.frame: exposure for exposure in plan.graph.exposures}
    assert sorted(files) == sorted(exposures)
    selectors = plan.observatory.selectors
    assert selectors is not None
    for frame, paths in files.items():
        exposure = exposures[frame]
        assert len(paths) == exposure.files(plan.observatory.spectrographs.every_camera)
        for path in paths:
            header = fits.getheader(path)
            setup = {selector: header[selectors.keyword(selector)] for selector in selectors.units}
            assert dict(exposure.need.setup).items() <= setup.items(), frame
            assert header["EXPTIME"] == dict(exposure.camera_s).get(header["CAMERA"], exposure.exposure_s)
            seen = measure(path, plan.observatory, setup)
            for lamp, light_s in seen.lamps.items():
                wanted_s = expected_s(exposure, lamp, header, plan.observatory)
                assert light_s == pytest.approx(wanted_s, rel=0.06, abs=1.0), (frame, lamp, header["CAMERA"])


@pytest.mark.parametrize("name", NAMES)
def test_each_is_taken_as_it_is_written(name: str, tmp_path: Path) -> None:
    """The plan is proved and near its bound, the run takes every frame, and the pixels are what the list asks for."""
    plan = planned(name)
    assert plan.bound_s <= plan.total_s <= TAKES_FROM_THE_BOUND * plan.bound_s
    assert plan.warnings == ()
    request = Request(
        FOLDER / f"{name}.yaml", FOLDER / f"{name}.observatory.yaml", tmp_path / "home", tmp_path / "frames"
    )
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    assert (result.outcome, result.bad, set(result.lamps.values())) == ("done", (), {"off"}), result.reason
    assert_as_asked_for(plan, {frame.frame: [file.path for file in frame.files] for frame in result.frames})


WRONG = {
    "a lamp that needs its shutter closed": (
        "gnirs",
        "{lamps: [QH], exposure_time: 4, setup: {gcal_shutter: open}}",
        "steps.0.setup.gcal_shutter: gcal_shutter can't be both 'closed' (QH requires it) and 'open'",
    ),
    "lamps that exclude each other": (
        "gnirs",
        "{lamps: [Ar, Xe], exposure_time: 4}",
        "steps.0.lamps: Ar and Xe can't be lit together: the hardware lights one of Ar, Xe, QH",
    ),
    "a loop over an unknown position": (
        "gnirs",
        "{lamps: [Ar], exposure_time: 4, for: {grating: [32/mm, 110/mm]}}",
        "steps.0.for.grating.1: unknown position of grating '110/mm': one of 32/mm, 111/mm; did you mean '111/mm'?",
    ),
    "a number in a loop": (
        "gnirs",
        "{lamps: [Ar], exposure_time: 4, for: {grating: [32/mm, 111]}}",
        'steps.0.for.grating.1: expected a name, got 111 (write "111"): one of 32/mm, 111/mm',
    ),
    "a number without quotes": (
        "fors2",
        "{lamps: [He], exposure_time: 4, setup: {slit: 0.7}}",
        'steps.0.setup.slit: expected the name of a position, got 0.7 (write "0.7")',
    ),
    "a number that is no position": (
        "fors2",
        "{lamps: [He], exposure_time: 4, setup: {slit: 0.5}}",
        'steps.0.setup.slit: expected the name of a position, got 0.5 (write "0.5"): one of 0.7, 1.0, 1.3',
    ),
    "a wait under a lit lamp": (
        "gnirs",
        "{lamps: [Ar], exposure_time: 4, wait: 20}",
        "steps.0.wait: a wait is a step of its own, with all lamps off: `- wait: 20` before this step",
    ),
    "a level out of range": (
        "fors2",
        "{lamps: [Flat2 red], exposure_time: 4, level: 10}",
        "steps.0.level: Flat2 red can't be dimmed to 10 percent: a number from 20 to 100",
    ),
    "a camera that is not there": (
        "fors2",
        "{lamps: [He], exposure_time: 4, cameras: [CHIP3]}",
        "steps.0.cameras.0: unknown camera 'CHIP3': one of CHIP1, CHIP2; did you mean 'CHIP2'?",
    ),
    "a shutter that the step places itself": (
        "uves",
        "{lamps: [ThAr], exposure_time: 20, lit_for: {ThAr: 5}, setup: {selector: ThAr}}",
        "steps.0.setup.selector: `lit_for` moves selector itself, to let ThAr through: leave it out",
    ),
    "a shutter that is too slow for one of the cameras": (
        "uves",
        "{lamps: [ThAr], exposure_time: {b: 20, l: 20, u: 8}, lit_for: {ThAr: 5}}",
        "selector can't let ThAr through for 5 s of 8 s: its two moves with their read-back take 6.2 s: 0.1 to 1.8",
    ),
    "the seconds of a lamp that is not lit": (
        "uves",
        "{lamps: [], flavour: flat, exposure_time: 20, lit_for: {ThAr: 5}}",
        "steps.0.lit_for: `lit_for` has no effect: no lamp is lit: leave it out, or name a lamp",
    ),
    "a document that includes itself": (
        "deimos",
        "{include: wrong.yaml}",
        "steps.0.include: a document can't include itself: wrong.yaml includes wrong.yaml",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_steps_are_refused(name: str, tmp_path: Path) -> None:
    """Each mistake is one line with its place and what helps."""
    site, step, said = WRONG[name]
    path = tmp_path / "wrong.yaml"
    path.write_text(f"name: wrong\nsteps:\n  - {step}\n", encoding="utf-8")
    with pytest.raises(SequenceError) as caught:
        plan_of(Request(path, FOLDER / f"{site}.observatory.yaml"))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:3: ")
    assert said in line


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    """Return the program, started warm."""
    with Commands.warm() as commands:
        yield commands


SPEED = "10"
"""How much faster than real the runs are that are killed. Faster, a busy machine would show in the seconds of light."""
KILLED_IN = {
    "gnirs": ("shutter-timed/IRhigh-15s-001/IRhigh",),
    "fors2": ("lamp-timed/He+HgCd+Ar-15s-001/HgCd",),
    "uves": ("shutter-timed/ThAr-20s-001/ThAr",),
    "deimos": ("expose/Qz-3s-002",),
}
"""States in which a lamp is lit."""


def a_lamp_is_lit(home: Home, patience_s: float = 5.0) -> bool:
    """Wait until a lamp is on, as the switch's file says."""
    until = now() + patience_s
    while not home.burning() and now() < until:
        pause(0.005)
    return bool(home.burning())


@pytest.mark.parametrize(("name", "state"), [(name, state) for name, states in KILLED_IN.items() for state in states])
def test_killed_under_a_lit_lamp(name: str, state: str, commands: Commands, tmp_path: Path) -> None:
    """With -9 the guards switch every lamp off. The resumed run has every frame once, as the list asks for."""
    home = Home(tmp_path, FOLDER / f"{name}.observatory.yaml")
    words = ("--observatory", str(home.observatory), "--frames", str(home.frames), "--speed", SPEED, "--json")
    command = commands.start(home, "run", str(FOLDER / f"{name}.yaml"), *words)
    assert command.until_state(state), command.last
    assert a_lamp_is_lit(home)
    command.send(signal.SIGKILL)
    assert home.seconds_until_dark() < 3.0
    assert command.end() == -signal.SIGKILL
    assert set(home.lamps().values()) == {"off"}
    again = commands.start(home, "resume", "--frames", str(home.frames), "--speed", "max", "--json")
    assert again.end() == 0, again.last
    assert set(home.lamps().values()) == {"off"}
    files: dict[str, list[Path]] = {}
    for path in sorted((home.frames / command.run).glob("*.fits")):
        header = fits.getheader(path)
        assert header["QUALITY"] == "GOOD"
        files.setdefault(header["FRAMEID"], []).append(path)
    assert_as_asked_for(planned(name), files)
