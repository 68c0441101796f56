"""Random kills: no lamp is on for longer than a moment, and no frame is lost or doubled, whenever the blow falls."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.matrix.campaign import median_dark_s, wage

Record = Callable[[str, object], None]

HARD_S = {signal.SIGKILL: 1.0, signal.SIGTERM: 2.0, signal.SIGINT: 2.0, signal.SIGHUP: 2.0, signal.SIGSTOP: 3.0}
"""A lamp that burns for longer than that after the blow breaks the promise, s on the wall, busy machines included."""


def fight(number: int, seed: int, folder: Path, observatory: Path) -> float:
    """Wage a campaign and demand the promise of every blow. Return the median after a SIGKILL."""
    results = wage(number, seed, folder, observatory)
    assert [one for one in results if one.problem] == []
    assert [one for one in results if one.dark_s > HARD_S[one.blow.signal]] == []
    assert len(results) == number
    return median_dark_s(results)


def test_a_small_campaign(tmp_path: Path, observatory: Path, record_property: Record) -> None:
    """25 random blows: lamps off in time, every frame once."""
    record_property("median_dark_s", fight(25, 20261123, tmp_path, observatory))


@pytest.mark.soak
def test_a_large_campaign(tmp_path: Path, observatory: Path, record_property: Record) -> None:
    """1,000 random blows: lamps off in time, every frame once. The median after a SIGKILL is under 250 ms."""
    dark_s = fight(1000, 3, tmp_path, observatory)
    record_property("median_dark_s", dark_s)
    print(f"median after SIGKILL: {dark_s * 1000:.0f} ms")  # noqa: T201
    assert dark_s < 0.25
