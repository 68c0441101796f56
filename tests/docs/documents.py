"""Documents in pages: checked as what they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from safelight.devices import Observatory, load_observatory
from safelight.devices.simulated.faults import load_faults
from safelight.engine.planning.plan import make_plan, site_of
from safelight.sequences import SequenceSpec, load

__all__ = ["check_yaml", "is_sequence", "kind_of"]

_OBSERVATORY = frozenset({"telescopes", "positions", "spectrographs", "fibsel", "deadlines", "retries", "guard"})
_OBSERVATORY_TOO = frozenset(
    {
        *("selectors", "flavours", "policies", "default_position", "park_position", "notify", "sequences", "frames"),
        *("site", "conditions"),
    }
)
_OF_THE_SWITCH = frozenset({"driver", "units", "options", "second_path"})


def kind_of(plain: Any) -> str:
    """Return whether it is a sequence, an observatory, a part of one, or faults."""
    if isinstance(plain, list) or "faults" in plain:
        return "faults"
    lamps = plain.get("lamps", {})
    switch = isinstance(lamps, Mapping) and _OF_THE_SWITCH.intersection(lamps)
    if {"name", "lamps", "spectrographs"} <= plain.keys():
        return "observatory"
    return "part" if switch or (_OBSERVATORY | _OBSERVATORY_TOO).intersection(plain) else "sequence"


def is_sequence(plain: Any) -> bool:
    """Return whether plain values are a sequence, and not an answer of a program."""
    return isinstance(plain, dict) and plain.keys() <= SequenceSpec.model_fields.keys()


def check_yaml(text: str, folder: Path) -> None:
    """Read a block as safelight would.

    Args:
        text: the block.
        folder: where it may be written down.

    Raises:
        SafelightError: it is wrong.
    """
    plain = yaml.safe_load(text)
    path = folder / "block.yaml"
    path.write_text(text, encoding="utf-8")
    kind = kind_of(plain)
    if kind == "faults":
        load_faults(path)
    elif kind == "observatory":
        load_observatory(path)
    elif kind == "part":
        whole = load_observatory("simulated").model_dump(mode="json")
        Observatory.model_validate(_merged(whole, plain))
    else:
        observatory = load_observatory("simulated")
        make_plan(load(path, site_of(observatory)), observatory)


def _merged(whole: Any, part: Any) -> Any:
    """Return a document with a part of it replaced, down to its leaves."""
    if not isinstance(whole, Mapping) or not isinstance(part, Mapping):
        return part
    return {**whole, **{key: _merged(whole.get(key), value) for key, value in part.items()}}
