"""Writing of FITS files. A file that has its final name is whole, and no header value can break it (astropy).

All files of an exposure are written under temporary names, synced, renamed, and the folder synced once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from safelight.devices.files.fits import Card, fits_bytes, safe_cards
from safelight.devices.files.whole_files import write_whole
from safelight.devices.simulated.pixels import image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from safelight.devices.simulated.detector import Charge
    from safelight.devices.simulated.light_faults import LightFaults
    from safelight.devices.simulated.optical_bench import Light, OpticalBench

__all__ = ["Exposed", "write_frames"]


@dataclass(frozen=True, slots=True)
class Exposed:
    """One camera's part of an exposure.

    Attributes:
        charge: the exposure.
        spectrograph: its name.
        camera: as in file names: `b1`.
        place: index of the camera among all cameras, part of the noise's seed.
        band: its index among the cameras of its spectrograph, from blue to red.
        file: the file's name.
    """

    charge: Charge
    spectrograph: str
    camera: str
    place: int
    band: int
    file: str

    @property
    def exposure_s(self) -> float:
        """Integration time of this camera, s."""
        return self.charge.camera_s.get(self.camera, self.charge.exposure_s)

    def path(self, folder: Path) -> Path:
        """Return the path of the file."""
        return folder / self.file


def write_frames(
    bench: OpticalBench, faults: LightFaults, frames: Sequence[Exposed], header: Mapping[str, object], folder: Path
) -> None:
    """Write one file for each camera.

    Raises:
        OSError: the disk is full, or the folder can't be written. No file has its final name then.
    """
    cards = safe_cards(header)
    light: dict[tuple[int, float], Light] = {}
    for frame in frames:
        key = (id(frame.charge), frame.exposure_s)
        if key not in light:
            light[key] = bench.light(frame.charge, frame.exposure_s)
    # All spectrographs see the same lamps: what goes wrong with one exposure is decided once.
    first = frames[0].charge
    struck = faults.strike(next(iter(light.values())), first.exposure_no, first.begins_utc)
    light = {key: struck.changed(each, bench.layout) for key, each in light.items()}

    def content(frame: Exposed) -> bytes:
        seed = (frame.charge.exposure_no, frame.place)
        seen = light[id(frame.charge), frame.exposure_s]
        pixels = image(bench.layout, seen, frame.band, seed)
        pixels = faults.image(struck, frame.camera, pixels)
        return fits_bytes(pixels, [*_facts(frame, seen, shutter=bench.shutter), *cards])

    write_whole({frame.path(folder): partial(content, frame) for frame in frames})


def _facts(frame: Exposed, light: Light, *, shutter: str) -> list[Card]:
    """Return the cards that the detector itself knows. The caller's header doesn't override them."""
    charge = frame.charge
    integrates_s = charge.camera_s.get(frame.camera, charge.ends_utc - charge.begins_utc)
    state = "NONE" if shutter == "none" else "OPEN" if charge.order.opens_shutter else "CLOSED"
    lit_s = 0.0 if state == "CLOSED" else frame.exposure_s
    here_c = light.temperature_c
    cooled: list[Card] = (
        [] if here_c is None else [("CCD-TEMP", round(here_c, 2), "[deg C] temperature of the detector")]
    )
    began = datetime.fromtimestamp(charge.begins_utc, UTC).replace(tzinfo=None)
    return [
        ("SIMULATE", True, "no real device took this frame"),
        ("EXPNO", charge.exposure_no, "exposure number"),
        ("SPEC", frame.spectrograph, "spectrograph"),
        ("CAMERA", frame.camera, "camera"),
        ("DATE-OBS", began.isoformat(timespec="milliseconds"), "start of integration, UTC"),
        ("EXPTIME", frame.exposure_s, "[s] integration time asked for"),
        ("DARKTIME", integrates_s, "[s] integration time"),
        ("SHUTTIME", lit_s, "[s] shutter open"),
        ("SHUTTER", state, "shutter during integration"),
        *cooled,
    ]
