"""Nights on end with lamps that drift: healthy frames are kept, and every fault of light is found and named."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import load_observatory, shipped_observatories
from safelight.devices.simulated import Fault
from safelight.engine import Request, RunResult, perform
from safelight.engine.light import light_folder
from safelight.engine.light.store import LightStore
from safelight.engine.resume.resumption import ResumeRequest, resume

EXAMPLES = Path(__file__).parents[3] / "examples"
SHIPPED = ("normal", "quick-cals", "long-term")
STEPS = tuple(sorted(path.stem for path in EXAMPLES.glob("*.yaml") if not path.stem.endswith(".observatory")))
NIGHTS = 20
LEARNING = 3
"""Nights after which every kind of frame of these sequences has its references."""


@dataclass
class Dome:
    """An observatory whose frames are judged by every rule, over many nights."""

    folder: Path
    sequence: str | Path
    night: int = 0

    @classmethod
    def of(cls, folder: Path, name: str, units: Iterable[str] | None = None) -> "Dome":
        """Make the observatory of a shipped sequence or of an example.

        Args:
            folder: for everything that runs write.
            name: of the sequence.
            units: the spectrographs; None: all of them.
        """
        shipped = name in SHIPPED
        source = shipped_observatories()["simulated"] if shipped else EXAMPLES / f"{name}.observatory.yaml"
        plain = yaml.safe_load(source.read_text(encoding="utf-8"))
        model = plain["spectrographs"]
        rows, columns = model["options"]["image"]
        model["quality"] = {
            "learned": "act",
            "overscan": [[0, rows, columns - model["options"]["overscan_columns"], columns]],
        }
        if units is not None:
            model["units"] = list(units)
        (folder / "dome.yaml").write_text(yaml.safe_dump(plain), encoding="utf-8")
        return cls(folder, name if shipped else EXAMPLES / f"{name}.yaml")

    def run(self, *faults: Mapping[str, Any], drift: float = 0.03) -> RunResult:
        """Run the sequence on the next night, when every lamp has a little more or less light than on the last one."""
        self.night += 1
        drifting = {"device": "light", "verb": "shine", "what": "drift", "factor": drift, "seed": self.night}
        told = [*faults, {**drifting, "nth": 1, "times": "forever"}]
        request = Request(
            self.sequence,
            observatory=self.folder / "dome.yaml",
            home=self.folder / "home",
            frames=self.folder / "frames",
            speed="max",
            faults=tuple(Fault(**fault) for fault in told),
        )
        return asyncio.run(perform(request, guarded=False))

    def resume(self, run: str) -> RunResult:
        """Resume a run when all has been repaired."""
        request = ResumeRequest(run, observatory=self.folder / "dome.yaml", home=self.folder / "home", speed="max")
        return asyncio.run(resume(request, guarded=False))

    def learn(self, nights: int = LEARNING) -> None:
        """Let healthy nights pass. None of them may cost a frame."""
        for _ in range(nights):
            healthy(self.run())


def healthy(result: RunResult) -> None:
    """Check that a run has cost no frame."""
    assert result.outcome == "done", result.reason
    assert [(bad.frame, bad.reason) for bad in result.bad] == []
    assert all(taken.light is not None and taken.light.quality in ("good", "suspect") for taken in result.frames)


def found(result: RunResult, *words: str) -> None:
    """Check that as many frames were bad, each for its reason, and that they were taken again: nothing is missing."""
    assert result.outcome == "done", result.reason
    reasons = [bad.reason or "" for bad in result.bad]
    assert len(reasons) == len(words), reasons
    assert all(any(word in reason for reason in reasons) for word in words), reasons
    assert {bad.frame for bad in result.bad} <= {taken.frame for taken in result.frames}


def lamp_fault(lamp: str, what: str, nth: int = 1, **more: Any) -> Mapping[str, Any]:
    """Return what goes wrong with a lamp."""
    return {"device": f"light.{lamp}", "verb": "shine", "what": what, "nth": nth, **more}


def camera_fault(what: str, nth: int) -> Mapping[str, Any]:
    """Return what goes wrong with the readout of an exposure."""
    return {"device": "light", "verb": "read", "what": what, "nth": nth}


def attack(dome: Dome, lamp: str, other: str, nth: int) -> None:
    """Let everything go wrong once that can go wrong with a lamp and with a camera, on one night after the other.

    Args:
        dome: the observatory, which knows its frames.
        lamp: whose light is struck, on its first frame.
        other: the lamp that shines instead when their outlets are swapped.
        nth: the exposure of which the camera or the shutter is struck: none with that frame.
    """
    dead = f"{lamp} is on and does not shine"
    found(dome.run(lamp_fault(lamp, "dead"), camera_fault("half", nth)), dead, "rows are constant")
    dim = lamp_fault(lamp, "dim", factor=0.1)
    found(dome.run(dim, camera_fault("stale", nth)), "times the usual", "the buffer was not read anew")
    bright = lamp_fault(lamp, "dim", factor=1000.0)
    found(dome.run(bright, camera_fault("amplifier", nth)), "", "")
    swapped = lamp_fault(lamp, "swapped", other=other)
    opened = {"device": "light", "verb": "shutter", "what": "open", "factor": 20.0, "nth": nth}
    found(dome.run(swapped, opened), "", "")
    result = dome.run(lamp_fault(lamp, "dead", times="forever"))
    assert result.outcome == "faulted"
    assert dead in (result.reason or "")
    assert [bad.frame for bad in result.bad] == [result.bad[0].frame] * 2
    assert set(result.lamps.values()) == {"off"}
    again = dome.resume(result.run)
    assert (again.outcome, len(again.bad)) == ("done", 2)
    healthy(dome.run())


def test_some_nights_of_steps(tmp_path: Path) -> None:
    """An arc, flats and darks through a week: no frame is lost to a threshold, and every fault is found."""
    dome = Dome.of(tmp_path, "alpy")
    dome.learn()
    attack(dome, "ArNe", "Tungsten", 3)


def test_some_nights_of_quick_cals(tmp_path: Path) -> None:
    """Without any bias or reference in the state folder, certain faults are found from the first night on."""
    dome = Dome.of(tmp_path, "quick-cals", ["sp1"])
    result = dome.run(lamp_fault("Quartz", "dead", times="forever"))
    assert (result.outcome, len(result.bad)) == ("faulted", 2)
    assert "Quartz is on and does not shine" in (result.reason or "")
    dead = lamp_fault("LDLS", "dead")
    found(dome.run(dead, camera_fault("half", 1)), "LDLS is on and does not shine", "rows are constant")
    found(dome.run(camera_fault("stale", 2)), "the buffer was not read anew")
    healthy(dome.run())


@pytest.mark.soak
def test_sixty_nights_of_a_lamp_that_fades(tmp_path: Path) -> None:
    """A lamp that loses 1 % a night costs no frame and is remarked on. Nor does a new one that is twice as bright."""
    dome = Dome.of(tmp_path, "alpy")
    words = []
    for night in range(60):
        result = dome.run(lamp_fault("Tungsten", "dim", factor=0.99**night, times="forever"))
        healthy(result)
        words.append(" ".join(taken.light.words for taken in result.frames if taken.light))
    assert not any("faded" in said for said in words[:45])
    assert all("faded" in said for said in words[56:])
    observatory = load_observatory(tmp_path / "dome.yaml")
    store = LightStore(light_folder(tmp_path / "home", observatory.name))
    for kind in store.kinds():
        if "Tungsten" in kind.lamps:
            store.forget(kind)
    for _ in range(LEARNING):
        result = dome.run(lamp_fault("Tungsten", "dim", factor=2.0, times="forever"))
        healthy(result)
        assert {taken.light.quality for taken in result.frames if taken.light} == {"good"}


@pytest.mark.soak
@pytest.mark.parametrize("name", [*SHIPPED, *STEPS])
def test_twenty_nights(name: str, tmp_path: Path) -> None:
    """Lamps that drift by 3 % from night to night cost no frame, with every rule acting."""
    Dome.of(tmp_path, name).learn(NIGHTS)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "lamp", "other", "nth"),
    [
        ("normal", "Argon", "Xenon", 3),
        ("long-term", "LDLS", "Quartz", 3),
        ("apogee-evening", "ThAr", "UNe", 3),
        ("kpf-day", "Th_daily", "BrdbandFiber", 3),
        ("mosfire-flats", "Neon", "Dome", 3),
    ],
)
def test_every_fault_is_found(name: str, lamp: str, other: str, nth: int, tmp_path: Path) -> None:
    """After some nights everything that can go wrong with light is found, named, and taken again."""
    dome = Dome.of(tmp_path, name)
    dome.learn()
    attack(dome, lamp, other, nth)
