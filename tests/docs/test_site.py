"""The site that is made of the pages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, ROOT, pages

_FETCHED = re.compile(r"""(?:\bsrc=|<link[^>]*\bhref=|url\(|@import\s+)["']?(?:https?:)?//[^"')\s>]+""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site, built with warnings as errors: dead links and missing pages are among them."""
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-d", str(place / "doctrees")]
    command += [str(DOCS), str(place / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return place / "site"


def test_every_page_is_in_it(site: Path) -> None:
    """Every page of the documentation has become a page of the site, and can be found from another one."""
    links = {
        (page.parent / target).resolve()
        for page in site.rglob("*.html")
        for target in re.findall(r'href="([^"#:]+)', page.read_text(encoding="utf-8"))
    }
    for page in pages():
        made = site / page.relative_to(DOCS).with_suffix(".html")
        assert made.exists()
        assert made.resolve() in links


def test_nothing_is_fetched(site: Path) -> None:
    """A page of the site needs nothing from the network: no script, style, font or picture lies elsewhere."""
    for path in (path for path in site.rglob("*") if path.suffix in {".html", ".css"}):
        assert _FETCHED.findall(path.read_text(encoding="utf-8")) == [], path


def test_the_goal_builds_it() -> None:
    """`make docs` builds the site, though there is a folder of that name."""
    done = subprocess.run(["/usr/bin/env", "make", "-n", "docs"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "-m sphinx" in done.stdout
