"""Faults as data: each kind does what it says, at every verb, to the part that it names."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import (
    DeviceDisconnected,
    DeviceFailed,
    Devices,
    DeviceUnknown,
    ExposureOrder,
    Observatory,
    ObservatoryError,
    Timekeeper,
    open_devices,
)
from safelight.devices.observatory.observatory import SecondPath
from safelight.devices.simulated import Fault, load_faults

Run = Callable[[Any], Any]
Open = Callable[..., Devices]

BIAS = ExposureOrder("bias", 0.0, "bias-001")
ARC = ExposureOrder("arc", 20.0, "arc-001")


def fault(device: str, verb: str, what: str, **more: Any) -> Fault:
    """Return a fault as a file would give it."""
    return Fault.model_validate({"device": device, "verb": verb, "what": what} | more)


@pytest.fixture
def faulty(observatory: Observatory, clock: Timekeeper, home: Path) -> Open:
    """Open the devices with faults."""

    def opened(*faults: Fault) -> Devices:
        return open_devices(observatory, clock=clock, home=home, faults=faults)

    return opened


def calls(devices: Devices, observatory: Observatory, folder: Path) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Return every verb of every device."""
    assert devices.telescopes is not None
    assert devices.fibsel is not None
    screen = observatory.targets("calibration")
    return {
        "lamps.on": lambda: devices.lamps.on("Argon"),
        "lamps.off": lambda: devices.lamps.off("Argon"),
        "lamps.all_off": devices.lamps.all_off,
        "lamps.status": devices.lamps.status,
        "telescopes.goto": lambda: devices.telescopes.goto(screen),  # type: ignore[union-attr]
        "telescopes.status": devices.telescopes.status,
        "telescopes.stop": devices.telescopes.stop,
        "fibsel.move": lambda: devices.fibsel.move(1650),  # type: ignore[union-attr]
        "fibsel.status": devices.fibsel.status,
        "fibsel.stop": devices.fibsel.stop,
        "spectrographs.expose": lambda: devices.spectrographs.expose(BIAS),
        "spectrographs.status": devices.spectrographs.status,
        "spectrographs.read_out": lambda: devices.spectrographs.read_out({}, folder),
        "spectrographs.abort": devices.spectrographs.abort,
        "spectrographs.reset": devices.spectrographs.reset,
    }


VERBS = [
    "lamps.on",
    "lamps.off",
    "lamps.all_off",
    "lamps.status",
    "telescopes.goto",
    "telescopes.status",
    "telescopes.stop",
    "fibsel.move",
    "fibsel.status",
    "fibsel.stop",
    "spectrographs.expose",
    "spectrographs.status",
    "spectrographs.read_out",
    "spectrographs.abort",
    "spectrographs.reset",
]


@pytest.mark.parametrize("name", VERBS)
@pytest.mark.parametrize("what", ["error", "timeout", "hang", "lie", "disconnect"])
def test_every_fault_at_every_verb(
    what: str, name: str, faulty: Open, observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path
) -> None:
    """Each kind of fault strikes each verb once as declared, and afterwards the verb works."""
    device, verb = name.split(".")
    devices = faulty(fault(device, verb, what))
    verbs = calls(devices, observatory, tmp_path)

    async def scene() -> None:
        if verb == "read_out":
            await devices.spectrographs.expose(BIAS)
        if what == "error":
            with pytest.raises(DeviceFailed):
                await verbs[name]()
        elif what == "disconnect":
            with pytest.raises(DeviceDisconnected):
                await verbs[name]()
            with pytest.raises(DeviceDisconnected):
                await verbs[f"{device}.status"]()
            await clock.sleep(2.0)
        elif what == "lie":
            await verbs[name]()
        else:
            with pytest.raises(TimeoutError):
                async with clock.timeout(1000.0):
                    await verbs[name]()
        if device == "spectrographs":
            await devices.spectrographs.reset()
        if verb == "read_out":
            await devices.spectrographs.expose(BIAS)
        await verbs[name]()

    run(scene())


def test_timeout_obeys_late(faulty: Open, run: Run, tmp_path: Path, clock: Timekeeper) -> None:
    """A timed-out command is done all the same, even if it is cancelled before its time."""
    devices = faulty(fault("lamps", "on", "timeout"), fault("spectrographs", "read_out", "timeout"))

    async def scene() -> None:
        with pytest.raises(TimeoutError):
            async with clock.timeout(0.05):
                await devices.lamps.on("Argon")
        assert (await devices.lamps.status())["Argon"] == "on"
        number = await devices.spectrographs.expose(BIAS)
        with pytest.raises(TimeoutError):
            async with clock.timeout(30.0):
                await devices.spectrographs.read_out({}, tmp_path)
        assert len(devices.spectrographs.files_of(number, tmp_path)) == 9

    run(scene())


def test_timeout_with_seconds_answers_late(faulty: Open, run: Run, clock: Timekeeper) -> None:
    """With seconds, the answer comes that much later."""
    devices = faulty(fault("lamps", "on", "timeout", seconds=7.0))
    run(devices.lamps.on("Argon"))
    assert clock.now() == pytest.approx(7.2)


def test_hang_never_does_it(faulty: Open, run: Run, clock: Timekeeper) -> None:
    """A hanging command is never obeyed. With seconds the line gives up."""
    devices = faulty(fault("lamps", "on", "hang"), fault("lamps", "off", "hang", seconds=3.0))

    async def scene() -> None:
        with pytest.raises(TimeoutError):
            async with clock.timeout(100.0):
                await devices.lamps.on("Argon")
        assert (await devices.lamps.status())["Argon"] == "off"
        with pytest.raises(DeviceUnknown):
            await devices.lamps.off("Argon")

    run(scene())


def test_lies(faulty: Open, run: Run, tmp_path: Path, observatory: Observatory) -> None:
    """A lie acknowledges and does nothing. A lying status believes the lie."""
    devices = faulty(
        fault("lamps", "on", "lie"),
        fault("lamps", "status", "lie", nth=2),
        fault("fibsel", "move", "lie"),
        fault("telescopes", "goto", "lie"),
        fault("spectrographs", "read_out", "lie"),
        fault("spectrographs", "expose", "lie", nth=2),
    )
    assert devices.fibsel is not None
    assert devices.telescopes is not None
    fibsel, telescopes = devices.fibsel, devices.telescopes

    async def scene() -> None:
        await devices.lamps.on("Argon")
        assert (await devices.lamps.status())["Argon"] == "off"
        assert (await devices.lamps.status())["Argon"] == "on"
        assert (await devices.lamps.status())["Argon"] == "off"
        await fibsel.move(1650)
        assert (await fibsel.status()).steps == 0
        await telescopes.goto(observatory.targets("calibration"))
        assert (await telescopes.status())["sci"].where == observatory.targets("park")["sci"]
        await devices.spectrographs.expose(BIAS)
        files = await devices.spectrographs.read_out({}, tmp_path)
        assert len(files) == 9
        assert not any(path.exists() for path in files)
        assert len(await devices.spectrographs.read_out({}, tmp_path)) == 9
        await devices.spectrographs.expose(BIAS)
        assert (await devices.spectrographs.status())["sp1"].activity == "idle"

    run(scene())


def test_only_the_named_part(faulty: Open, run: Run) -> None:
    """A fault on one lamp leaves the others alone: they go out, and read back."""
    devices = faulty(
        fault("lamps.Argon", "*", "error", nth=2, times="forever"),
        fault("lamps.Neon", "status", "error", nth=2),
    )

    async def scene() -> None:
        for lamp in ("Argon", "Neon", "Xenon"):
            await devices.lamps.on(lamp)
        assert await devices.lamps.status() == dict.fromkeys(devices.lamps.names, "off") | {
            "Argon": "unknown",
            "Neon": "on",
            "Xenon": "on",
        }
        with pytest.raises(DeviceFailed, match=r"lamps\.Argon"):
            await devices.lamps.all_off()
        states = await devices.lamps.status()
        assert (states["Argon"], states["Neon"], states["Xenon"]) == ("unknown", "unknown", "off")

    run(scene())


def test_one_spectrograph_refuses(faulty: Open, run: Run) -> None:
    """One spectrograph that refuses keeps all from beginning. One that lies is found idle."""
    devices = faulty(fault("spectrographs.sp2", "expose", "error"), fault("spectrographs.sp3", "expose", "lie", nth=2))

    async def scene() -> None:
        with pytest.raises(DeviceFailed, match=r"spectrographs\.sp2"):
            await devices.spectrographs.expose(ARC)
        assert {each.activity for each in (await devices.spectrographs.status()).values()} == {"idle"}
        await devices.spectrographs.expose(ARC)
        status = await devices.spectrographs.status()
        assert (status["sp1"].activity, status["sp3"].activity) == ("holding", "idle")

    run(scene())


def test_second_path_has_its_own_faults(observatory: Observatory, clock: Timekeeper, home: Path, run: Run) -> None:
    """What strikes the lamps' main path doesn't strike the second, which reaches the same outlets."""
    lamps = observatory.lamps.model_copy(update={"second_path": SecondPath(driver="simulated")})
    two = observatory.model_copy(update={"lamps": lamps})
    devices = open_devices(two, clock=clock, home=home, faults=(fault("lamps", "off", "error"),))

    async def scene() -> None:
        assert devices.second_lamps is not None
        await devices.lamps.on("Argon")
        with pytest.raises(DeviceFailed):
            await devices.lamps.off("Argon")
        await devices.second_lamps.off("Argon")
        assert (await devices.lamps.status())["Argon"] == "off"

    run(scene())


def test_counting(faulty: Open, run: Run) -> None:
    """Nth counts matching calls from 1. Times says how many are struck."""
    devices = faulty(fault("lamps", "on", "error", nth=2, times=2))

    async def scene() -> list[bool]:
        struck = []
        for lamp in ("Argon", "Neon", "Argon", "Argon"):
            result = await asyncio.gather(devices.lamps.on(lamp), return_exceptions=True)
            struck.append(isinstance(result[0], DeviceFailed))
        return struck

    assert run(scene()) == [False, True, True, False]


def test_probability_is_reproducible(observatory: Observatory, clock: Timekeeper, home: Path, run: Run) -> None:
    """The same seed strikes the same calls."""

    async def scene() -> list[bool]:
        dice = fault("lamps", "off", "error", probability=0.3, seed=5)
        devices = open_devices(observatory, clock=clock, home=home, faults=(dice,))
        results = [(await asyncio.gather(devices.lamps.off("Argon"), return_exceptions=True))[0] for _ in range(40)]
        return [isinstance(each, DeviceFailed) for each in results]

    first = run(scene())
    assert first == run(scene())
    assert 4 < sum(first) < 20


@pytest.mark.parametrize("text", ["- {device: lamps.Argon, verb: on, nth: 1, what: hang}\n", "faults: []\n", ""])
def test_fault_files(text: str, tmp_path: Path) -> None:
    """A fault file is a list, or a mapping with one."""
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    assert len(load_faults(path)) == text.count("what")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {device: lamp, verb: on, what: hang}", "did you mean 'lamps'"),
        ("- {device: lamps, verb: onn, what: hang}", "did you mean 'on'"),
        ("- {device: lamps, verb: on, what: hangs}", "did you mean 'hang'"),
        ("-\n  device: lamps\n  verb: on\n  what: hang\n  nht: 1\n", ":5: .*did you mean 'nth'"),
        (
            "- {device: lamps, verb: on, what: hang, nth: 0}",
            "faults.0.nth: expected a whole number, 1 or more, got 0",
        ),
        ("- {device: lamps, verb: on, what: hang, nth: 1, probability: 0.5}", "exclude each other"),
        ("- {device: lamps, verb: on, what: hang, times: often}", "times"),
        ("just text", "expected a mapping with faults, got 'just text'"),
        ("- hang", ":1: faults.0: expected a mapping such as .*, got 'hang'"),
        ("- [", "not valid YAML"),
    ],
)
def test_bad_fault_files(text: str, words: str, tmp_path: Path) -> None:
    """A wrong fault file is refused, with the line and the nearest known word."""
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(ObservatoryError, match=words):
        load_faults(path)


def test_unknown_part(faulty: Open) -> None:
    """A fault for a lamp that isn't there is refused when the devices are opened."""
    with pytest.raises(ObservatoryError, match="did you mean 'Argon'"):
        faulty(fault("lamps.Argn", "on", "error"))
