"""Selectors, levels, exclusive lamps, shutterless and cooled detectors of the simulated observatory."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import (
    CooledSpectrographs,
    DeviceError,
    DeviceFailed,
    Devices,
    DimmableLamps,
    ExposureOrder,
    Observatory,
    ObservatoryError,
    SelectorStatus,
    Timekeeper,
    load_observatory,
    open_devices,
)
from safelight.devices.simulated.faults import Fault
from safelight.devices.simulated.measure import Measured, measure

Run = Callable[[Any], Any]

BENCH = """
name: bench
lamps:
  units:
    ThAr: {warmup_s: 10.0, flavour: arc, longest_on_s: 3600.0, requires: {mirror: in}}
    Quartz: {warmup_s: 10.0, flavour: flat, longest_on_s: 3600.0, requires: {mirror: in}, level: [10, 100]}
  exclusive: [[ThAr, Quartz]]
  on_s: 0.2
  off_s: 0.1
  all_off_s: 0.1
  status_s: 0.1
spectrographs:
  units: [sp1, sp2]
  cameras: [b, r]
  readout_s: 20.0
  lead_s: 1.0
  tail_s: 1.0
  abort_s: 0.9
  reset_s: 0.02
  status_s: 0.02
  options: {image: [64, 104], overscan_columns: 8, bias_adu: 1000.0, read_noise_adu: 3.0, dark_adu_per_s: 0.2,
            lamp_adu_per_s: 40.0}
selectors:
  units:
    mirror: {positions: [in, out], safe: out, move_s: 4.0}
    slit: {positions: {narrow: {width: 1}, wide: {width: 3}}, default: narrow, move_s: 6.0, settle_s: 1.0}
    grating: {positions: {red: {dispersion: 0.7}, blue: {dispersion: 1.2, shift: 4}}, default: red, move_s: 9.0}
flavours:
  dark: {requires: {mirror: out}}
header: {TELESCOP: bench}
"""


def bench(folder: Path, change: Callable[[Any], object] = lambda _: None) -> Observatory:
    """Return the bench above, changed."""
    plain = yaml.safe_load(BENCH)
    change(plain)
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return load_observatory(path)


@pytest.fixture
def open_bench(tmp_path: Path, clock: Timekeeper) -> Callable[..., Devices]:
    """Open the bench, changed, with faults."""

    def opened(change: Callable[[Any], object] = lambda _: None, *faults: dict[str, Any]) -> Devices:
        told = tuple(Fault.model_validate(fault) for fault in faults)
        return open_devices(bench(tmp_path, change), clock=clock, home=tmp_path / "home", faults=told)

    return opened


async def expose(devices: Devices, order: ExposureOrder, folder: Path) -> dict[str, Measured]:
    """One exposure, measured. Camera -> what its pixels say."""
    await devices.spectrographs.expose(order)
    files = await devices.spectrographs.read_out({}, folder)
    return {path.stem.rpartition("-")[2]: measure(path, load_observatory(folder / "bench.yaml")) for path in files}


async def move(devices: Devices, **targets: str) -> None:
    """Move selectors."""
    assert devices.selectors is not None
    await devices.selectors.move(targets)


async def where(devices: Devices) -> dict[str, str | None]:
    """Return where every selector is."""
    assert devices.selectors is not None
    return {name: seen.position for name, seen in (await devices.selectors.status()).items()}


def test_they_move_at_once_and_are_read_back(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run) -> None:
    """A move takes as long as the slowest selector, and each is read where it went."""
    devices = open_bench()

    async def scene() -> None:
        assert await where(devices) == {"mirror": "out", "slit": "narrow", "grating": "red"}
        began = clock.now()
        await move(devices, mirror="in", slit="wide")
        assert clock.now() - began == pytest.approx(7.0)
        assert await where(devices) == {"mirror": "in", "slit": "wide", "grating": "red"}
        await move(devices, mirror="in", slit="wide")
        assert clock.now() - began == pytest.approx(7.0)

    run(scene())


def test_a_cancelled_move_ends_nowhere(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run) -> None:
    """A selector that was stopped on its way is at none of its positions, and the next move brings it home."""
    devices = open_bench()

    async def scene() -> None:
        moving = asyncio.create_task(move(devices, slit="wide"))
        await clock.sleep(3.0)
        assert devices.selectors is not None
        assert (await devices.selectors.status())["slit"] == SelectorStatus(None, moving=True)
        moving.cancel()
        await asyncio.wait([moving])
        assert (await devices.selectors.status())["slit"] == SelectorStatus(None, moving=False)
        await move(devices, slit="narrow")
        assert (await where(devices))["slit"] == "narrow"

    run(scene())


@pytest.mark.parametrize("what", ["error", "disconnect"])
def test_faults_strike_one_selector(what: str, open_bench: Callable[..., Devices], clock: Timekeeper, run: Run) -> None:
    """A selector that fails raises, and the one beside it has moved."""
    devices = open_bench(lambda _: None, {"device": "selectors.slit", "verb": "move", "what": what})

    async def scene() -> None:
        with pytest.raises(DeviceError, match=r"selectors\.slit"):
            await move(devices, mirror="in", slit="wide")
        assert devices.selectors is not None
        await clock.sleep(5.0)
        assert (await devices.selectors.status())["mirror"].position == "in"

    run(scene())


def test_a_lying_selector_is_found_out(open_bench: Callable[..., Devices], run: Run) -> None:
    """A selector that says it has moved and has not is read back where it is."""
    devices = open_bench(lambda _: None, {"device": "selectors.mirror", "verb": "move", "what": "lie"})

    async def scene() -> None:
        await move(devices, mirror="in")
        assert (await where(devices))["mirror"] == "out"

    run(scene())


def test_unknown_names(open_bench: Callable[..., Devices], run: Run) -> None:
    """A selector or position that does not exist is refused before anything moves."""
    devices = open_bench()

    async def scene() -> None:
        for targets in ({"slitt": "wide"}, {"slit": "wid"}):
            with pytest.raises(DeviceFailed):
                await move(devices, **targets)

    run(scene())


def test_light_needs_what_the_lamp_requires(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run,
                                            tmp_path: Path) -> None:  # fmt: skip
    """Without the mirror no light of the lamp arrives. With it, all of it."""
    devices = open_bench()

    async def scene() -> None:
        await devices.lamps.on("ThAr")
        await clock.sleep(30.0)
        dark = await expose(devices, ExposureOrder("arc", 20.0, "out"), tmp_path)
        assert dark["b1"].lamps["ThAr"] == pytest.approx(0.0, abs=0.3)
        await move(devices, mirror="in")
        seen = await expose(devices, ExposureOrder("arc", 20.0, "in"), tmp_path)
        assert seen["b1"].lamps["ThAr"] == pytest.approx(20.0, rel=0.05)

    run(scene())


@pytest.mark.parametrize("slit", ["narrow", "wide"])
@pytest.mark.parametrize("grating", ["red", "blue"])
def test_the_setup_is_in_the_pixels(slit: str, grating: str, open_bench: Callable[..., Devices], clock: Timekeeper,
                                    run: Run, tmp_path: Path) -> None:  # fmt: skip
    """The width of lines and their places tell slit and grating."""
    devices = open_bench()

    async def scene() -> None:
        await devices.lamps.on("ThAr")
        await move(devices, mirror="in", slit=slit, grating=grating)
        await clock.sleep(30.0)
        for seen in (await expose(devices, ExposureOrder("arc", 20.0, "setup"), tmp_path)).values():
            assert seen.setup == {"slit": slit, "grating": grating}
            assert seen.lamps["ThAr"] == pytest.approx(20.0, rel=0.06)

    run(scene())


def test_two_exclusive_lamps_are_dark(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run,
                                      tmp_path: Path) -> None:  # fmt: skip
    """Two lamps of an exclusive group that are on together give no light."""
    devices = open_bench()

    async def scene() -> None:
        await move(devices, mirror="in")
        await devices.lamps.on("ThAr")
        await devices.lamps.on("Quartz")
        await clock.sleep(30.0)
        seen = await expose(devices, ExposureOrder("arc", 20.0, "both"), tmp_path)
        assert max(seen["b1"].lamps.values()) < 0.5

    run(scene())


def test_levels(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run, tmp_path: Path) -> None:
    """A lamp at 25 percent gives a quarter of its light, and its level is read back."""
    devices = open_bench()

    async def scene() -> None:
        assert isinstance(devices.lamps, DimmableLamps)
        assert await devices.lamps.levels() == {"Quartz": 100.0}
        await devices.lamps.set_level("Quartz", 25)
        await move(devices, mirror="in")
        await devices.lamps.on("Quartz")
        await clock.sleep(30.0)
        seen = await expose(devices, ExposureOrder("flat", 40.0, "dim"), tmp_path)
        assert await devices.lamps.levels() == {"Quartz": 25.0}
        assert seen["r2"].lamps["Quartz"] == pytest.approx(10.0, rel=0.06)

    run(scene())


def test_chosen_cameras_and_own_times(open_bench: Callable[..., Devices], run: Run, tmp_path: Path) -> None:
    """Only the chosen cameras give files, each with its own integration time. The others stay idle."""
    devices = open_bench()

    async def scene() -> None:
        order = ExposureOrder("dark", 60.0, "own", cameras=("b2", "r2"), camera_s=(("r2", 20.0),))
        await devices.spectrographs.expose(order)
        status = await devices.spectrographs.status()
        assert [seen.activity for seen in status.values()] == ["idle", "holding"]
        files = await devices.spectrographs.read_out({}, tmp_path)
        observatory = load_observatory(tmp_path / "bench.yaml")
        found = {path.stem.rpartition("-")[2]: measure(path, observatory).dark_s for path in files}
        assert found == {"b2": pytest.approx(60.0, abs=1.5), "r2": pytest.approx(20.0, abs=1.5)}

    run(scene())


def test_without_a_shutter_a_bias_sees_light(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run,
                                             tmp_path: Path) -> None:  # fmt: skip
    """A detector without a shutter says so, and a dark under a lit lamp is no dark. With the light kept out it is."""

    def shutterless(plain: Any) -> None:
        plain["spectrographs"] |= {"shutter": "none", "dark_at": {"mirror": "out"}}
        del plain["flavours"]

    devices = open_bench(shutterless)

    async def scene() -> None:
        await devices.lamps.on("ThAr")
        await move(devices, mirror="in")
        await clock.sleep(30.0)
        assert {seen.shutter for seen in (await devices.spectrographs.status()).values()} == {"none"}
        lit = await expose(devices, ExposureOrder("dark", 20.0, "lit"), tmp_path)
        assert lit["b1"].lamps["ThAr"] == pytest.approx(20.0, rel=0.05)
        await move(devices, mirror="out")
        dark = await expose(devices, ExposureOrder("dark", 20.0, "dark"), tmp_path)
        assert dark["b1"].lamps["ThAr"] == pytest.approx(0.0, abs=0.3)

    run(scene())


def test_a_mirror_keeps_the_sky_out_and_lets_lamps_in(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run,
                                                      tmp_path: Path) -> None:  # fmt: skip
    """Where a lamp requires the position that keeps light out, that is the light of the sky, and the lamp is seen."""
    devices = open_bench(lambda plain: plain["spectrographs"].update(shutter="none", dark_at={"mirror": "in"}))

    async def scene() -> None:
        await devices.lamps.on("ThAr")
        await move(devices, mirror="in")
        await clock.sleep(30.0)
        seen = await expose(devices, ExposureOrder("arc", 20.0, "arc"), tmp_path)
        assert seen["b1"].lamps["ThAr"] == pytest.approx(20.0, rel=0.05)

    run(scene())


def test_a_leaking_shutter(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run, tmp_path: Path) -> None:
    """A dark beside a warm lamp shows what its shutter lets pass."""
    devices = open_bench(lambda plain: plain["spectrographs"]["options"].update(shutter_leak=0.2))

    async def scene() -> None:
        await devices.lamps.on("ThAr")
        await move(devices, mirror="in")
        await clock.sleep(30.0)
        seen = await expose(devices, ExposureOrder("dark", 50.0, "leak"), tmp_path)
        assert seen["b1"].lamps["ThAr"] == pytest.approx(10.0, rel=0.1)

    run(scene())


def test_a_warm_detector(open_bench: Callable[..., Devices], clock: Timekeeper, run: Run, tmp_path: Path) -> None:
    """A detector that is too warm has more dark current, cools down in its time, and is read back."""

    def cooled(plain: Any) -> None:
        plain["spectrographs"]["temperature"] = {"set_point_c": -110.0, "tolerance_c": 1.0}
        plain["spectrographs"]["options"] |= {"start_c": -104.0, "cooling_c_per_s": 0.1}

    devices = open_bench(cooled)

    async def scene() -> None:
        cooler = devices.spectrographs
        assert isinstance(cooler, CooledSpectrographs)
        warm = await expose(devices, ExposureOrder("dark", 100.0, "warm"), tmp_path)
        assert warm["b1"].dark_s == pytest.approx(200.0, abs=4)
        await cooler.cool(-110.0)
        await clock.sleep(70.0)
        assert await cooler.temperatures() == {"sp1": -110.0, "sp2": -110.0}
        cold = await expose(devices, ExposureOrder("dark", 100.0, "cold"), tmp_path)
        assert cold["b1"].dark_s == pytest.approx(100.0, abs=3)

    run(scene())


def _lamp(key: str, value: object) -> Callable[[Any], object]:
    return lambda plain: plain["lamps"]["units"]["ThAr"].update({key: value})


def _unit(key: str, value: object) -> Callable[[Any], object]:
    return lambda plain: plain["selectors"]["units"]["slit"].update({key: value})


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        (_lamp("requires", {"miror": "in"}), "lamps.units.ThAr.requires.miror", "mirror"),
        (_lamp("requires", {"mirror": "inn"}), "lamps.units.ThAr.requires.mirror", "'in'"),
        (_lamp("level", [60, 10]), "lamps.units.ThAr.level", "[10, 100]"),
        (_lamp("level", [0, 10]), "lamps.units.ThAr.level.0", "above 0"),
        (lambda p: p["lamps"].update(exclusive=[["ThAr", "Quarz"]]), "lamps.exclusive.0.1", "Quartz"),
        (lambda p: p["lamps"].update(exclusive=[["ThAr", "ThAr"]]), "lamps.exclusive.0.1", "once"),
        (_unit("default", "narow"), "selectors.units.slit.default", "narrow"),
        (_unit("safe", "shut"), "selectors.units.slit.safe", "narrow, wide"),
        (_unit("positions", ["a", "A"]), "selectors.units.slit.positions", "case"),
        (_unit("positions", ["a/"]), "selectors.units.slit.positions.0", "printable"),
        (_unit("positions", []), "selectors.units.slit.positions", "at least one"),
        (lambda p: p["selectors"]["units"].update(fibre={"positions": ["a"]}), "selectors.units.fibre", "another name"),
        (lambda p: p["flavours"].update(flatt={}), "flavours.flatt", "flat"),
        (lambda p: p["flavours"].update(flat={"requires": {"slit": "w"}}), "flavours.flat.requires.slit", "wide"),
        (lambda p: p["spectrographs"].update(dark_at={"mirror": "out"}), "spectrographs.dark_at", "shutter: none"),
        (lambda p: p["spectrographs"].update(shutter="open"), "spectrographs.shutter", "own, none"),
        (lambda p: p.update(header={"telescop": "x"}), "header.telescop", "FITS keyword"),
    ],
)
def test_wrong_documents(change: Callable[[Any], object], path: str, words: str, tmp_path: Path) -> None:
    """What is wrong is refused in one line, with its line, its path and what helps."""
    with pytest.raises(ObservatoryError) as refused:
        bench(tmp_path, change)
    (problem,) = [each for each in refused.value.problems if each.path == path]
    assert problem.line
    assert words in str(problem)


def test_wrong_effects_are_refused(open_bench: Callable[..., Devices]) -> None:
    """A position of a simulated selector whose value is no effect is refused when the devices are opened."""
    with pytest.raises(ObservatoryError, match="positions"):
        open_bench(_unit("positions", {"narrow": {"wide": 2}}))


def test_a_document_keeps_its_hash(tmp_path: Path) -> None:
    """New keys that say nothing change no hash, and a document survives the way through JSON."""
    observatory = bench(tmp_path)
    again = Observatory.model_validate_json(observatory.model_dump_json())
    assert again.model_dump() == observatory.model_dump()
    assert again.hash == observatory.hash
    assert "selectors" not in load_observatory("simulated").model_dump()
