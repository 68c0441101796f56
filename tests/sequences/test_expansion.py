"""From a document to its frames."""

from dataclasses import replace
from typing import Any

import pytest

from safelight.sequences import AS_FOUND, Frame, SequenceError, Site, expand, load, open_choices

CHOICE = {"lamps": [{"lamps": ["Neon", "Argon"], "exposure_time": [10, 50], "fibre": {"choose": "P1-"}}]}


def frames_of(document: dict[str, Any], site: Site) -> tuple[Frame, ...]:
    """Return the frames of a dict."""
    return expand(load(document, site), site).frames


def test_order_and_ids(site: Site) -> None:
    """Biases, darks, lamps as written. Ids count each kind over the whole document."""
    document = {
        "lamps": [
            {"lamps": ["Neon"], "exposure_time": [10, 0.5], "count": 2},
            {"lamps": ["Xenon", "Argon"], "exposure_time": 10.0},
            {"lamps": ["neon"], "exposure_time": 10},
        ],
        "darks": {"count": 2, "exposure_time": [90, 900.0]},
        "biases": {"count": 2},
    }
    assert [frame.id for frame in frames_of(document, site)] == [
        "bias-001",
        "bias-002",
        "dark-90s-001",
        "dark-90s-002",
        "dark-900s-001",
        "dark-900s-002",
        "Neon-10s-001",
        "Neon-10s-002",
        "Neon-0.5s-001",
        "Neon-0.5s-002",
        "Argon+Xenon-10s-001",
        "Neon-10s-003",
    ]


def test_bias_and_dark(site: Site) -> None:
    """A bias and a dark need no lamp, no pointing and no mask."""
    bias, dark = frames_of({"biases": {}, "darks": {"exposure_time": 9}}, site)
    assert bias == Frame("bias-001", "bias", 0, object="bias")
    assert dark == Frame("dark-9s-001", "dark", 9, object="dark")


def test_lamps_together(site: Site) -> None:
    """Lamps lit together stand in the observatory's order, each with its own warm-up."""
    (frame,) = frames_of({"lamps": [{"lamps": ["HgNe", "Neon"], "exposure_time": 10}]}, site)
    assert frame.lamps == ("Neon", "HgNe")
    assert frame.object == "Neon+HgNe"
    assert frame.flavour == "arc"
    block = {"lamps": ["Quartz", "LDLS"], "exposure_time": 10, "flavour": "object"}
    (frame,) = frames_of({"lamps": [block]}, site)
    assert (frame.lamps, frame.warmup_s, frame.flavour) == (("LDLS", "Quartz"), (300, 120), "object")
    (frame,) = frames_of({"lamps": [block | {"warmup": 0}]}, site)
    assert frame.warmup_s == (0, 0)


def test_pointing(site: Site) -> None:
    """Lamp frames point where the document says, or where the observatory usually does."""
    block = {"Neon": {"exposure_time": 10}}
    assert frames_of({"lamps": block}, site)[0].position == "calibration"
    bias, lamp = frames_of({"lamps": block, "biases": {}, "position": "Selfie"}, site)
    assert (bias.position, lamp.position) == (None, "selfie")


def test_each_fibre(site: Site) -> None:
    """In mode `each`, for each exposure time and each fibre there are `count` frames."""
    fibsel = {"positions": ["P1-3", "P2-1"], "mode": "each"}
    block = {"exposure_time": [10, 20], "count": 2, "fibsel": fibsel}
    frames = frames_of({"lamps": {"Neon": block}}, site)
    assert [(frame.exposure_s, frame.fibre) for frame in frames] == [
        (exposure_s, fibre) for exposure_s in (10, 20) for fibre in ("P1-3", "P2-1") for _ in range(2)
    ]
    assert frames[3].id == "Neon-10s-004"
    assert {frame.sweep for frame in frames} == {None}


def test_header_cards(site: Site) -> None:
    """The document's cards are on every frame."""
    document = {"biases": {}, "lamps": {"Neon": {"exposure_time": 3}}, "header": {"PROGRAM": "x", "NIGHT": 7}}
    assert {frame.header for frame in frames_of(document, site)} == {(("PROGRAM", "x"), ("NIGHT", 7))}


def test_choices(site: Site) -> None:
    """Whoever makes a run chooses the fibre. Ids stay the same, and the choice is handed back."""
    document = load(CHOICE, site)
    candidates = open_choices(document, site)
    assert list(candidates) == ["lamps.0"]
    assert candidates["lamps.0"][:2] == ("P1-2", "P1-1")
    first = expand(document, site)
    other = expand(document, site, {"lamps.0": "P1-7"})
    assert dict(first.choices) == {"lamps.0": "P1-2"}
    assert dict(other.choices) == {"lamps.0": "P1-7"}
    assert {frame.fibre for frame in other.frames} == {"P1-7"}
    assert [frame.id for frame in first.frames] == [frame.id for frame in other.frames]
    assert expand(document, site, other.choices) == other


def test_wrong_choices(site: Site) -> None:
    """A choice that the document leaves open nowhere, or a fibre that it does not offer, is refused."""
    with pytest.raises(SequenceError) as caught:
        expand(load(CHOICE, site), site, {"lamps.0": "P2-1", "lamps.1": "P1-1"})
    assert [problem.path for problem in caught.value.problems] == ["lamps.1", "lamps.0"]


def test_other_site(site: Site) -> None:
    """A spec that names what another site has not is refused there."""
    document = load({"lamps": {"Neon": {"exposure_time": 3}}}, site)
    with pytest.raises(SequenceError, match=r"lamps\.0: unknown lamp 'Neon'"):
        expand(document, Site(lamps=()))


def test_undeclared_mask(site: Site) -> None:
    """Frames for which no fibre is named have the mask as it was left: as found, on the fibre before, after a sweep."""
    blocks = [
        {"lamps": ["Neon"], "exposure_time": 3},
        {"lamps": ["Argon"], "exposure_time": 3, "fibre": "P1-4"},
        {"lamps": ["Xenon"], "exposure_time": 3, "count": 2},
        {"lamps": ["Quartz"], "exposure_time": 60, "fibsel": {"positions": ["P1-2", "P1-1"]}},
        {"lamps": ["HgNe"], "exposure_time": 3},
    ]
    frames = frames_of({"biases": {}, "lamps": blocks}, site)
    assert [frame.fibre for frame in frames] == [None, AS_FOUND, "P1-4", "P1-4", "P1-4", None, "P1-1"]


def test_default_fibre(site: Site) -> None:
    """Where the observatory has a default fibre, frames for which none is named are on it."""
    blocks = [
        {"lamps": ["Argon"], "exposure_time": 3, "fibre": "P1-4"},
        {"lamps": ["Xenon"], "exposure_time": 3},
    ]
    frames = frames_of({"lamps": blocks}, replace(site, default_fibre="P2-1"))
    assert [frame.fibre for frame in frames] == ["P1-4", "P2-1"]


def test_telescopes_that_stay(site: Site) -> None:
    """Where the telescopes stay, the frames of lamps demand them as found, whatever the document says."""
    document = {"biases": {}, "lamps": {"Neon": {"exposure_time": 3}}, "position": "selfie"}
    assert [frame.position for frame in frames_of(document, replace(site, still=True))] == [None, AS_FOUND]


def test_no_mask(site: Site) -> None:
    """Without a fibre selector no frame demands one."""
    (frame,) = frames_of({"lamps": {"Neon": {"exposure_time": 3}}}, replace(site, fibres={}))
    assert frame.fibre is None
