"""What a newcomer, a packager and a citing author look for is there and agrees with the code."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from safelight.version import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_citation_names_the_version_and_the_licence() -> None:
    """The file that reference managers read is valid, and says the same as the package."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert str(citation["version"]) == __version__
    assert citation["license"] == PROJECT["license"]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "README.md"])
def test_what_a_page_points_to_is_there(name: str) -> None:
    """Every link to a file, and every target of make, exists."""
    text = (ROOT / name).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^):#]+)\)", text):
        assert (ROOT / link).exists(), link
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_python_that_is_claimed_is_locked() -> None:
    """The classifiers name exactly the Pythons for which the locks are tested."""
    claimed = {line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)}
    assert claimed == {"3.11", "3.12", "3.13", "3.14"}
