"""Numbers of exposures, and what is known of the last one, for cameras that count nothing themselves.

The book is a file that outlives the process. No two exposures share a number, and another process can tell whether the
image that a camera holds is ours.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from safelight.devices.errors import DeviceFailed
from safelight.files import read_regular, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from safelight.devices.protocols import ExposureOrder

__all__ = ["BookedExposure", "ExposureBook"]


@dataclass(frozen=True, slots=True)
class BookedExposure:
    """One exposure of ours.

    Attributes:
        number: from 1.
        flavour: as ordered.
        exposure_s: as ordered, s.
        name: as ordered.
        ordered_utc: when it was ordered, seconds of UTC.
        state: `begun` until every camera has ended, then `held` until it is read out or thrown away.
        marks: camera -> how the camera itself names the exposure (its start, by its own clock).
        cameras: those that take part; empty: all.
        camera_s: camera -> its own integration time, s.
    """

    number: int
    flavour: str
    exposure_s: float
    name: str
    ordered_utc: float
    state: Literal["begun", "held", "done"]
    marks: Mapping[str, str]
    cameras: Sequence[str] = ()
    camera_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def opens_shutter(self) -> bool:
        """Whether light is let in."""
        return self.flavour not in {"bias", "dark"}

    def takes(self, cameras: Sequence[str]) -> tuple[str, ...]:
        """Return those of the cameras that take part."""
        return tuple(camera for camera in cameras if not self.cameras or camera in self.cameras)

    def seconds_of(self, camera: str) -> float:
        """Return the integration time of a camera, s."""
        return self.camera_s.get(camera, self.exposure_s)


class ExposureBook:
    """The book of one observatory's cameras.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def last(self) -> BookedExposure | None:
        """Return the last exposure of ours, or None before the first.

        Raises:
            DeviceFailed: the book can't be read.
        """
        try:
            return BookedExposure(**json.loads(read_regular(self._path)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            words = f"{self._path} can't be read: {error}; put it right, or move it away if its numbers may begin anew"
            raise _refused(words) from error

    def begin(self, order: ExposureOrder, now_utc: float) -> BookedExposure:
        """Enter a new exposure under the next number. It is on the disk when this returns.

        Raises:
            DeviceFailed: the book can't be read or written.
        """
        with self._locked():
            last = self.last()
            number = 1 if last is None else last.number + 1
            ordered = (number, order.flavour, order.exposure_s, order.name, now_utc)
            booked = BookedExposure(*ordered, "begun", {}, order.cameras, dict(order.camera_s))
            self._write(booked)
            return booked

    def hold(self, number: int, marks: Mapping[str, str]) -> None:
        """Note that every camera holds an exposure, and how the cameras name it."""
        self._change(number, "held", marks)

    def end(self, number: int) -> None:
        """Note that an exposure was read out or thrown away."""
        self._change(number, "done", None)

    def _change(self, number: int, state: Literal["held", "done"], marks: Mapping[str, str] | None) -> None:
        with self._locked():
            last = self.last()
            # Another process may have begun its own meanwhile.
            if last is not None and last.number == number:
                self._write(replace(last, state=state, marks=last.marks if marks is None else dict(marks)))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _refused(f"{self._path} can't be locked: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, booked: BookedExposure) -> None:
        try:
            write_atomically(self._path, json.dumps(asdict(booked)).encode(), durable=True)
        except OSError as error:
            raise _refused(f"{self._path} can't be written: {error}") from error


def _refused(words: str) -> DeviceFailed:
    return DeviceFailed(words, device="spectrographs", verb="expose")
