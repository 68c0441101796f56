"""Taking over an exposure that outlived its runner, and reading cards back."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import SpectrographStatus
from safelight.devices.files.cards import text_cards
from safelight.states import Adopt, Exposure, Instrument, Need, Readout, StateError

Do = Callable[..., Any]

ARC = Exposure("Neon-5s-001", "arc", 5.0, Need(("Neon",), (30.0,)), "Neon")
WORK = Adopt(ARC, exposure_no=8, attempt=2, started="2026-01-02T03:04:05+00:00", lamps=(("Neon", "on"),))


class Spectrographs:
    """Spectrographs that do one thing after the other. `files` are there once nothing is read any more."""

    def __init__(self, *activities: str, files: int = 0, number: int = 8, shutter: str = "closed") -> None:
        self._activities = list(activities)
        self._files = files
        self._status = (number, shutter)
        self.cameras = ("b1", "r1")

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Return the next of them, the last for ever."""
        number, shutter = self._status
        now = self._activities.pop(0) if len(self._activities) > 1 else self._activities[0]
        return {"sp1": SpectrographStatus(now, shutter, number)}  # type: ignore[arg-type]

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """Those of that number."""
        there = self._files if self._activities[0] != "reading" and exposure_no == 8 else 0
        return tuple(folder / f"{camera}.fits" for camera in self.cameras[:there])


def on(instrument: Instrument, spectrographs: Any) -> Instrument:
    """Return the same instrument with other spectrographs."""
    return replace(instrument, devices=replace(instrument.devices, spectrographs=spectrographs))


@pytest.mark.parametrize(
    "spectrographs",
    [
        Spectrographs("holding"),
        Spectrographs("integrating", "integrating", "holding"),
        Spectrographs("reading", "reading", "idle", files=2),
        Spectrographs("idle", files=2),
    ],
    ids=["waits", "integrates", "is read out", "was read out"],
)
def test_it_is_taken_over(instrument: Instrument, do: Do, spectrographs: Any) -> None:
    """It is waited for until its charge waits or its files are there. Then all is known of it that its runner knew."""
    mine = on(instrument, spectrographs)
    do(WORK.act(mine))
    taken = mine.taken[ARC.frame]
    assert (taken.exposure_no, taken.attempt, taken.lamps) == (8, 2, (("Neon", "on"),))


@pytest.mark.parametrize(
    "spectrographs",
    [
        Spectrographs("reading", "idle", files=1),
        Spectrographs("idle"),
        Spectrographs("error"),
        Spectrographs("holding", number=9),
        Spectrographs("holding", shutter="open"),
    ],
    ids=["half of the files", "nothing", "broken", "another one", "open shutter"],
)
def test_it_is_gone(instrument: Instrument, do: Do, spectrographs: Any) -> None:
    """What is not that exposure any more, or not whole, is refused."""
    mine = on(instrument, spectrographs)
    with pytest.raises(StateError, match="should hold exposure 8"):
        do(WORK.act(mine))
    assert ARC.frame not in mine.taken


class Contrary:
    """Spectrographs whose own programs write what they think of a lamp."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Write, with another word for Neon."""
        files: tuple[Path, ...] = await self._inner.read_out({**header, "NEON": "OFF"}, folder)
        return files


def test_a_header_that_contradicts(instrument: Instrument, do: Do) -> None:
    """Where a file says of a lamp what was not read back, the frame is kept, and told to be so."""
    mine = on(instrument, Contrary(instrument.devices.spectrographs))

    async def story() -> Any:
        number = await mine.devices.spectrographs.expose(ARC.order)
        await replace(WORK, exposure_no=number).act(mine)
        return await Readout(ARC).act(mine)

    taken = do(story())
    assert taken.verdict == "good"
    assert taken.reason == f"{taken.files[0].path.name} says NEON = OFF, and the lamp was read back as ON"


@pytest.mark.parametrize("packed", [True, False])
def test_cards(tmp_path: Path, *, packed: bool) -> None:
    """Texts of a header are read without its data, from a plain file and a gzipped one, whatever its name is."""
    plain = tmp_path / "plain.fits"
    header = fits.Header({"ARGON": "ON", "NEON": "OFF", "EXPTIME": 3.0, "EMPTY": "", "NONE": None})
    for number in range(50):
        header[f"FILL{number}"] = number
    header["LATE"] = "yes"
    fits.PrimaryHDU(header=header).writeto(plain)
    path = tmp_path / "frame.fits"
    path.write_bytes(gzip.compress(plain.read_bytes()) if packed else plain.read_bytes())
    wanted = ("ARGON", "NEON", "EXPTIME", "EMPTY", "NONE", "LATE", "XENON")
    assert text_cards(path, wanted) == {"ARGON": "ON", "NEON": "OFF", "EMPTY": "", "LATE": "yes"}
