"""A site's own folder of sequences: found by name, listed first, and the library's only where they can run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from safelight import SequenceError, plan
from safelight.engine.planning.offers import offer_names, offers_of
from safelight.web.launcher import Launcher
from safelight.web.page_actions import BadRequest, PageActions
from safelight.web.settings import ServerSettings

Inside = Callable[..., Result]


@pytest.fixture
def site(inside: Inside, tmp_path: Path) -> Path:
    """Return a small observatory with a folder of sequences."""
    assert inside("init", "--yes").exit_code == 0
    return tmp_path / "hilltop.yaml"


def test_names_of_the_site_come_first(site: Path, inside: Inside, tmp_path: Path) -> None:
    """A site's `bias` stands for its own, whatever its case. The library's others are listed where they can run."""
    (tmp_path / "sequences" / "Bias.yml").write_text("biases: {count: 3}\n")
    (tmp_path / "sequences" / "wrong.json").write_text('{"lamps": {"Sun": {"exposure_time": 1}}}')
    (tmp_path / "sequences" / ".hidden.yaml").write_text("biases: {count: 1}\n")
    (tmp_path / "sequences" / "v1.2.yaml").write_text("biases: {count: 1}\n")
    assert len(plan("bias", observatory=site).expansion.frames) == 3
    names = offer_names(str(site))
    assert list(names)[:3] == ["Bias", "first-light", "wrong"]
    assert "bias" not in names
    shown = [offer.name for offer in offers_of(str(site)) if offer.worth_showing]
    assert shown == ["Bias", "first-light", "wrong"]
    told = inside("sequences", "--observatory", site)
    assert "first-light" in told.stdout
    assert "can't be run here" in told.stdout
    assert "normal" not in told.stdout
    assert "normal" in told.stderr
    assert "normal" in inside("sequences", "--observatory", site, "--all").stdout
    found = json.loads(inside("sequences", "--observatory", site, "--json").stdout)["sequences"]
    assert [(one["name"], one["origin"], "error" in one) for one in found][:3] == [
        ("Bias", "site", False),
        ("first-light", "site", False),
        ("wrong", "site", True),
    ]


def test_the_page_offers_them(site: Path, tmp_path: Path) -> None:
    """The start form has the site's sequences, and sees a file that has changed. A path is no name."""
    place = ServerSettings(home=tmp_path / "home", frames=tmp_path / "frames", observatory=str(site))
    actions = PageActions(place, Launcher(place))
    first = actions.library()[0]
    assert (first["name"], first["origin"]) == ("first-light", "site")
    assert actions.check({"library": "first-light"})["frames"] == 5
    (tmp_path / "sequences" / "tonight.yaml").write_text("biases: {count: 1}\n")
    assert "tonight" in [one["name"] for one in actions.library()]
    with pytest.raises(BadRequest):
        actions.check({"library": "sequences/tonight"})


def test_an_unknown_name_is_answered_with_both(site: Path) -> None:
    """The error names the nearest sequence, the folder and the library."""
    with pytest.raises(SequenceError, match=r"did you mean 'first-light'") as raised:
        plan("first-ligth", observatory=site)
    assert "sequences or in the library" in str(raised.value)
    with pytest.raises(SequenceError, match="normal"):
        plan("nrmal", observatory=site)


def test_the_folder_is_relative_to_the_document(site: Path, inside: Inside, tmp_path: Path) -> None:
    """The command may be typed anywhere, and a folder that is not there offers nothing."""
    away = tmp_path / "away"
    away.mkdir()
    site.rename(away / "hilltop.yaml")
    assert "first-light" not in offer_names(str(away / "hilltop.yaml"))
    (tmp_path / "sequences").rename(away / "sequences")
    assert inside("check", "first-light", "--observatory", away / "hilltop.yaml").exit_code == 0
