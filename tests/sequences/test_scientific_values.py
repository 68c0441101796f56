"""Dicts from Python with values of numpy and astropy, as scientists write them."""

import json
import subprocess
import sys
from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.time import TimeDelta

from safelight.sequences import SequenceError, Site, load, load_text

PLAIN = {
    "name": "plain",
    "biases": {"count": 3},
    "darks": {"count": 2, "exposure_time": [90.0, 900.0]},
    "lamps": {"Quartz": {"warmup": 120.0, "exposure_time": [50.5, 51.0], "fibsel": True}},
    "header": {"SLITW": 1.5, "PROGRAM": "arcs"},
}


def scientific() -> dict[str, Any]:
    """Return the same document as `PLAIN`, written with numpy and astropy."""
    return {
        "name": np.str_("plain"),
        "biases": {"count": np.int64(3)},
        np.str_("darks"): {"count": np.uint8(2), "exposure_time": np.array([1.5, 15.0]) * u.min},
        "lamps": {"Quartz": {"warmup": 2 * u.min, "exposure_time": np.array([50.5, 51]), "fibsel": np.bool_(True)}},
        "header": {"SLITW": np.float32(1.5), "PROGRAM": "arcs"},
    }


def test_it_is_the_same_document(site: Site) -> None:
    """Spec and hash are those of plain values, and the text that a journal keeps gives the same again."""
    document = load(scientific(), site)
    assert document.spec == load(PLAIN, site).spec
    assert document.hash == load(PLAIN, site).hash
    assert json.loads(document.text)["darks"]["exposure_time"] == [90.0, 900.0]
    assert load_text(document.text, site).hash == document.hash


def test_durations_of_astropy(site: Site) -> None:
    """A time difference and an array without dimensions count as well."""
    found = load({"darks": {"count": np.array(1), "exposure_time": TimeDelta(0.5 * u.hour)}}, site)
    assert found.spec.darks is not None
    assert found.spec.darks.exposure_time == (1800.0,)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3 * u.m, "expected a quantity of time"),
        (u.Quantity(3), "expected a quantity of time"),
        (np.array(["a"]), "exposure_time"),
        (np.array([1.0, np.nan]), "exposure_time"),
        (np.array([[1.0], [2.0]]), "exposure_time"),
        (np.datetime64("2026-11-28"), "exposure_time"),
        (np.float64("inf"), "exposure_time"),
        (np.zeros(200_000), "too large"),
    ],
)
def test_other_values_are_refused(site: Site, value: object, words: str) -> None:
    """The problem names the key. Nothing is guessed."""
    with pytest.raises(SequenceError, match=words):
        load({"darks": {"exposure_time": value}}, site)


def test_neither_library_is_imported_for_it() -> None:
    """A dict of plain values, and one with foreign objects, load without numpy and astropy."""
    code = (
        "import sys\n"
        "from safelight.sequences import Site, SequenceError, load\n"
        "load({'biases': {'count': 1}}, Site(lamps=()))\n"
        "try: load({'biases': {'count': object()}}, Site(lamps=()))\n"
        "except SequenceError: pass\n"
        "assert not {'numpy', 'astropy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
