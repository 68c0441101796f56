"""What each second of warm-up was worth, and each night's light, come from frames that differ in nothing else."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

import pytest

from safelight.engine.light.lamp_light import LampLight, lamp_light_in
from safelight.engine.light.warmth import Warmth, warmth_in
from safelight.show.report.light_strip import nights_picture


def row(frame: str, warm_s: Mapping[str, float], adu: float, attempt: int = 1, expose: int = 1) -> Mapping[str, Any]:
    """Return a frame as the journal has it."""
    note = {"attempt": expose, "seen": {"warm_s": list(warm_s.items())}}
    light = {"quality": "good", "words": "", "images": {"b1": {"contrast_adu": adu}, "r1": {"contrast_adu": adu}}}
    return {"frame": frame, "attempt": attempt, "note": json.dumps(note), "light": json.dumps(light)}


def test_frames_of_one_kind_are_compared() -> None:
    """Light is relative to the frames that began last. Other lamps, blocks and tries are left out."""
    rows = [
        *(row("Neon-10s-001", {"Neon": 61.0}, 80), row("Neon-10s-001", {"Neon": 58.0}, 84)),
        *(row("Neon-10s-002", {"Neon": 300.0}, 100), row("Neon-30s-001", {"Neon": 120.0}, 300)),
        *(row("Argon-10s-001", {"Argon": 60.0}, 5), row("Neon+Argon-10s-001", {"Neon": 60.0, "Argon": 60.0}, 5)),
        row("Neon-10s-002", {"Neon": 300.0}, 9, attempt=2),
    ]
    assert warmth_in(rows, "Neon") == [
        Warmth("Neon-10s", 60.0, pytest.approx(0.82), 2),
        Warmth("Neon-10s", 300.0, 1.0, 1),
        Warmth("Neon-30s", 120.0, 1.0, 1),
    ]


def test_nothing_is_said_where_nothing_is_known() -> None:
    """A lamp without judged frames has no table."""
    assert warmth_in([row("Neon-10s-001", {"Neon": 60.0}, 0.0)], "Neon") == []
    assert warmth_in([], "Neon") == []


def test_the_light_of_a_lamp_is_followed_from_night_to_night() -> None:
    """A night ends at noon, its light is relative to the first five frames, and the picture has a point for each."""

    def kept(time: str, frame: str, adu: float, lamps: Mapping[str, float]) -> Mapping[str, Any]:
        return {"observatory": "small", "kept": time, **row(frame, lamps, adu)}

    neon = {"Neon": 60.0}
    rows = [kept(f"2026-03-01T22:0{n}:00+00:00", f"Neon-10s-00{n}", 100.0 + n - 3, neon) for n in range(1, 6)]
    rows += [kept("2026-03-02T04:00:00+00:00", "Neon-10s-006", 90.0, neon)]
    rows += [kept("2026-04-02T04:00:00+00:00", "Neon-10s-001", 50.0, neon)]
    rows += [kept("2026-04-02T04:00:00+00:00", "Neon+Argon-10s-001", 50.0, {**neon, "Argon": 60.0})]
    found = lamp_light_in(rows)
    assert found == [
        LampLight("small", "Neon", "Neon-10s", "2026-03-01", pytest.approx(0.995), 6),
        LampLight("small", "Neon", "Neon-10s", "2026-04-01", 0.5, 1),
    ]
    plain = [{"lamp": each.lamp, "frames": each.frames, "night": each.night, "light": each.light} for each in found]
    picture = ET.fromstring(nights_picture(plain))  # noqa: S314 - our own
    points = list(picture.iter("{http://www.w3.org/2000/svg}circle"))
    assert [float(point.attrib["cx"]) for point in points] == [46.0, 526.0]
    assert float(points[0].attrib["cy"]) < float(points[1].attrib["cy"])
    assert nights_picture([]).endswith("</svg>")
