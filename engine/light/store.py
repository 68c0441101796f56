"""References on the disk: for each kind of frame and each camera, what the last good frames looked like.

They lie in the state folder under `light/OBSERVATORY/KIND/CAMERA.npz`, and can be thrown away: they are learned anew.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from shutil import rmtree
from typing import Any
from zipfile import BadZipFile

import numpy as np

from safelight.engine.light.kinds import LightKind
from safelight.files import write_atomically
from safelight.light import Bias, Reference, Sample, bias_of, reference_of

__all__ = ["Kept", "LightStore"]

_Stamp = tuple[int, int] | None
"""Inode of a file or folder, and when it was last changed; None: there is none."""
_ANCHORS = 5
"""Frames after the last `forget` whose light is what later ones are compared with over months."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What is kept of one kind of frame at one camera.

    Attributes:
        samples: the last good frames, the oldest first.
        numbers: the exposure number of each.
        anchors: the light of the first frames after the last `forget`.
    """

    samples: tuple[Sample, ...] = ()
    numbers: tuple[int, ...] = ()
    anchors: tuple[float, ...] = ()

    @property
    def anchor(self) -> float | None:
        """The usual light after the last `forget`."""
        return float(np.median(self.anchors)) if len(self.anchors) == _ANCHORS else None


@dataclass(slots=True)
class LightStore:
    """The references of one observatory.

    Attributes:
        folder: where they lie.
        count: how many frames make a reference.
    """

    folder: Path
    count: int = 5
    _biases: dict[str, tuple[_Stamp, Bias | None]] = field(default_factory=dict)
    _kinds: tuple[_Stamp, tuple[LightKind, ...]] = (None, ())

    def kept(self, kind: LightKind, camera: str) -> Kept:
        """Read what is kept, or nothing where a file is missing or damaged."""
        try:
            with self._path(kind, camera).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                levels = file["levels"]
                samples = tuple(
                    Sample(
                        file["maps"][n].astype(np.float32) + np.float32(levels[n, 0]),
                        file["profiles"][n].astype(np.float32) + np.float32(levels[n, 0]),
                        None if np.isnan(levels[n, 1]) else float(levels[n, 1]),
                        float(levels[n, 2]),
                    )
                    for n in range(len(levels))
                )
                numbers = tuple(int(number) for number in file["numbers"])
                return Kept(samples, numbers, tuple(float(light) for light in file["anchors"]))
        except (OSError, ValueError, KeyError, IndexError, EOFError, BadZipFile, zlib.error):
            return Kept()

    def bias(self, camera: str) -> Bias | None:
        """Return the reference of a camera's biases. Its file is read again only when it has changed."""
        stamp = _stamp(self._path(LightKind("bias"), camera))
        known = self._biases.get(camera)
        if known is None or known[0] != stamp:
            kept = self.kept(LightKind("bias"), camera)
            known = self._biases[camera] = stamp, bias_of(kept.samples) if kept.samples else None
        return known[1]

    def reference(self, kind: LightKind, camera: str) -> Reference | None:
        """Return the reference of a kind of frame."""
        kept = self.kept(kind, camera)
        return reference_of(kept.samples, kept.anchor) if kept.samples else None

    def alone(self, kind: LightKind, lamp: str, camera: str) -> Reference | None:
        """Return the reference of frames of one lamp alone, its light scaled to the time that `kind` sees it."""
        for other in self.kinds():
            if other.lamps == (lamp,) and other.alone(lamp) == kind.alone(lamp) and not other.swept:
                found = self.reference(other, camera)
                if found is not None:
                    scale = np.float32(kind.lit_s(lamp) / other.lit_s(lamp))
                    return Reference(found.map * scale, found.profile * scale, None, found.noise_adu, found.count)
        return None

    def keep(self, kind: LightKind, camera: str, sample: Sample, number: int, light: float | None) -> None:
        """Add a frame to its kind. One that was added before is replaced."""
        kept = self.kept(kind, camera)
        known = [(s, n) for s, n in zip(kept.samples, kept.numbers, strict=True) if n != number]
        known = [(s, n) for s, n in known if s.map.shape == sample.map.shape][-(self.count - 1) :]
        samples, numbers = zip(*[*known, (sample, number)], strict=True)
        # Before there is a reference to sum up around, the whole map is the light.
        new = number not in kept.numbers and kind.lamps and len(kept.anchors) < _ANCHORS
        anchors = (*kept.anchors, light) if new and light is not None else kept.anchors
        self._write(kind, camera, samples, numbers, anchors)

    def _write(
        self,
        kind: LightKind,
        camera: str,
        samples: Sequence[Sample],
        numbers: Sequence[int],
        anchors: Sequence[float],
    ) -> None:
        grounds = [float(np.median(sample.map)) for sample in samples]
        levels = [
            (ground, np.nan if sample.level_adu is None else sample.level_adu, sample.noise_adu)
            for ground, sample in zip(grounds, samples, strict=True)
        ]
        path = self._path(kind, camera)
        path.parent.mkdir(parents=True, exist_ok=True)
        about = path.parent / "kind.json"
        if not about.exists():
            about.write_text(json.dumps(asdict(kind)) + "\n", encoding="utf-8")
            self._kinds = None, ()
        content = BytesIO()
        np.savez(
            content,
            maps=np.stack([_half(s.map - np.float32(g)) for s, g in zip(samples, grounds, strict=True)]),
            profiles=np.stack([_half(s.profile - np.float32(g)) for s, g in zip(samples, grounds, strict=True)]),
            levels=np.array(levels),
            numbers=np.array(numbers),
            anchors=np.array(anchors, dtype=np.float64),
        )
        write_atomically(path, content.getvalue())

    def last(self, camera: str) -> tuple[int, tuple[int, ...]]:
        """Return number and checksums of a camera's last image, or 0 and none where it is not known."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads((self.folder / "last.json").read_text(encoding="utf-8"))[camera]
            return int(found[0]), tuple(int(crc) for crc in found[1])
        return 0, ()

    def note_last(self, number: int, crcs: dict[str, tuple[int, ...]]) -> None:
        """Remember the checksums of the cameras' last images."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "last.json"
        known: Any = {}
        with suppress(OSError, ValueError):
            known = json.loads(path.read_text(encoding="utf-8"))
        known = known if isinstance(known, dict) else {}
        known |= {camera: [number, list(found)] for camera, found in crcs.items()}
        write_atomically(path, f"{json.dumps(known)}\n".encode())

    def kinds(self) -> Sequence[LightKind]:
        """Return every kind of which something is kept. They are read again when a file of the folder has changed."""
        stamp = _stamp(self.folder)
        if self._kinds[0] is None or self._kinds[0] != stamp:
            self._kinds = stamp, tuple(self._read_kinds())
        return self._kinds[1]

    def _read_kinds(self) -> Iterator[LightKind]:
        for about in sorted(self.folder.glob("*/kind.json")):
            with suppress(OSError, ValueError, TypeError):
                found = json.loads(about.read_text(encoding="utf-8"))
                found |= {name: tuple(found[name]) for name in ("lamps", "swept")}
                found |= {name: tuple(map(tuple, found.get(name, ()))) for name in ("setup", "levels", "timed")}
                yield LightKind(**found)

    def cameras(self, kind: LightKind) -> list[str]:
        """Return the cameras of which something is kept for a kind."""
        return sorted(path.stem for path in (self.folder / kind.folder).glob("*.npz") if not path.name.startswith("."))

    def forget(self, kind: LightKind) -> None:
        """Throw away what is kept of a kind: it is learned anew, its anchor too."""
        rmtree(self.folder / kind.folder, ignore_errors=True)
        self._kinds = None, ()

    def _path(self, kind: LightKind, camera: str) -> Path:
        return self.folder / kind.folder / f"{camera}.npz"


def _half(values: Any) -> Any:
    return np.clip(values, -65_000, 65_000).astype(np.float16)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
