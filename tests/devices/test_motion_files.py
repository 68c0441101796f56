"""The file of moving parts, where a process was killed whose clock was ahead of the next one's."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safelight.devices.simulated.motion import Motion, MotionFile, rests


@dataclass
class SetClock:
    """A clock that is set by hand, seconds of UTC."""

    at: float

    def utc(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.at, UTC)


@dataclass
class SiteAt:
    """What a file of motions needs of a site."""

    clock: SetClock
    home: Path


def moved(file: MotionFile, start: float, origin: float, target: float) -> None:
    """Write a motion of 4 s."""
    file.edit(("mirror",), lambda _name, each: [*each, Motion(start, (origin,), start + 4.0, (target,))])


def test_a_motion_of_the_future_stays_over(tmp_path: Path) -> None:
    """A later process that comes to the time of a motion which was over when it began does not see it again."""
    ahead: Any = SiteAt(SetClock(1000.0), tmp_path)
    moved(MotionFile(ahead, "selectors", ("mirror",)), 1000.0, 0.0, 1.0)
    behind: Any = SiteAt(SetClock(900.0), tmp_path)
    file = MotionFile(behind, "selectors", ("mirror",))
    for now in (950.0, 1100.0):
        behind.clock.at = now
        spans = rests((0.0,), file.motions()["mirror"], lambda place: place == (1.0,), now)
        assert [span for span in spans if span[0] <= 920.0 <= span[1]], now
    moved(file, 1100.0, 1.0, 0.0)
    behind.clock.at = 1200.0
    spans = rests((0.0,), file.motions()["mirror"], lambda place: place == (1.0,), 1200.0)
    assert [end for _, end in spans] == [1100.0]


def test_own_motions_are_seen(tmp_path: Path) -> None:
    """What this process moves itself is a motion in time."""
    site: Any = SiteAt(SetClock(1000.0), tmp_path)
    file = MotionFile(site, "selectors", ("mirror",))
    site.clock.at = 1010.0
    moved(file, 1010.0, 0.0, 1.0)
    site.clock.at = 1050.0
    assert rests((0.0,), file.motions()["mirror"], lambda place: place == (1.0,), 1050.0) == [(1014.0, 1050.0)]
