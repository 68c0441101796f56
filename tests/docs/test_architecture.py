"""The page about the architecture is as the code is."""

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import DOCS, ROOT

PAGE = DOCS / "explanation" / "architecture.md"
_PLACE = re.compile(r"`((?:engine|states|devices|sequences|safelight|docs|tests)/[\w./-]*)`")


def drawn(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Return what the script says of the pictures in a folder."""
    command = [sys.executable, "make-architecture.py", *options, str(folder)]
    return subprocess.run(command, cwd=DOCS, capture_output=True, text=True, check=False)


def test_pictures_are_as_the_code_is() -> None:
    """Every picture is as it would be drawn now."""
    done = drawn(DOCS / "pictures", "--check")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_picture_that_is_out_of_date_is_found(tmp_path: Path) -> None:
    """A picture that shows something else, or is missing, is named."""
    assert drawn(tmp_path).returncode == 0
    (tmp_path / "architecture-run.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "architecture-stop.svg").unlink()
    done = drawn(tmp_path, "--check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["architecture-run.svg is out of date", "architecture-stop.svg is out of date"]


def test_every_picture_is_on_the_page(tmp_path: Path) -> None:
    """What is drawn is shown, and nothing else is."""
    drawn(tmp_path)
    shown = re.findall(r"\(\.\./pictures/([\w-]+\.svg)\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(file.name for file in tmp_path.iterdir())


def test_the_way_of_a_run_is_short() -> None:
    """From the command line to the first command of a device there are at most twelve calls."""
    title = re.search(r"first command: (\d+) calls", (DOCS / "pictures" / "architecture-run.svg").read_text("utf-8"))
    assert title is not None
    assert int(title[1]) <= 12


def test_every_place_exists() -> None:
    """Each file and folder that the page names is there."""
    places = _PLACE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(places) > 20
    assert [place for place in places if not (ROOT / place).exists()] == []
