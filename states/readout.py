"""readout: write the waiting charge to disk with its header, and read the whole file back."""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from safelight.devices.files.cards import GZIP, text_cards
from safelight.devices.files.light_cards import MEASURED_CARDS, QUALITY_CARD, fill_cards
from safelight.states.errors import StateError
from safelight.states.exposure import Exposure, FrameFile, Look, SeenLight, Taken, TakenFrame
from safelight.states.header import header_of
from safelight.states.instrument import Instrument
from safelight.states.shutters import release

__all__ = ["Readout", "fingerprint", "keep_aside"]

_LOOK_EVERY_S = 1.0
"""Interval at which a readout that outlived its deadline is checked, s."""


def fingerprint(path: Path) -> FrameFile:
    """Read a whole file back from the disk.

    Args:
        path: a FITS file, plain or gzipped. Bytes and sha256 are those of the file on disk.

    Raises:
        StateError: if it is missing, or not a whole FITS file (blocks of 2,880 bytes; FITS standard 4.0, section 3.1).
    """
    digest = hashlib.sha256()
    content = _Content(path)
    size = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
                content.read(block)
    except OSError as error:
        raise StateError(f"{path} can't be read back: {error.strerror}") from None
    content.end()
    return FrameFile(path=path, bytes=size, sha256=digest.hexdigest())


class _Content:
    """Check of a file's content, unpacked where it is gzipped: FITS at its beginning, and whole blocks to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._unpack: zlib._Decompress | None = None

    def read(self, block: bytes) -> None:
        """Take the next bytes of the file."""
        if not self._size and self._unpack is None and block.startswith(GZIP):
            self._unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain = block if self._unpack is None else self._unpack.decompress(block)
        except zlib.error as error:
            raise StateError(f"{self._path} can't be unpacked: {error}") from None
        if not self._size and plain and not plain.startswith(b"SIMPLE  ="):
            raise StateError(f"{self._path} is not a FITS file")
        self._size += len(plain)

    def end(self) -> None:
        """Check that the file is complete."""
        if not self._size or self._size % 2880 or (self._unpack is not None and not self._unpack.eof):
            raise StateError(f"{self._path} is truncated: {self._size} bytes is not a multiple of 2880")


async def _bring_home(exposure: Exposure, instrument: Instrument, folder: Path, reason: str | None) -> tuple[Path, ...]:
    """Read out, unless an earlier try has already brought all files."""
    spectrographs = instrument.devices.spectrographs
    number = instrument.taken[exposure.frame].exposure_no
    wanted = exposure.files(spectrographs.cameras)
    if len(spectrographs.files_of(number, folder)) < wanted:
        await instrument.clock.in_thread(partial(folder.mkdir, parents=True, exist_ok=True))
        await spectrographs.read_out(header_of(exposure, instrument, reason), folder)
    files = spectrographs.files_of(number, folder)
    if len(files) < wanted:
        missing = wanted - len(files)
        raise StateError(f"after the readout of {exposure.frame}, {missing} of its files are not in {folder}")
    instrument.ours.discard(number)
    return files


def _fingerprints(files: tuple[Path, ...]) -> tuple[FrameFile, ...]:
    return tuple(fingerprint(path) for path in files)


def _judged(
    exposure: Exposure, taken: Taken, files: tuple[Path, ...], look: Look | None
) -> tuple[tuple[FrameFile, ...], SeenLight | None]:
    """Judge the light, write the findings into the headers, read every file back, and move a bad frame aside.

    In this order, so that a bad frame is marked before it is moved: a resume adopts no file that is marked bad.
    """
    seen = None if look is None else look(exposure, taken.exposure_no, files)
    if seen is not None:
        for path, measured in zip(files, _measured(seen, len(files)), strict=True):
            fill_cards(path, {**_cards(seen), **measured})
    found = _fingerprints(files)
    if seen is None or seen.keeps:
        return found, seen
    folder = files[0].parent / ("trials" if seen.verdict == "trial" else "bad")
    folder.mkdir(exist_ok=True)
    return tuple(replace(file, path=file.path.rename(folder / file.path.name)) for file in found), seen


def _measured(seen: SeenLight, count: int) -> list[dict[str, float]]:
    """Return the numbers of each file's own image, or none where files have several images."""
    images = list(seen.detail.get("images", {}).values())
    if len(images) != count:
        return [{}] * count
    return [{card: image[name] for card, name in MEASURED_CARDS.items() if name in image} for image in images]


def _cards(seen: SeenLight) -> dict[str, str]:
    cards = {QUALITY_CARD: seen.quality.upper(), "QCWHY": seen.words}
    return cards if seen.keeps else {"QUALITY": "BAD", **cards}


def _contradiction(taken: Taken, instrument: Instrument, files: Iterable[FrameFile]) -> str | None:
    """Return, in words, where a header disagrees with the read-back state of a lamp.

    The frame is good. The words are a warning to its reader.
    """
    lamps = {instrument.keywords[lamp]: state.upper() for lamp, state in taken.lamps}
    for file in files:
        for keyword, said in text_cards(file.path, lamps).items():
            if said != lamps[keyword]:
                return f"{file.path.name} says {keyword} = {said}, and the lamp was read back as {lamps[keyword]}"
    return None


async def keep_aside(exposure: Exposure, instrument: Instrument) -> TakenFrame:
    """Read a bad frame out into the folder `bad`, with BAD and its reason in the header."""
    taken = instrument.taken[exposure.frame]
    reason = instrument.faults.get(exposure.frame, "not as declared")
    paths = await _bring_home(exposure, instrument, instrument.folder / "bad", reason)
    files = await instrument.clock.in_thread(partial(_fingerprints, paths))
    return TakenFrame(
        frame=exposure.frame,
        attempt=taken.attempt,
        exposure_no=taken.exposure_no,
        files=files,
        verdict="bad",
        reason=reason,
    )


@dataclass(frozen=True, slots=True)
class Readout:
    """Read one frame out."""

    kind: ClassVar[str] = "readout"
    exposure: Exposure

    async def act(self, instrument: Instrument) -> TakenFrame:
        """Read out, look at the light, and read every file back from the disk.

        Returns:
            The frame; a bad one, moved aside, where its light was not as it should be.

        Raises:
            StateError: if a file is missing or cut short.
        """
        taken = instrument.taken[self.exposure.frame]
        paths = await _bring_home(self.exposure, instrument, instrument.folder, None)
        judging = partial(_judged, self.exposure, taken, paths, instrument.look)
        files, seen = await instrument.clock.in_thread(judging)
        frame = TakenFrame(self.exposure.frame, taken.attempt, taken.exposure_no, files, light=seen)
        if seen is not None and not seen.keeps:
            return replace(frame, verdict=seen.verdict, reason=seen.fault or seen.words)
        reason = await instrument.clock.in_thread(partial(_contradiction, taken, instrument, files))
        unsteady = (instrument.unsteady.get(lamp, "") for lamp in self.exposure.need.lamps)
        said = dict.fromkeys([reason or (seen.words if seen is not None else ""), *unsteady])
        return replace(frame, reason="; ".join(filter(None, said)) or None)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Keep the charge for another try, once the running readout has ended. On the way out, throw it away."""
        spectrographs = instrument.devices.spectrographs
        if not again:
            await release(instrument)
            return
        # A time limit does not stop a readout: it may still end well.
        while any(seen.activity == "reading" for seen in (await spectrographs.status()).values()):
            await instrument.clock.sleep(_LOOK_EVERY_S)
