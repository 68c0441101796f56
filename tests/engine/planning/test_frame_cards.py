"""Cards and names of frames: each means one thing, or the observatory is refused before a run."""

import asyncio
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from safelight.devices import ObservatoryError, load_observatory, shipped_observatories
from safelight.engine import Request, perform, plan_of, site_of
from safelight.engine.clock import VirtualClock
from safelight.engine.planning.frame_cards import require_distinct_cards, sets_of_one_name
from safelight.sequences import SequenceError, load

LAMP = {"warmup_s": 1.0, "flavour": "flat", "longest_on_s": 3600.0}


def written(folder: Path, *lamps: str, keywords: Mapping[str, str] = {}, telescopes: tuple[str, ...] = ()) -> Path:
    """Write the simulated observatory with one camera and these lamps and telescopes. Return its path."""
    document: dict[str, Any] = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = "own"
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "readout_s": 1.0}
    document["lamps"]["units"] = {
        lamp: LAMP | ({"keyword": keywords[lamp]} if lamp in keywords else {}) for lamp in lamps
    }
    del document["fibsel"], document["telescopes"], document["positions"]
    document["spectrographs"]["options"].pop("mask_telescope")
    if telescopes:
        where = {name: {"alt_deg": 10.0, "az_deg": 20.0} for name in telescopes}
        document["telescopes"] = {
            "units": {name: {} for name in telescopes},
            "slew_deg_per_s": 4.0,
            "tolerance_deg": 1.0,
        }
        document["positions"] = {"calibration": where, "park": where}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


COLLIDING = [
    pytest.param(("Halogen1", "Halogen2"), {}, (), ("lamps.units.Halogen2", "WHALOGEN"), id="warm-ups cut to eight"),
    pytest.param(("Argon", "WArgon"), {}, (), ("lamp Argon was on", "lamp WArgon", "WARGON"), id="a lamp called W"),
    pytest.param(("Argon", "Neon"), {"Neon": "WARGON"}, (), ("lamps.units.Neon", "WARGON"), id="keyword of another"),
    pytest.param(("Exposure",), {"Exposure": "EXPTIME"}, (), ("lamps.units.Exposure", "EXPTIME"), id="of the program"),
    pytest.param(("Argon",), {}, ("north1", "north2"), ("telescopes.units.north2", "NORTHALT"), id="telescopes"),
    pytest.param(("Dark",), {}, (), ("lamps.units.Dark", "those of a dark"), id="a lamp called dark"),
    pytest.param(
        ("CuAr", "CuNe", "CuAr+CuNe"), {}, (), ("lamps.units.CuAr+CuNe", "CuAr with CuNe"), id="a joined name"
    ),
    pytest.param(
        ("(CuAr)", "Cu Ne", "CuAr+Cu_Ne"),
        {"CuAr+Cu_Ne": "BOTH"},
        (),
        ("lamps.units.CuAr+Cu_Ne", "frames of (CuAr) with Cu Ne", "CuAr-Cu_Ne"),
        id="a joined label",
    ),
]


@pytest.mark.parametrize(("lamps", "keywords", "telescopes", "words"), COLLIDING)
def test_collisions_are_refused(
    tmp_path: Path,
    lamps: tuple[str, ...],
    keywords: dict[str, str],
    telescopes: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    """What would collapse in a header is refused before a run, with file, device, card and what to do."""
    path = written(tmp_path, *lamps, keywords=keywords, telescopes=telescopes)
    with pytest.raises(ObservatoryError) as refused:
        plan_of(Request({"biases": {"count": 1}}, observatory=path))
    for word in (str(path), *words):
        assert word in str(refused.value)


def test_the_advice_helps(tmp_path: Path) -> None:
    """Four halogen lamps with keywords of seven characters are accepted."""
    lamps = [f"Halogen{number}" for number in range(1, 5)]
    own = {lamp: f"HALO{lamp[-1]}" for lamp in lamps}
    require_distinct_cards(load_observatory(written(tmp_path, *lamps, keywords=own)))


def test_names_as_people_write_them(tmp_path: Path) -> None:
    """Blanks, brackets and slashes stay in the name of a lamp. Ids, OBJECT and files have its label."""
    names = ("Hg (Ar)", "Ne/Ar", "CuAr 2", "Th-Ar", "NIR LED 3.5", "Glühlampe")
    observatory = written(tmp_path, *names, keywords={"Ne/Ar": "NEAR"})
    text = observatory.read_text(encoding="utf-8")
    observatory.write_text(text.replace("keyword: NEAR", "keyword: NEAR\n      label: NeAr-mix"), encoding="utf-8")
    document = {
        "lamps": [{"lamps": ["ne/ar", "hg (ar)"], "exposure_time": 2}, {"lamps": names[2:5], "exposure_time": 2}]
    }
    request = Request(document, observatory, tmp_path / "home", tmp_path / "frames")
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    assert result.outcome == "done"
    ids = ["Hg_Ar+NeAr-mix-2s-001", "CuAr_2+Th-Ar+NIR_LED_3_5-2s-001"]
    assert [frame.frame for frame in result.frames] == ids
    headers = [fits.getheader(frame.files[0].path) for frame in result.frames]
    assert {header["GLUHLAMP"] for header in headers} == {"OFF"}
    assert [header["OBJECT"] for header in headers] == [name.removesuffix("-2s-001") for name in ids]
    lit = [{card for card in ("HG__AR_", "NEAR", "CUAR_2", "TH-AR", "NIR_LED_") if header[card] == "ON"}
           for header in headers]  # fmt: skip
    assert lit == [{"HG__AR_", "NEAR"}, {"CUAR_2", "TH-AR", "NIR_LED_"}]
    assert all(id_ in frame.files[0].path.name for id_, frame in zip(ids, result.frames, strict=True))


@pytest.mark.parametrize("name", sorted(shipped_observatories()))
def test_shipped_observatories_are_distinct(name: str) -> None:
    """What is shipped is accepted, and so is one lamp whose derived card is cut."""
    require_distinct_cards(load_observatory(name))


def test_one_long_name_stays_as_it_is(tmp_path: Path) -> None:
    """A cut card that no other lamp has is no fault."""
    require_distinct_cards(load_observatory(written(tmp_path, "Halogen1", "Argon")))


def test_a_document_takes_no_card_of_a_lamp(tmp_path: Path) -> None:
    """The keyword that the observatory document gives a lamp is the one that a sequence may not write."""
    observatory = load_observatory(written(tmp_path, "Argon", "Th-Ar", keywords={"Argon": "ARGLAMP"}))
    site = site_of(observatory)
    load({"biases": {"count": 1}, "header": {"ARGON": "free", "THAR": "free"}}, site)
    for keyword in ("ARGLAMP", "WARGLAMP", "TH-AR", "WTH-AR"):
        with pytest.raises(SequenceError, match=keyword):
            load({"biases": {"count": 1}, "header": {keyword: "taken"}}, site)


def test_all_cards_are_known_before(tmp_path: Path) -> None:
    """The cards that a frame has are those that were computed before the run."""
    path = written(tmp_path, "Halogen1", "Th-Ar", keywords={"Th-Ar": "THAR"}, telescopes=("north", "s"))
    cards = set(site_of(load_observatory(path)).cards)
    request = Request({"lamps": {"Halogen1": {"exposure_time": 1}}}, path, tmp_path / "home", tmp_path / "frames")
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    assert result.outcome == "done"
    assert cards == {"HALOGEN1", "WHALOGEN", "THAR", "WTHAR", "NORTHALT", "NORTHAZ", "SALT", "SAZ"}
    for path in result.folder.glob("*.fits"):
        assert cards <= set(fits.getheader(path))


NAMES = st.lists(
    st.lists(st.sampled_from("ABC"), min_size=1, max_size=3).map("+".join), unique=True, min_size=1, max_size=5
)


@given(lamps=NAMES)
def test_sets_of_one_name_are_found(lamps: list[str]) -> None:
    """Two sets are found where trying all sets finds two with one name, and nowhere else."""
    every = [each for size in range(1, len(lamps) + 1) for each in combinations(lamps, size)]
    joined = ["+".join(each) for each in every]
    found = sets_of_one_name(lamps)
    assert (found is None) == (len(set(joined)) == len(joined))
    if found is not None:
        assert found[0] != found[1]
        assert "+".join(found[0]) == "+".join(found[1])
        assert {found[0], found[1]} <= set(every)
