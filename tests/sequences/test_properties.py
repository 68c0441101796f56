"""What holds for every document."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from safelight.sequences import SequenceError, Site, expand, load, load_text
from safelight.sequences.json_schema import schema
from tests.sequences.strategies import documents, junk

VALIDATOR = Draft202012Validator(schema())
KINDS = {"bias": 0, "dark": 1}


@given(document=documents)
@settings(max_examples=100)
def test_frames(site: Site, document: dict[str, Any]) -> None:
    """Ids are unique. Biases come before darks, and darks before lamps."""
    frames = expand(load(document, site), site).frames
    assert len({frame.id for frame in frames}) == len(frames)
    kinds = [KINDS.get(frame.flavour, 2) for frame in frames]
    assert kinds == sorted(kinds)
    assert all(len(frame.lamps) == len(frame.warmup_s) for frame in frames)


@given(document=documents)
@settings(max_examples=100)
def test_sweeps_fill_their_exposure(site: Site, document: dict[str, Any]) -> None:
    """Every fibre of a sweep is lit, and times and moves are the whole exposure."""
    for frame in expand(load(document, site), site).frames:
        if frame.sweep:
            moves_s = sum(site.move_s(start, end) for start, end in pairwise(frame.sweep.fibres))
            assert all(dwell_s > 0 for dwell_s in frame.sweep.dwell_s)
            assert sum(frame.sweep.dwell_s) + moves_s == pytest.approx(frame.exposure_s, abs=1e-6)


@given(document=documents)
@settings(max_examples=60)
def test_form_does_not_matter(site: Site, document: dict[str, Any]) -> None:
    """YAML, JSON and dict of a document give the same spec and hash, and the schema accepts it."""
    found = load(document, site)
    for text in (json.dumps(document), yaml.safe_dump(document, sort_keys=False), found.text):
        again = load_text(text, site)
        assert (again.spec, again.hash) == (found.spec, found.hash)
    VALIDATOR.validate(document)


def refusal(load_it: Callable[[], object]) -> SequenceError | None:
    """Return what a document is refused with, if it is. Any other error is passed on and fails the test."""
    try:
        load_it()
    except SequenceError as error:
        return error
    return None


@given(document=junk)
@settings(max_examples=200)
def test_junk_values(site: Site, document: object) -> None:
    """A dict or JSON text of anything is accepted or refused, in words that any terminal can show."""
    mapping = document if isinstance(document, dict) else {"lamps": document}
    text = json.dumps(document)
    assert str(refusal(lambda: load(mapping, site))).encode()
    assert str(refusal(lambda: load_text(text, site, origin="x.json"))).encode()


@given(text=st.one_of(st.text(), st.text(alphabet="ab:-[]{}&*!|>'\"#%@`,? \n\t1.e")))
@settings(max_examples=300)
def test_junk_text(site: Site, text: str) -> None:
    """A text of anything is refused, and nothing else happens."""
    with pytest.raises(SequenceError):
        load_text(text, site)


@given(pattern=st.text(alphabet="P12-()[]{}|*+?.^$\\d,a", min_size=1, max_size=20))
@settings(max_examples=200)
def test_junk_patterns(site: Site, pattern: str) -> None:
    """Any regular expression is accepted or refused, and nothing else happens."""
    block = {"exposure_time": 3, "fibre": {"choose": pattern}}
    error = refusal(lambda: load({"lamps": {"Neon": block}}, site))
    assert error is None or error.problems[0].path == "lamps.Neon.fibre.choose"
