"""Frames whose light was bad are moved aside and taken again. The instrument is put back, and the run continues."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import shipped_observatories
from safelight.devices.simulated import Fault
from safelight.engine import Request, RunResult, perform
from safelight.engine.records import tables
from safelight.engine.records.database import default_url
from safelight.engine.resume.resumption import ResumeRequest, resume
from tests.crash.check import rows_of

SEQUENCE: Mapping[str, Any] = {
    "biases": {"count": 1},
    "lamps": {
        "Neon": {"warmup": 20, "exposure_time": 10, "count": 2},
        "Argon": {"warmup": 20, "exposure_time": 10},
    },
}


@dataclass
class Site:
    """A simulated observatory of one camera whose light is judged."""

    folder: Path
    quality: Mapping[str, Any]
    events: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def observatory(self) -> Path:
        """Its document."""
        document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
        document["name"] = "judged"
        quality = {"overscan": [[0, 128, 192, 208]], **self.quality}
        document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "quality": quality}
        path = self.folder / "judged.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def run(self, faults: Iterable[Mapping[str, Any]] = (), sequence: Mapping[str, Any] = SEQUENCE) -> RunResult:
        """Run a sequence in virtual time."""
        asked = Request(
            dict(sequence),
            observatory=self.observatory,
            home=self.folder / "home",
            frames=self.folder / "frames",
            speed="max",
            faults=tuple(Fault(**fault) for fault in faults),
        )
        return asyncio.run(perform(asked, listeners=(self.events.append,), guarded=False))

    def resume(self, run: str) -> RunResult:
        """Resume a run, with everything repaired."""
        asked = ResumeRequest(run, observatory=self.observatory, home=self.folder / "home", speed="max")
        return asyncio.run(resume(asked, guarded=False))


MakeSite = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    """Make an observatory with this policy."""
    return lambda **quality: Site(tmp_path, quality)


def dead(lamp: str, nth: int = 1, times: int | None = 1) -> Mapping[str, Any]:
    """Return a lamp that is on and does not shine, from its nth lit exposure on."""
    return {"device": f"light.{lamp}", "verb": "shine", "what": "dead", "nth": nth, "times": times}


@pytest.mark.parametrize("nth", [1, 2])
def test_a_frame_without_light_is_taken_again(site: MakeSite, nth: int) -> None:
    """It lies in `bad`, marked, the next one is good, and nothing else is taken twice. The lamp was struck anew."""
    place = site()
    result = place.run([dead("Neon", nth)])
    assert (result.outcome, len(result.frames), len(result.bad)) == ("done", 4, 1)
    [bad] = result.bad
    assert bad.frame == f"Neon-10s-{nth:03d}"
    [file] = bad.files
    assert file.path.parent.name == "bad"
    header = fits.getheader(file.path)
    assert (header["QUALITY"], header["LIGHTQC"]) == ("BAD", "BAD")
    assert "Neon is on and does not shine" in header["QCWHY"]
    good = fits.getheader(result.frames[1].files[0].path)
    assert good["LIGHTQC"] == "GOOD"
    assert (header["QCREFS"], header["QCSAT"], header["QCAMOUNT"]) == (0, 0, "")
    assert good["QCPEAK"] - 50 > header["QCPEAK"] > header["QCLEVEL"] == pytest.approx(1000, abs=5)
    assert header["QCNOISE"] == pytest.approx(3.3, abs=0.7)
    assert [event["frame"] for event in place.events if event["event"] == "frame.retaken"] == [bad.frame]
    manifest = json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))
    entry = next(entry for entry in manifest["frames"] if entry["verdict"] == "bad")
    assert [finding["rule"] for finding in entry["light"]["findings"]] == ["no_light"]
    journal = default_url(place.folder / "home")
    [row] = rows_of(journal, tables.frames, verdict="bad")
    assert json.loads(row["light"])["quality"] == "bad"
    assert {row["outcome"] for row in rows_of(journal, tables.states, kind="restore")} == {"done"}


def test_a_dead_lamp_ends_the_run_with_its_name(site: MakeSite) -> None:
    """After two frames it is a fault that a resume can go on from, once the lamp is repaired."""
    place = site()
    result = place.run([dead("Argon", times=None)])
    assert result.outcome == "faulted"
    assert "Argon is on and does not shine" in (result.reason or "")
    assert [bad.frame for bad in result.bad] == ["Argon-10s-001"] * 2
    assert set(result.lamps.values()) == {"off"}
    resumed = place.resume(result.run)
    assert (resumed.outcome, len(resumed.frames)) == ("done", 4)


def test_with_watch_nothing_is_taken_again(site: MakeSite) -> None:
    """The frame stays good, with a remark in the journal."""
    place = site(mode="watch")
    result = place.run([dead("Neon")])
    assert (result.outcome, len(result.bad)) == ("done", 0)
    assert "does not shine" in (result.frames[1].reason or "")


def test_a_stale_buffer_and_half_a_readout_are_found(site: MakeSite) -> None:
    """The camera's faults are found without any reference."""
    faults = [
        {"device": "light", "verb": "read", "what": "stale", "nth": 2},
        {"device": "light", "verb": "read", "what": "half", "nth": 4},
    ]
    result = site().run(faults)
    assert (result.outcome, len(result.frames), len(result.bad)) == ("done", 4, 2)
    assert "buffer" in (result.bad[0].reason or "")
    assert "rows" in (result.bad[1].reason or "")


def test_a_resume_judges_what_it_adopts(site: MakeSite) -> None:
    """A frame that came home and was not recorded is put aside where it has no light, and taken again."""
    place = site(mode="off")
    result = place.run([dead("Neon")])
    assert (result.outcome, len(result.bad)) == ("done", 0)
    with closing(sqlite3.connect(place.folder / "home" / "journal.sqlite")) as journal, journal:  # noqa: TID251 - as if it had been killed
        journal.execute("DELETE FROM frames WHERE frame LIKE 'Neon%'")
        journal.execute("UPDATE runs SET outcome = NULL")
    journal.close()
    place.quality = {}
    resumed = place.resume(result.run)
    assert (resumed.outcome, len(resumed.frames)) == ("done", 4)
    [aside] = (result.folder / "aside").glob("*.fits")
    assert "Neon-10s-001" in aside.name
    adopted = next(frame for frame in resumed.frames if frame.frame == "Neon-10s-002")
    assert adopted.light is not None
    assert adopted.light.quality == "good"


def test_an_open_shutter_spoils_a_bias(site: MakeSite) -> None:
    """Light in a bias is found as soon as there are three others."""
    sequence = {"biases": {"count": 5}}
    fault = {"device": "light", "verb": "shutter", "what": "open", "nth": 4}
    result = site().run([fault], sequence)
    assert (result.outcome, [bad.frame for bad in result.bad]) == ("done", ["bias-004"])


def test_a_judge_that_fails_costs_no_frame(site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks while light is judged is a remark on a good frame."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no memory for a map")

    monkeypatch.setattr("safelight.engine.light.frame_judge.measure", broken)
    result = site().run([], {"biases": {"count": 1}})
    assert (result.outcome, len(result.frames)) == ("done", 1)
    assert "not judged: " in (result.frames[0].reason or "")
    assert "no memory for a map" in (result.frames[0].reason or "")
