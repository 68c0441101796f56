"""Labels of lamps: what stands for a lamp in ids of frames, in OBJECT, and in names of files."""

from __future__ import annotations

import re

from safelight.devices.files.cards import plain_letters

__all__ = ["LONGEST_LABEL", "plain_label"]

LONGEST_LABEL = 40
"""Longest label, characters. A frame may have several lamps, and a file name at most 255 bytes."""


def plain_label(name: str) -> str:
    """Return the default label of a lamp: its name, with `_` for what is no letter, digit, `_`, `+` or `-`.

    Accents are left out, so that `Néon` becomes `Neon`. A name of such characters alone is its own label. The
    label is empty if nothing is left of the name.
    """
    plain = re.sub(r"[^A-Za-z0-9_+-]+", "_", plain_letters(name))
    if plain == name and name[:1] not in "_+-":
        return name[:LONGEST_LABEL]
    return plain.lstrip("_+-")[:LONGEST_LABEL].rstrip("_+-")
