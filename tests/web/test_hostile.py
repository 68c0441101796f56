"""A journal in which every name is an attack, looked at in a real browser, in reports, drawings and on terminals."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from astropy.io import fits
from typer.testing import CliRunner

from safelight.cli import app
from safelight.engine import Request, VirtualClock, look_back, perform
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from tests.web.hosting import Server, serving, wait_for
from tests.web.looking import DRAWN, OFF

SCRIPT = "<script>window.pwned=1</script>"
MARKUP = f"{SCRIPT}<img src=x onerror='window.pwned=2'><b>bold</b>\"'`&amp;"
STEERING = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\r"
TURNING = "\u202egnp.exe\u2066\u200b"
EVIL = f"{MARKUP}{STEERING}{TURNING}[/red][bold]{{x}}%s" + "long" * 300
NAME = f"{SCRIPT}<b>\"'`&amp;{{x}}[/red]%s"
"""What a document may be called: 68 letters of ASCII that can be printed."""
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
SCRIPTS = "document.scripts.length"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Path:
    """Return a home whose only run has attacks for names."""
    home = tmp_path_factory.mktemp("hostile")
    document = {"name": "two", "biases": {"count": 2}, "lamps": {"Quartz": {"warmup": 20, "exposure_time": 5}}}
    request = Request(sequence=document, observatory=small, home=home, frames=home / "frames", asked_by=EVIL)
    with ThreadPoolExecutor(1) as aside:  # the browser's tools have a loop in this thread
        result = aside.submit(lambda: asyncio.run(perform(request, clock=VirtualClock(), guarded=False))).result()
    journal = Journal(default_url(home))
    _poison(journal, result.run, result.folder)
    journal.close()
    return home


def _poison(journal: Journal, run: str, folder: Path) -> None:
    """Write attacks wherever the journal has words, and into a frame's name and header."""
    good = (tables.frames.c.run == run) & (tables.frames.c.number == 3)
    (row,) = journal.read(sa.select(tables.frames).where(good))
    (file,) = json.loads(row["files"])
    evil_file = f"{SCRIPT.replace('/', '')}{TURNING}.fits"
    with fits.open(folder / file[0], mode="update") as units:
        units[0].header["QUALITY"] = SCRIPT
    (folder / file[0]).rename(folder / evil_file)
    journal.write(sa.update(tables.frames).where(good), {"files": json.dumps([[evil_file, *file[1:]]]), "reason": EVIL})
    of = {table: table.c.run == run for table in (tables.segments, tables.states, tables.lamp_events, tables.runs)}
    journal.write(
        sa.update(tables.segments).where(of[tables.segments]), {"reason": EVIL, "host": EVIL, "version": EVIL}
    )
    failed = of[tables.states] & (tables.states.c.number == 3)
    journal.write(sa.update(tables.states).where(failed), {"error": EVIL, "outcome": "failed", "state": EVIL})
    hand = {"run": run, "time": "2026-11-23T12:00:00+00:00", "lamp": EVIL, "action": "on", "who": "hand", "why": EVIL}
    journal.write(sa.insert(tables.lamp_events), hand)
    ask = {"run": run, "time": "2026-11-23T12:00:00+00:00", "word": "abort", "who": EVIL, "obeyed": "x"}
    journal.write(sa.insert(tables.control), ask)
    names = {"sequence": NAME, "sequence_origin": EVIL, "outcome": "faulted"}
    journal.write(sa.update(tables.runs).where(of[tables.runs]), names)
    journal.commit()


@pytest.fixture(scope="module")
def evil_run(home: Path) -> str:
    """Return the name of that run."""
    journal = Journal(default_url(home))
    try:
        return str(journal.read(sa.select(tables.runs.c.run))[0]["run"])
    finally:
        journal.close()


@pytest.fixture(scope="module")
def hostile(home: Path, small: Path) -> Iterator[Server]:
    """Yield a server in that home."""
    with serving(home, small) as server:
        yield server


def test_the_page_shows_attacks_as_words(page: Any, hostile: Server) -> None:
    """Nothing of it is run, nothing becomes an element, nothing turns the words beside it, nothing sticks out."""
    page.goto(hostile.address)
    page.wait_for_selector(f"{OFF} >> nth=5")
    page.wait_for_selector("#run-facts:has-text('ended with a fault')")
    page.click("#runs button >> nth=0")
    page.wait_for_selector("#timeline svg >> nth=0")
    page.wait_for_selector(f"#run-facts:has-text('{SCRIPT}')")
    page.wait_for_selector(f"#log li:has-text('{SCRIPT}')")
    wait_for(lambda: page.evaluate(DRAWN))
    words = page.inner_text("body") + page.title() + page.inner_text("#frame-file")
    assert not UNSEEN.search(words)
    assert page.evaluate("window.pwned") is None
    images = page.locator("img:not(#graph img)").count()
    assert (images, page.evaluate(SCRIPTS), page.locator("main b").count()) == (1, 1, 0)
    for width in (1100, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    tellers = "[...document.querySelectorAll('[aria-label], title, [alt]')].map(one => one.outerHTML).join()"
    assert not UNSEEN.search(page.evaluate(tellers))


def test_a_report_shows_attacks_as_words(page: Any, home: Path, evil_run: str, tmp_path: Path) -> None:
    """The same in a report that is opened in the browser: nothing is run, asked for, or turned around."""
    path = tmp_path / "report.html"
    _safelight(home, "report", evil_run, "-o", str(path))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    words = page.inner_text("body")
    assert SCRIPT in words
    assert not UNSEEN.search(words)
    assert page.evaluate("window.pwned") is None
    assert (page.evaluate(SCRIPTS), page.locator("body b b").count()) == (0, 0)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_drawings_show_attacks_as_words(page: Any, home: Path, evil_run: str, tmp_path: Path) -> None:
    """A drawing opened by itself runs nothing and is one well-formed picture. As text no name leaves its quotes."""
    path = tmp_path / "run.svg"
    _safelight(home, "graph", "--run", evil_run, "-o", str(path))
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.tagName") == "svg"
    assert page.evaluate("window.pwned") is None
    assert not UNSEEN.search(path.read_text(encoding="utf-8"))
    for form in ("mermaid", "dot"):
        text = _safelight(home, "graph", "--run", evil_run, "--format", form)
        assert not UNSEEN.search(text)
        assert not re.search(r"^\s*<script", text, re.MULTILINE)


@pytest.mark.parametrize("words", [("runs",), ("show",), ("report", "--format", "md")])
def test_terminals_are_not_steered(home: Path, evil_run: str, words: tuple[str, ...]) -> None:
    """On a terminal, colours are rich's own, and no name moves the cursor, clears the screen or sets a title."""
    named = [] if words == ("runs",) else [evil_run]
    told = _safelight(home, *words, *named, colours=True)
    plain = re.sub(r"\x1b\[[\d;]*m", "", told)
    assert "window.pwned" in plain.replace("\n", "").replace("\\", "")
    assert not UNSEEN.search(plain)


def test_the_page_of_the_past_is_json(home: Path, evil_run: str) -> None:
    """For programs every letter is there as it was written, in JSON without a letter beyond ASCII."""
    told = _safelight(home, "show", evil_run, "--json")
    assert told.isascii()
    assert json.loads(told)["sequence_origin"] == EVIL
    assert look_back(evil_run, home=home).page.sequence_origin == EVIL


def _safelight(home: Path, *words: str, colours: bool = False) -> str:
    """Return what a command says, on both streams."""
    environment = {"SAFELIGHT_HOME": str(home), "COLUMNS": "140"} | ({"FORCE_COLOR": "1"} if colours else {})
    done = CliRunner(env=environment).invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.output
