"""Parts of every draft of an observatory document: text, with a question where nothing can be known."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from safelight.devices.files.cards import lamp_keyword, level_keyword, warm_keyword

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CAMERA_TIMES",
    "NO_CAMERA",
    "NewLamps",
    "NewNames",
    "as_yaml",
    "document",
    "in_comment",
    "lamp_times",
]

_LONGEST_NAME = 40

CAMERA_TIMES = """\
  readout_s: 10.0  # TODO from the end of the exposure until the image is here: measure it
  lead_s: 0.2
  tail_s: 0.5
  abort_s: 2.0
  reset_s: 2.0
  status_s: 0.2
"""

NO_CAMERA = """\
spectrographs:
  driver: simulated  # TODO the server has no camera: which driver has it?
  units: [spectrograph]
  cameras: [ccd]
  readout_s: 10.0
  lead_s: 0.2
  tail_s: 0.5
  abort_s: 2.0
  reset_s: 2.0
  status_s: 0.2
  options: {image: [128, 208], overscan_columns: 16, bias_adu: 1000.0, read_noise_adu: 3.0, dark_adu_per_s: 0.2,
            lamp_adu_per_s: 40.0}
"""

_POLICY = """\
deadlines:
  kinds:
    lamp-off: {{factor: 1.0, margin_s: {margin_s}}}
    safing: {{factor: 1.0, margin_s: {margin_s}}}

retries:
  kinds:
    lamp-off: {{attempts: 6, first_wait_s: 0.25, factor: 2.0, longest_wait_s: 2.0}}
    safing: {{attempts: 6, first_wait_s: 0.25, factor: 2.0, longest_wait_s: 2.0}}
"""


_HEAD = """\
# Draft, made from what the {server} has. {done}
#
# Each TODO is a question that the server can't answer. When all are answered:
#
#     safelight check --observatory {file}             is the document right?
#     safelight check --observatory {file} --live      connect, read everything back, move nothing
name: {name}
description: devices of the {server}
"""


def lamp_times(on_s: float = 0.3, off_s: float = 0.3, all_off_s: float = 0.5) -> str:
    """Return how long lamps take to answer, s."""
    return f"""\
  on_s: {on_s}      # TODO from the command until the answer: measure it
  off_s: {off_s}
  all_off_s: {all_off_s}
  status_s: 0.3
"""


def document(server: str, done: str, name: str, file: str, sections: Iterable[str], *, margin_s: float = 5.5) -> str:
    """Return a draft: its head, the sections, and the policy.

    Args:
        server: what it is called, and its address.
        done: what was done to it.
        name: of the observatory.
        file: where the draft is written; without it, a file of that name.
        sections: lamps, spectrographs, and comments.
        margin_s: how much longer than expected an off may take, s: longer than one request.
    """
    policy = _POLICY.format(margin_s=margin_s)
    head = _HEAD.format(server=server, done=done, name=name, file=file or f"{name}.yaml")
    return "\n".join(part if part.endswith("\n") else part + "\n" for part in (head, *sections, policy))


class NewNames:
    """Names that a document can have, each once, without regard to case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, text: str) -> str:
        """Return the nearest name to what a server calls something."""
        plain = re.sub(r"[^A-Za-z0-9_+-]+", "_", text).strip("_+-")[: _LONGEST_NAME - 3] or "unnamed"
        name, number = plain, 2
        while name.casefold() in self._taken:
            name, number = f"{plain}_{number}", number + 1
        self._taken.add(name.casefold())
        return name


class NewLamps(NewNames):
    """Lamps that a document can have: names, and FITS keywords, each once."""

    def __init__(self) -> None:
        super().__init__()
        self._keywords: set[str] = set()

    def unit(self, lamp: str, flavour: str) -> str:
        """Return the first entry of a lamp, with a keyword of its own where that of its name is taken."""
        keyword, number = lamp_keyword(lamp), 1
        while not self._keywords.isdisjoint(_cards(keyword)):
            keyword, number = f"LAMP{number}", number + 1
        self._keywords |= _cards(keyword)
        own = "" if keyword == lamp_keyword(lamp) else f", keyword: {keyword}"
        return f"{{warmup_s: 60.0, flavour: {flavour}, longest_on_s: 3600.0{own}}}"


def _cards(keyword: str) -> set[str]:
    return {keyword, warm_keyword(keyword), level_keyword(keyword)}


def in_comment(text: str, longest: int = 60) -> str:
    """Return a server's words as part of a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:longest]


def as_yaml(words: object) -> str:
    """Return a server's words as YAML, verbatim."""
    return json.dumps(words, ensure_ascii=True)
