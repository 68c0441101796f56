"""readout: bring the waiting charge onto the disk, whole, with its header, and prove that it is there."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from safelight.states.errors import StateError
from safelight.states.exposure import Exposure, FrameFile, TakenFrame
from safelight.states.header import header_of
from safelight.states.instrument import Instrument

__all__ = ["Readout", "fingerprint", "keep_aside"]

_LOOK_EVERY_S = 1.0
"""How often a read-out that outlived its deadline is looked at, s."""


def fingerprint(path: Path) -> FrameFile:
    """Read a file back from the disk.

    Raises:
        StateError: if it is missing, or no whole FITS file (blocks of 2,880 bytes; FITS standard 4.0, section 3.1).
    """
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                if not size and not block.startswith(b"SIMPLE  ="):
                    raise StateError(f"{path} is no FITS file")
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise StateError(f"{path} can't be read back: {error.strerror}") from None
    if not size or size % 2880:
        raise StateError(f"{path} is cut short: {size} bytes is no multiple of 2,880")
    return FrameFile(path=path, bytes=size, sha256=digest.hexdigest())


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
