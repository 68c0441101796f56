"""Plans to be drawn, and pictures read as XML."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from safelight.engine import Plan, Request, plan_of

SVG = "{http://www.w3.org/2000/svg}"
Planner = Callable[[str], Plan]

MANY: Mapping[str, Any] = {
    "name": "many",
    "biases": {"count": 320},
    "darks": {"count": 20, "exposure_time": 60},
    "lamps": {
        "LDLS": {"warmup": 300, "exposure_time": [10], "count": 80, "flavour": "flat"},
        "Argon": {"warmup": 120, "exposure_time": [5], "count": 80, "flavour": "arc"},
    },
}


class Read:
    """A picture, taken apart."""

    def __init__(self, svg: str) -> None:
        self.svg = svg
        self.root = ET.fromstring(svg)  # noqa: S314 - our own
        self.words = [node.text or "" for node in self.root.iter(f"{SVG}text")]
        self.titles = [(node.text or "").split(" ")[0] for node in self.root.iter(f"{SVG}title")]
        self.boxes = list(self.root.iter(f"{SVG}rect"))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, px."""
        return float(self.root.get("width", "")), float(self.root.get("height", ""))

    def looks(self, look: str) -> int:
        """Return how many rectangles have this look."""
        return sum(look in (box.get("class") or "").split() for box in self.boxes)

    def all_words(self) -> str:
        """Everything that stands on it."""
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="session")
def plan() -> Planner:
    """Return the plan of a sequence of the library, or of 500 frames."""
    return cache(lambda name: plan_of(Request(MANY if name == "many" else name)))


@pytest.fixture(scope="session")
def read() -> Callable[[str], Read]:
    """Takes a picture apart. One that is no XML fails."""
    return Read
