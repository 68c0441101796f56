"""Names of cameras, from the document or from the number of their spectrograph."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

__all__ = ["camera_names"]


def camera_names(cameras: Sequence[str], own: Mapping[str, tuple[str, ...] | None]) -> dict[str, tuple[str, ...]]:
    """Return the names of each spectrograph's cameras, as in files and headers.

    A spectrograph's own names are kept. Other cameras carry the number at the end of their spectrograph's
    name: `b` at `sp2` is `b2`, and `b` at `echelle` is `b`. Where that gives two cameras one name, those carry
    their spectrograph's whole name, `b_north`. No name depends on how many spectrographs there are before it.

    Args:
        cameras: those of every spectrograph that names none.
        own: spectrograph -> the names that the document gives its cameras, or None.
    """
    names = {unit: named or tuple(f"{camera}{_number(unit)}" for camera in cameras) for unit, named in own.items()}
    uses = Counter(name for each in names.values() for name in each)
    return {
        unit: each
        if own[unit] or all(uses[name] == 1 for name in each)
        else tuple(f"{camera}_{unit}" for camera in cameras)
        for unit, each in names.items()
    }


def _number(unit: str) -> str:
    digits = re.search(r"\d+$", unit)
    return str(int(digits[0])) if digits else ""
