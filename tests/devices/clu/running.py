"""Runs as processes of their own on the bench, and what must be true of what they leave behind."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from astropy.io import fits

from safelight.engine.guard.status_files import guards
from tests.devices.clu.bench import Bench
from tests.warm_commands import child_of

__all__ = ["LAMPS", "Night", "now"]

LAMPS = {"Argon": "ARGON", "Neon": "NEON", "LDLS": "LDLS", "Quartz": "QUARTZ", "HgNe": "HGNE", "Xenon": "XENON"}
"""Lamp -> its keyword in the actors' headers."""

now = time.monotonic  # noqa: TID251 - real programs take real time


@dataclass
class Night:
    """One run on the bench, and its resumes.

    Attributes:
        folder: for its home and its frames.
        run: its id, once it has told it.
    """

    bench: Bench
    folder: Path
    run: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _process: "subprocess.Popen[str] | None" = None
    _said: dict[Path, int] = field(default_factory=dict)
    _read_before: list[int] = field(default_factory=list)

    # ---- the commands

    def begin(self, sequence: Mapping[str, Any], **options: Any) -> None:
        """Start a run. The options are the observatory's."""
        document, observatory = self.folder / "sequence.yaml", self.folder / "observatory.yaml"
        document.write_text(yaml.safe_dump(dict(sequence), sort_keys=False))
        observatory.write_text(
            yaml.safe_dump(self.bench.observatory(**options).model_dump(mode="json"), sort_keys=False)
        )
        self._start("run", str(document), "--observatory", str(observatory), "--frames", str(self.folder / "frames"))

    def resume(self) -> None:
        """Start to resume it."""
        self._start("resume")

    def end(self, wait_s: float = 300.0) -> int:
        """Its exit code, and what it has told."""
        assert self._process is not None
        out, error = self._process.communicate(timeout=wait_s)
        self.events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        assert self.events, error
        self.run = self.events[-1]["run"]
        return self._process.returncode

    def outcome(self, wait_s: float) -> str:
        """Return how it ended: its outcome, or `refused` where it did not begin."""
        assert self._process is not None
        out, _ = self._process.communicate(timeout=wait_s)
        self.events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return str(self.last.get("outcome", "no outcome")) if self.events else "refused"

    @property
    def running(self) -> bool:
        """Whether the runner is alive."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send the runner a signal."""
        assert self._process is not None
        os.kill(child_of(self._process.pid), number)

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(child_of(self._process.pid), signal.SIGKILL)
        self._process.communicate()

    def sweep_up(self) -> None:
        """End what may still be there: a run after a failed test, guards that look out for late commands."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        for guard in guards(self.folder / "home"):
            with suppress(ProcessLookupError):
                os.kill(guard["pid"], signal.SIGKILL)

    def _start(self, *words: str) -> None:
        self._said = {path: path.stat().st_size for path in self._logs()}
        self._read_before = [archon.frames for archon in self.bench.hardware.archons.values()]
        self._process = subprocess.Popen(
            [self.bench.program, *words, "--home", str(self.folder / "home"), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # ---- what is seen

    @property
    def last(self) -> dict[str, Any]:
        """Last event."""
        return self.events[-1]

    def until_lit(self, *lamps: str, wait_s: float = 200.0) -> None:
        """Wait until these lamps are on at the switch."""
        self.until(lambda: set(lamps) <= self.bench.hardware.switch.lit(), wait_s, running=True)

    def until_dark(self, wait_s: float) -> float:
        """Return how long it takes until no lamp is on at the switch, s."""
        return self.until(lambda: not self.bench.hardware.switch.lit(), wait_s)

    def until_integrating(self, frame: str = "", wait_s: float = 200.0) -> None:
        """Wait until the run's log says that a frame integrates."""
        self.until(lambda: f'"expose/{frame}' in self.log(), wait_s, running=True)

    def until_reading_out(self, frame: str, wait_s: float = 200.0) -> None:
        """Wait until the detectors are being read out for a frame, or have been."""
        self.until(lambda: f'"readout/{frame}' in self.log(), wait_s, running=True)
        self.until(self._being_read, wait_s)

    def _being_read(self) -> bool:
        """Return whether each controller has been told of every readout that this process has begun."""
        said = [json.loads(line) for line in self.log().splitlines(keepends=True) if line.endswith("\n")]
        begun, ended = (
            {event["state"] for event in said if event["event"] == word and event.get("kind") == "readout"}
            for word in ("state.started", "state.ended")
        )
        return begun <= ended or all(
            archon.frames >= before + len(begun)
            for archon, before in zip(self.bench.hardware.archons.values(), self._read_before, strict=True)
        )

    def written(self) -> int:
        """Return how many files the actors have written, for whomever."""
        return len(list(self.bench.data.glob("*/*.fits.gz")))

    def until(self, met: Callable[[], bool], wait_s: float, *, running: bool = False) -> float:
        """Look until it is so, while the run goes on where it has to. Return how long that took, s."""
        began = now()
        while not met():
            assert now() - began < wait_s
            assert not running or (self._process is not None and self._process.poll() is None), self.log()[-2000:]
            time.sleep(0.02)  # noqa: TID251
        return now() - began

    def header(self, frame: str) -> fits.Header:
        """Return the header of a frame's first file."""
        (path,) = self.folder.glob("frames/*/manifest.json")
        entries = json.loads(path.read_text())["frames"]
        (entry,) = (entry for entry in entries if entry["frame"] == frame and entry["verdict"] == "good")
        return fits.getheader(path.parent / entry["files"][0]["path"])

    def log(self) -> str:
        """Return what the log says since the run or its resume began."""
        return "".join(path.read_text()[self._said.get(path, 0) :] for path in self._logs())

    def _logs(self) -> list[Path]:
        return sorted((self.folder / "home" / "logs").glob("*.jsonl"))

    # ---- what must be true at the end

    def assert_whole(self, wanted: Mapping[str, set[str]]) -> None:
        """Demand every frame once: in the manifest, on the disk, whole, with true headers. Lamps are off at the switch.

        Args:
            wanted: frame -> the lamps that were lit for it.
        """
        assert self.bench.hardware.switch.lit() == set()
        (manifest_path,) = self.folder.glob("frames/*/manifest.json")
        manifest = json.loads(manifest_path.read_text())
        good = [frame for frame in manifest["frames"] if frame["verdict"] == "good"]
        assert Counter(frame["frame"] for frame in good) == dict.fromkeys(wanted, 1)
        for frame in good:
            assert frame["reason"] in (None, "found on the disk, whole, at the resume"), frame["reason"]
            cameras = [self._assert_file(manifest_path.parent, frame, entry, wanted) for entry in frame["files"]]
            assert sorted(cameras) == sorted(f"{camera}{number}" for camera in "brz" for number in (1, 2, 3))
        self._assert_none_doubled(manifest["run"], wanted)

    def _assert_file(
        self, folder: Path, frame: Mapping[str, Any], entry: Mapping[str, Any], wanted: Mapping[str, set[str]]
    ) -> str:
        path = folder / entry["path"]
        assert path.is_symlink()
        assert path.resolve().is_relative_to(self.bench.data)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        header = fits.getheader(path)
        assert fits.getdata(path).shape == (32, 32)
        told = {key: header[key] for key in ("FRAMEID", "ATTEMPT", "QUALITY", "IMAGETYP", "EXPTIME", "EXPNO", "RUNID")}
        run = folder.name
        assert told == {
            "FRAMEID": frame["frame"], "ATTEMPT": frame["attempt"], "QUALITY": "GOOD", "IMAGETYP": frame["flavour"],
            "EXPTIME": frame["exposure_s"], "EXPNO": frame["exposure_no"], "RUNID": run,
        }  # fmt: skip
        lit = wanted[frame["frame"]]
        assert {lamp: header[key] for lamp, key in LAMPS.items()} == {
            lamp: "ON" if lamp in lit else "OFF" for lamp in LAMPS
        }
        assert set(header["LAMPS"].split("+")) == (lit or {"none"})
        assert header["HARTMANN"] == "0 0"
        return str(header["CAMERA"])

    def _assert_none_doubled(self, run: str, wanted: Mapping[str, set[str]]) -> None:
        """Not in the actors' own folder either, where pipelines look."""
        found: dict[str, set[int]] = {}
        for path in self.bench.data.glob("*/*.fits*"):
            header = fits.getheader(path)
            if header.get("RUNID") == run and header["QUALITY"] == "GOOD":
                found.setdefault(header["FRAMEID"], set()).add(header["EXPNO"])
        assert {frame: len(numbers) for frame, numbers in found.items()} == dict.fromkeys(wanted, 1)
