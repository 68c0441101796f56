"""Aliases and merge keys of YAML: what they bring, and in which line mistakes in it are reported."""

from typing import Any

import pytest
import yaml

from safelight.documents.source import parse
from safelight.sequences import SequenceError, Site, expand, load_text

ARCS = """\
lamps:
  Argon: &arc {warmup: 120, exposure_time: [10, 30]}
  Neon: *arc
  HgNe: {<<: *arc, exposure_time: 5}
"""


def problems_of(text: str, site: Site) -> list[tuple[int | None, str]]:
    """Line and path of each mistake."""
    with pytest.raises(SequenceError) as caught:
        load_text(text, site)
    return [(problem.line, problem.path) for problem in caught.value.problems]


def test_a_lamp_like_another(site: Site) -> None:
    """A merge key brings what it names, and the mapping's own keys count first."""
    frames = expand(load_text(ARCS, site), site).frames
    assert [(frame.id, frame.warmup_s) for frame in frames] == [
        ("Argon-10s-001", (120,)),
        ("Argon-30s-001", (120,)),
        ("Neon-10s-001", (120,)),
        ("Neon-30s-001", (120,)),
        ("HgNe-5s-001", (120,)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        ARCS,
        "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], w: 5}\nd: {<<: [*b, *a], y: 6}\n",
        "a: &a {x: {y: [1, 2]}}\nb: {k: 1, <<: *a, l: 2}\n",
        "a: {<<: {x: 1}, y: 2}\n",
        "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, x: 3}\n",
        "a: {<<: []}\n",
    ],
)
def test_merged_as_others_do(text: str) -> None:
    """Values and the order of keys are those that other readers of YAML give."""
    raw: Any = parse(text).raw
    whole = yaml.safe_load(text)
    assert raw == whole
    assert [list(value) for value in raw.values()] == [list(value) for value in whole.values()]


def test_a_quoted_key_merges_nothing(site: Site) -> None:
    """A key in quotes is a key like any other."""
    assert problems_of('lamps: {Neon: {"<<": {warmup: 3}, exposure_time: 3}}', site) == [(1, "lamps.Neon.<<")]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        # A mistake in what is merged is where it is written, for each lamp that has it.
        (
            "lamps:\n  Argon: &arc\n    exposure_time: 3\n    warmup: -1\n  Neon: *arc\n  HgNe:\n    <<: *arc\n",
            [(4, "lamps.Argon.warmup"), (4, "lamps.Neon.warmup"), (4, "lamps.HgNe.warmup")],
        ),
        # A mistake beside the merge key is in its own line.
        (
            "lamps:\n  Argon: &arc\n    exposure_time: 3\n  HgNe:\n    <<: *arc\n    warmup: -1\n",
            [(6, "lamps.HgNe.warmup")],
        ),
        (
            "lamps:\n  Argon: &arc\n    exposure_time: 3\n  HgNe:\n    warmup: -1\n    <<: *arc\n",
            [(5, "lamps.HgNe.warmup")],
        ),
        # What a key of one's own replaces is no mistake.
        (
            "lamps:\n  Argon: &arc\n    exposure_time: 3\n    count: 0\n  HgNe: {<<: *arc, count: 2}\n",
            [(4, "lamps.Argon.count")],
        ),
        # Deep inside of what is merged, and merged again.
        (
            (
                "lamps:\n  Quartz: &q\n    exposure_time: 60\n    fibsel:\n      positions:\n        - P1-1\n"
                "        - P9-9\n  LDLS: &l {<<: *q, warmup: 3}\n  Neon: {<<: [*l], flavour: flat}\n"
            ),
            [(7, f"lamps.{lamp}.fibsel.positions.1") for lamp in ("Quartz", "LDLS", "Neon")],
        ),
        # Only mappings can be merged, once.
        ("lamps:\n  Neon:\n    exposure_time: 3\n    <<: 7\n", [(4, "lamps.Neon.<<")]),
        ("lamps:\n  Neon:\n    exposure_time: 3\n    <<: [{warmup: 3}, 7]\n", [(4, "lamps.Neon.<<")]),
        ("lamps:\n  Neon:\n    exposure_time: 3\n    <<: *no\n", [(4, "lamps.Neon.<<")]),
        ("lamps:\n  Neon:\n    <<: {exposure_time: 3}\n    <<: {warmup: 3}\n", [(4, "lamps.Neon.<<")]),
    ],
)
def test_lines(site: Site, text: str, places: list[tuple[int, str]]) -> None:
    """Each mistake is reported in the line in which it is written."""
    assert problems_of(text, site) == places


@pytest.mark.timeout(60)
def test_many_merges_take_no_time() -> None:
    """Merges are counted as aliases are: a text that grows by them is refused, another is read at once."""
    wide = "a: &a {" + ", ".join(f"k{number}: 1" for number in range(1000)) + "}\n"
    parse(wide + "".join(f"b{number}: {{<<: *a}}\n" for number in range(40)))
    with pytest.raises(Exception, match="aliases counted"):
        parse(wide + "".join(f"b{number}: {{<<: *a}}\n" for number in range(400)))
