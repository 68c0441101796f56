"""Reports of runs."""

import asyncio
import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from safelight import look_back
from safelight.devices import load_observatory
from safelight.engine import Request, perform
from safelight.show.history.run_history import RunHistory
from safelight.show.report import pinned_plan, report_on
from safelight.show.report.executed_graph import marks_of
from safelight.show.report.executed_lanes import actual_lanes
from safelight.show.report.frames import MOST_PICTURES, MOST_ROWS, chosen
from tests.engine.shutter_bench import behind_shutters

EVIL = "<img src=x onerror=alert(1)>\"'`|](javascript:alert(1))\x00\u202e"


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, and the words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Words."""
        self.words.append(data)


@pytest.fixture(scope="module")
def html(ran: Any) -> str:
    """Return the report of the run, as HTML."""
    return report_on(ran.told)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """Return the same, read."""
    return Page(html)


def test_the_run_went_as_meant(ran: Any) -> None:
    """The run under the reports was faulted, and done after its resume."""
    assert (ran.first.outcome, ran.last.outcome) == ("faulted", "done")


def test_it_needs_nothing_else(html: str, page: Page) -> None:
    """No script, no link out, no address but the name of SVG, and a policy that would forbid them."""
    assert page.open == []
    addresses = set(re.findall(r"[a-z]+://[^\s\"'<)]*", html))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    assert "default-src 'none'" in html
    assert "@import" not in html
    assert "url(" not in html


def test_every_frame_is_there(ran: Any, html: str, page: Page) -> None:
    """Every frame has its card with a picture and spectra, and every file its bytes and sha256."""
    words = " ".join(page.words)
    for frame in ran.last.frames:
        assert html.count(f"<h3>{frame.frame}</h3>") == 1
        for file in frame.files:
            assert file.sha256 in words
            assert file.path.name in words
            assert f"{file.bytes:,}" in words
    pictures = [value["src"] or "" for tag, value in page.elements if tag == "img"]
    assert len(pictures) == len(ran.last.frames)
    for picture in pictures:
        assert base64.b64decode(picture.partition(",")[2]).startswith(b"\x89PNG")
    spectra = [value for tag, value in page.elements if tag == "svg" and value.get("class") == "spectrum"]
    assert len(spectra) == len(ran.last.frames)


def test_the_begin_of_a_frame_is_written_as_other_times(page: Page) -> None:
    """A card says when its frame began with a blank before the time, to the second."""
    begun = [page.words[place + 1] for place, word in enumerate(page.words) if word == "began (UTC)"]
    assert begun
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", time) for time in begun)


def test_it_tells_what_was_asked_and_what_went_wrong(ran: Any, page: Page) -> None:
    """The sequence's hash, the retry, the fault, the versions and the outcome are in it."""
    words = " ".join(page.words)
    told = ran.told
    assert told.page.sequence_hash in words
    assert "read out bias-002 failed" in words
    assert "faulted: expose Quartz-100s-001 failed after 3 tries" in words
    assert "4 of 4 frames are good" in words
    assert told.segments[0]["version"] in words
    for lamp, seen in told.lamps.items():
        assert lamp in words
        assert seen == "off"


def test_both_segments_are_drawn(ran: Any, html: str) -> None:
    """There is a picture in time for each segment, a graph of the whole, and one of each segment."""
    assert html.count('class="safelight"') == 5
    assert ">segment 1</text>" in html
    assert ">segment 2</text>" in html
    told = ran.told
    first = {lane.name: lane for lane in actual_lanes(told, told.segments[0])}
    second = {lane.name: lane for lane in actual_lanes(told, told.segments[1])}
    assert [bar.look for bar in first["integration"].bars] == ["expose", "expose", "bad", "bad", "bad"]
    assert [bar.look for bar in second["integration"].bars] == ["expose", "expose"]
    assert "Argon" not in first
    assert [bar.look for bar in second["Argon"].bars] == ["warm", "lit"]
    assert "<title>read out bias-002: " in html
    assert "<title>readout/" not in html


def test_a_timed_lamp_does_not_warm_up(tmp_path: Path) -> None:
    """A lamp that is on for a part of an exposure is drawn as lit, from its beginning on."""
    steps = [{"lamps": ["Neon"], "exposure_time": 20, "lit_for": {"Neon": 5}}]
    observatory = load_observatory("simulated").model_dump(mode="json")
    observatory["lamps"]["units"]["Neon"]["warmup_s"] = 0.0
    (tmp_path / "own.json").write_text(json.dumps(observatory))
    home = tmp_path / "home"
    request = Request(
        {"name": "timed", "steps": steps}, observatory=tmp_path / "own.json", home=home, frames=tmp_path, speed="max"
    )
    told = look_back(asyncio.run(perform(request, guarded=False)).run, home=home)
    (lane,) = (lane for lane in actual_lanes(told, told.segments[0]) if lane.name == "Neon")
    assert [bar.look for bar in lane.bars] == ["lit"]
    assert lane.bars[0].end_s - lane.bars[0].start_s == pytest.approx(5.0, abs=1.0)


def test_a_source_shutter_within_an_exposure(tmp_path: Path) -> None:
    """The report shows when a source shutter let its lamp through, in the lane of the selectors."""
    home, steps = tmp_path / "home", {"lamps": ["Th"], "exposure_time": 40, "lit_for": {"Th": 20}}
    request = Request({"name": "shown", "steps": [steps]}, behind_shutters(tmp_path), home, tmp_path, speed="max")
    told = look_back(asyncio.run(perform(request, guarded=False)).run, home=home)
    lanes = {lane.name: lane for lane in actual_lanes(told, told.segments[0])}
    (shown,) = (bar for bar in lanes["selectors"].bars if bar.look == "lit")
    assert shown.words == "Th let through for a part of Th-40s-001"
    assert shown.end_s - shown.start_s == pytest.approx(0.5 + 3.0 + 20.0 + 3.0 + 0.1, abs=1.0)
    assert [bar.look for bar in lanes["Th"].bars] == ["warm", "lit"]
    assert "Th let through for a part of Th-40s-001" in report_on(told, "html")


def test_lamp_times_are_the_journals(ran: Any) -> None:
    """The bars of a lamp over all segments are as long as the on-times in the journal."""
    told = ran.told
    for lamp in ("Quartz", "Argon"):
        lanes = [lane for row in told.segments for lane in actual_lanes(told, row) if lane.name == lamp]
        drawn_s = sum(bar.end_s - bar.start_s for lane in lanes for bar in lane.bars)
        on_time_s = sum(one.seconds or 0.0 for one in told.on_times if one.lamp == lamp)
        assert drawn_s == pytest.approx(on_time_s, abs=0.5)


def test_the_walk_is_marked(ran: Any) -> None:
    """What was tried again and what was done only by the resume is marked so."""
    found = marks_of(ran.told)
    assert found["readout/bias-001"].outcome == "done"
    assert found["readout/bias-002"].outcome == "retried"
    assert found["expose/Quartz-100s-001"].outcome == "retried"
    assert found["done"].outcome == "done"


def test_markdown_tells_the_same(ran: Any) -> None:
    """As Markdown it has the frames, the hashes, the failures and the graph as Mermaid, and no markup of its own."""
    text = report_on(ran.told, "md")
    for frame in ran.last.frames:
        assert frame.frame in text
        assert frame.files[0].sha256 in text
    assert "```mermaid\nstateDiagram-v2\n" in text
    assert "failed after 3 tries" in text
    assert "<svg" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 30


def hostile(told: RunHistory) -> RunHistory:
    """Return the same run with attacks for names."""
    page = replace(told.page, run=EVIL, sequence_origin=EVIL, choices={EVIL: EVIL}, observatory=EVIL)
    frames = tuple({**row, "reason": EVIL, "verdict": "bad"} for row in told.frames)
    states = tuple({**row, "error": EVIL} for row in told.states)
    return replace(told, page=page, frames=frames, states=states)


def test_hostile_names_are_words(ran: Any) -> None:
    """Markup in names, reasons and errors is shown as words, in HTML and in Markdown."""
    html = report_on(hostile(ran.told))
    page = Page(html)
    assert page.open == []
    assert [value for tag, value in page.elements if tag == "img" and value.get("src") == "x"] == []
    assert any("<img src=x onerror=alert(1)>" in words for words in page.words)
    text = report_on(hostile(ran.told), "md")
    assert "<img" not in text.replace("\\<img", "")
    assert not any(letter in html + text for letter in "\x00\u202e")


def test_thousands_of_frames_stay_a_small_file(ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many frames some have pictures, bad ones first. What is left out is said. The file stays small."""
    told = ran.told
    looked: list[Path] = []
    monkeypatch.setattr("safelight.show.report.frames.glance", lambda main, others: looked.append(main))  # noqa: ARG005
    first = told.frames[0]
    bad = {**first, "frame": "dark-001", "verdict": "bad", "reason": "a lamp was lit"}
    rows = (*({**first, "frame": f"bias-{number:04}"} for number in range(5000)), bad)
    html = report_on(replace(told, frames=rows))
    assert len(looked) == MOST_PICTURES
    assert "<h3>dark-001</h3>" in html
    assert "<h3>bias-0000</h3>" in html
    assert f"{5001 - MOST_PICTURES} more frames are without a picture" in html
    assert f"{5001 - MOST_ROWS} more frames are not listed" in html
    assert len(html) < 6_000_000


def test_bad_frames_and_each_kind_come_first() -> None:
    """Pictures go to bad frames, then to the first of each kind, and stand in the order of the run."""
    rows = [{"frame": f"bias-{number:03}", "verdict": "good"} for number in range(100)]
    rows += [{"frame": "dark-001", "verdict": "good"}, {"frame": "dark-002", "verdict": "bad"}]
    found = [row["frame"] for row in chosen(rows)]
    assert found[0] == "bias-000"
    assert found[-2:] == ["dark-001", "dark-002"]
    assert len(found) == MOST_PICTURES


def test_missing_files_are_told(ran: Any, tmp_path: Path) -> None:
    """A report of a run whose frames are gone is written all the same, and says so."""
    told = ran.told
    html = report_on(replace(told, page=replace(told.page, folder=tmp_path)))
    assert html.count("its file can&#x27;t be read") == len(told.frames)


def test_a_sequence_that_can_not_be_read_any_more(ran: Any) -> None:
    """Where the plan can't be made again, the report says so and tells the rest."""
    told = ran.told
    html = report_on(replace(told, page=replace(told.page, sequence_text="nonsense: [")))
    assert "make a plan of the run" in html
    assert "4 of 4 frames are good" in html


def test_a_pinned_plan_is_the_runs(ran: Any) -> None:
    """The plan made again from the journal asks for the same frames."""
    plan = pinned_plan(ran.told.page)
    assert [frame.id for frame in plan.expansion.frames] == list(ran.told.asked)


def test_notebooks_show_a_result(ran: Any) -> None:
    """A result shows its outcome, lamps and frames. Hostile words are words."""
    shown = ran.first._repr_html_()
    assert "faulted" in shown
    assert "all 6 off" in shown
    assert Page(shown).open == []
    assert ran.told._repr_html_().startswith("<svg ")
    assert "<img" not in replace(ran.first, reason=EVIL)._repr_html_()


Teller = Callable[[Path, str], RunHistory]
