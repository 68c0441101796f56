"""Documents that are right, and what is the same however it is written."""

import json
from pathlib import Path

import pytest
import yaml

from safelight.sequences import SequenceError, Site, expand, load, load_text

SIMPLE = {
    "biases": {"count": 1},
    "darks": {"exposure_time": [90, 900]},
    "lamps": {"Quartz": {"warmup": 20, "exposure_time": 120, "flavour": "flat"}},
}
SWEPT = {
    "lamps": {
        "LDLS": {
            "warmup": 300,
            "exposure_time": 270,
            "fibsel": {"initial_position": "P1-2", "positions": "P1-", "time_per_position": 20},
        }
    }
}
DEFAULT_SWEEP = {"lamps": {"LDLS": {"warmup": 300, "exposure_time": [270, 300], "fibsel": True}}}


def test_simple_example(site: Site) -> None:
    """The observatory's first example: one bias, two darks, a flat of a warm lamp."""
    frames = expand(load(SIMPLE, site), site).frames
    assert [frame.id for frame in frames] == ["bias-001", "dark-90s-001", "dark-900s-001", "Quartz-120s-001"]
    assert frames[-1].lamps == ("Quartz",)
    assert frames[-1].warmup_s == (20,)
    assert frames[-1].flavour == "flat"


def test_swept_example(site: Site) -> None:
    """Its second: a sweep over all P1 fibres that begins with P1-2."""
    (frame,) = expand(load(SWEPT, site), site).frames
    assert frame.sweep is not None
    assert frame.sweep.fibres[0] == "P1-2"
    assert set(frame.sweep.fibres) == {f"P1-{n}" for n in range(1, 13)}
    assert frame.sweep.asked_s == 20


def test_default_sweep_example(site: Site) -> None:
    """Its third: two exposures, each over the default fibres, of the lamp's own flavour."""
    first, second = expand(load(DEFAULT_SWEEP, site), site).frames
    assert (first.exposure_s, second.exposure_s) == (270, 300)
    assert first.sweep is not None
    assert second.sweep is not None
    assert first.sweep.fibres == second.sweep.fibres
    assert len(first.sweep.fibres) == 12
    assert first.flavour == "flat"


@pytest.mark.parametrize("document", [SIMPLE, SWEPT, DEFAULT_SWEEP])
def test_same_in_every_form(tmp_path: Path, site: Site, document: dict[str, object]) -> None:
    """YAML, JSON and dict of one document have one spec and one hash."""
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    (tmp_path / "a.json").write_text(json.dumps(document, indent=1))
    found = [load(source, site) for source in (document, tmp_path / "a.yaml", str(tmp_path / "a.json"))]
    assert len({doc.hash for doc in found}) == 1
    assert found[0].spec == found[1].spec == found[2].spec
    assert [doc.name for doc in found] == ["sequence", "a", "a"]


def test_text_gives_the_document_again(site: Site) -> None:
    """What a journal keeps of a document, its text, is enough to load it again."""
    for source in (SIMPLE, "long-term"):
        document = load(source, site)
        again = load_text(document.text, site, origin=document.origin)
        assert (again.spec, again.hash) == (document.spec, document.hash)


def test_names_without_regard_to_case(site: Site) -> None:
    """Lamps, fibres, positions, patterns and flavours are found whatever their case."""
    shouted = {
        "position": "SELFIE",
        "lamps": {
            "hgne": {"exposure_time": 3, "flavour": "ARC", "fibre": "p1-3"},
            "QUARTZ": {"exposure_time": 90, "fibsel": {"positions": "p2-1$", "initial_position": "p2-1"}},
        },
    }
    arc, flat = expand(load(shouted, site), site).frames
    assert (arc.lamps, arc.flavour, arc.fibre, arc.position) == (("HgNe",), "arc", "P1-3", "selfie")
    assert flat.sweep is not None
    assert flat.sweep.fibres == ("P2-1",)


def test_both_forms_of_lamps(site: Site) -> None:
    """A mapping of lamps is a list of blocks with one lamp each."""
    settings = {"exposure_time": 3, "warmup": 4}
    listed = load({"lamps": [{"lamps": ["Neon"], **settings}]}, site)
    assert listed.hash == load({"lamps": {"Neon": settings}}, site).hash


def test_defaults_do_not_change_the_hash(site: Site) -> None:
    """Writing out a default is formatting. Changing a value is not."""
    assert load({"biases": {}}, site).hash == load({"biases": {"count": 1}}, site).hash
    assert load({"biases": {}}, site).hash != load({"biases": {"count": 2}}, site).hash


def test_name_of_a_document(tmp_path: Path, site: Site) -> None:
    """The caller's name goes before the document's, and that before the file's."""
    file = tmp_path / "münchen.yaml"
    file.write_text("biases: {}")
    assert load(file, site).name == "m_nchen"
    assert load(file, site, name="mine").name == "mine"
    assert load({"biases": {}, "name": "inner"}, site).name == "inner"


def test_lines(site: Site) -> None:
    """A document knows the line of each of its keys."""
    lines = load_text("biases:\n  count: 1\nlamps:\n  Neon:\n    exposure_time: [1,\n      2]", site).lines
    assert lines["biases", "count"] == 2
    assert lines["lamps", "Neon", "exposure_time", 1] == 6


def test_numbers_of_yaml(site: Site) -> None:
    """Plain decimal numbers are read as such, and quoted words stay words."""
    text = "name: '1e3'\ndescription: \"yes\"\ndarks: {exposure_time: [1, 2.5, +3., .5]}\nheader: {A: -0.5, B: on_}"
    spec = load_text(text, site).spec
    assert spec.darks is not None
    assert spec.darks.exposure_time == (1, 2.5, 3, 0.5)
    assert (spec.name, spec.description, dict(spec.header)) == ("1e3", "yes", {"A": -0.5, "B": "on_"})


def test_fibsel_false_is_none(site: Site) -> None:
    """`fibsel: false` leaves the mask alone, also beside a fixed fibre."""
    block = {"exposure_time": 3, "fibsel": False, "fibre": "P1-1"}
    (frame,) = expand(load({"lamps": {"Neon": block}}, site), site).frames
    assert (frame.sweep, frame.fibre) == (None, "P1-1")


def test_policies(site: Site) -> None:
    """An observatory's policies narrow what may be run, and are named where they forbid."""
    policy = {"properties": {"darks": {"properties": {"exposure_time": {"maximum": 300}}}}}
    strict = Site(site.lamps, site.fibres, policies={"short darks": policy, "no biases": {"required": ["lamps"]}})
    text = "biases: {}\ndarks:\n  exposure_time: 900\n"
    with pytest.raises(SequenceError) as caught:
        load_text(text, strict, origin="x.yaml")
    first, second = caught.value.problems
    assert (first.line, first.path) == (1, "")
    assert "'no biases'" in first.message
    assert (second.line, second.path, second.value) == (3, "darks.exposure_time", "900")
    assert "'short darks'" in str(second)
    assert "maximum: 300" in str(second)


@pytest.mark.parametrize("policy", [{"type": 3}, {"$ref": "http://localhost:1/x.json"}, {"pattern": "("}])
def test_broken_policy(site: Site, policy: dict[str, object]) -> None:
    """A policy that can't be checked refuses everything, and reaches out to no network."""
    broken = Site(site.lamps, policies={"odd": {"properties": {"name": policy}}})
    with pytest.raises(SequenceError, match="'odd' of this observatory could not be checked"):
        load({"biases": {}, "name": "x"}, broken)
