"""readout: bring the waiting charge onto the disk, whole, with its header, and prove that it is there."""

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from safelight.states.cards import texts_in
from safelight.states.errors import StateError
from safelight.states.exposure import Exposure, FrameFile, Taken, TakenFrame
from safelight.states.header import header_of
from safelight.states.instrument import Instrument

__all__ = ["Readout", "fingerprint", "keep_aside"]

_GZIP = b"\x1f\x8b"
_LOOK_EVERY_S = 1.0
"""How often a read-out that outlived its deadline is looked at, s."""


def fingerprint(path: Path) -> FrameFile:
    """Read a file back from the disk, to its end.

    Args:
        path: a FITS file, plain or gzipped; bytes and sha256 are those of the file as it lies there.

    Raises:
        StateError: if it is missing, or no whole FITS file (blocks of 2,880 bytes; FITS standard 4.0, section 3.1).
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
    """What a file holds, unpacked where it is gzipped: does it begin as FITS does, and end where a block ends?"""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._unpack: zlib._Decompress | None = None

    def read(self, block: bytes) -> None:
        """The next bytes of the file."""
        if not self._size and self._unpack is None and block.startswith(_GZIP):
            self._unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain = block if self._unpack is None else self._unpack.decompress(block)
        except zlib.error as error:
            raise StateError(f"{self._path} can't be unpacked: {error}") from None
        if not self._size and plain and not plain.startswith(b"SIMPLE  ="):
            raise StateError(f"{self._path} is no FITS file")
        self._size += len(plain)

    def end(self) -> None:
        """The file has ended."""
        if not self._size or self._size % 2880 or (self._unpack is not None and not self._unpack.eof):
            raise StateError(f"{self._path} is cut short: {self._size} bytes is no multiple of 2,880")


async def _bring_home(
    exposure: Exposure, instrument: Instrument, folder: Path, reason: str | None
) -> tuple[FrameFile, ...]:
    """Read out, unless an earlier try has brought all files already; then read every file back."""
    spectrographs = instrument.devices.spectrographs
    number = instrument.taken[exposure.frame].exposure_no
    if len(spectrographs.files_of(number, folder)) < len(spectrographs.cameras):
        await instrument.clock.in_thread(partial(folder.mkdir, parents=True, exist_ok=True))
        await spectrographs.read_out(header_of(exposure, instrument, reason), folder)
    files = spectrographs.files_of(number, folder)
    if len(files) < len(spectrographs.cameras):
        missing = len(spectrographs.cameras) - len(files)
        raise StateError(f"after the read-out of {exposure.frame}, {missing} of its files are not in {folder}")
    return tuple(await instrument.clock.in_thread(partial(_fingerprints, files)))


def _fingerprints(files: tuple[Path, ...]) -> list[FrameFile]:
    return [fingerprint(path) for path in files]


def _contradiction(taken: Taken, instrument: Instrument, files: Iterable[FrameFile]) -> str | None:
    """Where a header says something else of a lamp than was read back: the frame is good, and its reader is warned."""
    lamps = {instrument.keywords[lamp]: state.upper() for lamp, state in taken.lamps}
    for file in files:
        for keyword, said in texts_in(file.path, lamps).items():
            if said != lamps[keyword]:
                return f"{file.path.name} says {keyword} = {said}, and the lamp was read back as {lamps[keyword]}"
    return None


async def keep_aside(exposure: Exposure, instrument: Instrument) -> TakenFrame:
    """Read a bad frame out into the folder `bad`, with its reason in the header and BAD in its place."""
    taken = instrument.taken[exposure.frame]
    reason = instrument.faults.get(exposure.frame, "not as declared")
    files = await _bring_home(exposure, instrument, instrument.folder / "bad", reason)
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
        """Read out and read every file back from the disk.

        Raises:
            StateError: if a file is missing or cut short.
        """
        taken = instrument.taken[self.exposure.frame]
        files = await _bring_home(self.exposure, instrument, instrument.folder, None)
        return TakenFrame(
            frame=self.exposure.frame,
            attempt=taken.attempt,
            exposure_no=taken.exposure_no,
            files=files,
            reason=await instrument.clock.in_thread(partial(_contradiction, taken, instrument, files)),
        )

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Keep the charge for another try, once nothing reads any more; on the way out, throw it away."""
        spectrographs = instrument.devices.spectrographs
        if not again:
            await spectrographs.abort()
            return
        # A time limit does not stop a read-out: it may still come to its end.
        while any(seen.activity == "reading" for seen in (await spectrographs.status()).values()):
            await instrument.clock.sleep(_LOOK_EVERY_S)
