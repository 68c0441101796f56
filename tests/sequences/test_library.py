"""The ready sequences."""

from collections import Counter
from pathlib import Path

import pytest

from safelight.sequences import SequenceError, Site, expand, library_file, library_names, load

P1 = {f"P1-{n}" for n in range(1, 13)}


def test_names() -> None:
    """Five sequences are ready, and each file calls itself by its name."""
    assert library_names() == ("bias", "demo", "long-term", "normal", "quick-cals")
    assert library_file("Normal").name == "normal.yaml"


@pytest.mark.parametrize(
    ("name", "flavours"),
    [
        ("bias", {"bias": 7}),
        ("demo", {"bias": 1, "flat": 1}),
        ("normal", {"bias": 5, "dark": 1, "flat": 2, "arc": 4}),
        ("quick-cals", {"arc": 2, "flat": 2}),
        ("long-term", {"bias": 7, "flat": 24, "arc": 24}),
    ],
)
def test_frames(site: Site, name: str, flavours: dict[str, int]) -> None:
    """Each gives the frames that it is known for."""
    document = load(name, site)
    assert document.name == name
    assert document.origin == f"{name}.yaml"
    assert Counter(frame.flavour for frame in expand(document, site).frames) == flavours


def test_quick_cals(site: Site) -> None:
    """Its arcs have four lamps lit together on one P1 fibre. Then come the continua."""
    ten, fifty, quartz, ldls = expand(load("quick-cals", site), site).frames
    assert ten.lamps == fifty.lamps == ("Argon", "Neon", "HgNe", "Xenon")
    assert ten.warmup_s == (180,) * 4
    assert ten.fibre == fifty.fibre
    assert ten.fibre in P1
    assert (quartz.id, quartz.warmup_s) == ("Quartz-20s-001", (120,))
    assert (ldls.id, ldls.warmup_s) == ("LDLS-150s-001", (300,))
    assert quartz.fibre == ldls.fibre == ten.fibre


def test_long_term(site: Site) -> None:
    """It lights every P1 fibre with every kind of light, and parks."""
    document = load("long-term", site)
    lit = Counter((frame.object, frame.exposure_s) for frame in expand(document, site).frames if frame.lamps)
    assert set(lit.values()) == {12}
    assert len(lit) == 4
    assert {frame.fibre for frame in expand(document, site).frames if frame.lamps} == P1
    assert document.spec.park_after


def test_unknown_sequence(site: Site) -> None:
    """A name that is neither file nor sequence is refused with the nearest one."""
    with pytest.raises(SequenceError, match="did you mean 'normal'"):
        load("nromal", site)


def test_file_without_suffix(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare word is a sequence of the library first, and a file where there is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tonight").write_text("biases: {count: 2}")
    (tmp_path / "normal").write_text("biases: {count: 2}")
    assert len(expand(load("tonight", site), site).frames) == 2
    assert len(expand(load("normal", site), site).frames) == 12
