"""The page in a real browser: what an observer sees at night, and what the buttons do."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from safelight.engine import look_back
from safelight.engine.queue.requests import QueuedRequest, add, cancel, request_of
from safelight.engine.records.database import Journal, default_url
from tests.web.hosting import LONG, SHORT, Server, wait_for
from tests.web.looking import DRAWN, OFF, ON, begin

WHO = "the web page (from 127.0.0.1; "

IN_SIGHT = """(() => {
  const one = document.activeElement.getBoundingClientRect();
  return one.top >= 0 && one.bottom <= document.getElementById("off-bar").getBoundingClientRect().top;
})()"""
"""Whether what has the focus is above the bar at the bottom of a phone."""


@pytest.fixture
def controlled(page: Any, server: Server) -> Iterator[Any]:
    """Yield the page with the token, as `safelight serve` prints its address."""
    page.goto(f"{server.address}#token={server.token}")
    page.wait_for_selector(f"{OFF} >> nth=5")
    yield page
    if page.locator("button.abort").count():
        server.change("lamps-off")
        page.wait_for_selector("#idle")


def test_lamps_are_counted_in_words(controlled: Any) -> None:
    """Two lamps that are off are both off, in the words that commands and notifications have."""
    words = controlled.evaluate("""async () => {
      const { summary } = await import(document.querySelector("script[src]").src.replace("main.js", "lamps.js"));
      return [1, 2, 6].map((many) => summary(Array.from({ length: many }, () => ({ state: "off" })))[0]);
    }""")
    assert words == ["Off", "Both off", "All 6 off"]


def test_a_run_is_started_watched_aborted_and_resumed_to_its_end(controlled: Any, server: Server) -> None:
    """States change under the eyes. An abort darkens the lamp as read back. A resume brings the rest home."""
    page = controlled
    begin(page, SHORT)
    page.wait_for_selector(f"{ON}[data-lamp=Quartz]")
    assert "ON: Quartz" in page.inner_text("#lamps-summary")
    assert server.outlets()["Quartz"] == "on"
    assert re.search(r"\d:\d\d:\d\d left", page.inner_text(".left"))
    page.wait_for_selector(".active .what:has-text('Quartz')")
    page.wait_for_selector("#log li:has-text('expose bias-001: done')")
    page.click("button.abort")
    page.wait_for_selector("#idle")
    page.wait_for_selector(f"{OFF} >> nth=5")
    assert set(server.outlets().values()) == {"off"}
    page.wait_for_selector("#run-facts:has-text('was aborted')")
    page.wait_for_selector(f"#log li:has-text('requested by {WHO}')")
    page.wait_for_selector(f"#log li:has-text('abort requested by {WHO}')")
    page.click("#resume")
    page.wait_for_selector("button.abort")
    page.wait_for_selector("#run-facts:has-text('is done: 2 of 2 frames')")
    page.wait_for_selector("#idle")
    assert set(server.outlets().values()) == {"off"}
    assert [(run["status"], run["frames"]) for run in server.runs()[:1]] == [("done", 2)]
    told = look_back(home=server.home)
    assert [row["word"] for row in told.requests] == ["start", "abort", "resume"]
    assert all(row["who"].startswith(WHO) for row in told.requests)


def test_the_latest_frame_is_shown_with_its_spectrum(controlled: Any, server: Server) -> None:
    """A frame that has come onto the disk is drawn, found through the journal."""
    begin(controlled, "name: one\nbiases: {count: 1}\n")
    controlled.wait_for_selector("#frame-name:has-text('bias-001')")
    wait_for(lambda: controlled.evaluate(DRAWN))
    controlled.wait_for_selector("#spectrum polyline")
    controlled.wait_for_selector("#run-facts:has-text('is done')")
    assert server.runs()[0]["frames"] == 1


def test_the_state_graph_is_drawn_as_it_is_walked(controlled: Any, server: Server) -> None:
    """It comes by itself, shows what is at work, and every state where that is asked for. No other run's is there."""
    begin(controlled, LONG)
    controlled.wait_for_selector("#graph img")
    assert controlled.evaluate("document.querySelector('#graph img').naturalWidth") > 400
    run = server.runs()[0]["run"]
    walked = server.ask("GET", f"/api/graph?run={run}")
    assert (walked[0], walked[1]["content-type"]) == (200, "image/svg+xml")
    assert f"<title>{run}</title>" in walked[2].decode()
    assert "mark-now" in walked[2].decode()
    controlled.check("#graph-whole")
    controlled.wait_for_selector("#graph img[src*='detail=states']")
    assert len(server.ask("GET", f"/api/graph?run={run}&detail=states")[2]) > len(walked[2])
    assert server.ask("GET", "/api/graph?run=none")[0] == 404
    controlled.click("button.abort")
    controlled.wait_for_selector("#run-facts:has-text('was aborted')")


def test_pause_ends_after_the_frame_in_progress(controlled: Any, server: Server) -> None:
    """The page says at once that a pause was asked for, and then that the run is paused."""
    begin(controlled, SHORT)
    controlled.wait_for_selector("#log li:has-text('expose bias-001: done')")
    controlled.click("button.pause")
    controlled.wait_for_selector(".stopping:has-text('Pause requested')")
    controlled.wait_for_selector("#run-facts:has-text('is paused')")
    assert server.runs()[0]["status"] == "paused"


def test_lamps_off_works_while_a_run_lights_them(controlled: Any, server: Server) -> None:
    """The button is never disabled. It darkens every lamp at once, and the run that would light them again ends."""
    begin(controlled, LONG)
    controlled.wait_for_selector(f"{ON}[data-lamp=Quartz]")
    controlled.click("#lamps-off")
    controlled.wait_for_selector("#off-words.good:has-text('All lamps off, as read back')")
    controlled.wait_for_selector("#idle")
    controlled.wait_for_selector(f"{OFF} >> nth=5")
    assert set(server.outlets().values()) == {"off"}
    assert server.runs()[0]["status"] == "aborted"
    controlled.wait_for_selector(f"#log li:has-text('by hand: {WHO}')")
    controlled.wait_for_selector(f"#log li:has-text('abort requested by {WHO}')")


def test_a_watcher_without_the_token_is_asked_for_it(page: Any, server: Server) -> None:
    """Without the token the page shows everything and changes nothing. A wrong one is said to be wrong."""
    page.goto(server.address)
    page.wait_for_selector(f"{OFF} >> nth=5")
    assert page.inner_text("#control-words") == "Watching only"
    runs = len(server.runs())
    page.click("#start")
    page.type("#token", "wrong")
    page.click("#token-use")
    page.wait_for_selector("#token-trouble:has-text('not right')")
    page.click("#token-cancel")
    assert page.is_enabled("#lamps-off")
    page.click("#lamps-off")
    page.type("#token", server.token)
    page.keyboard.press("Enter")
    page.wait_for_selector("#off-words.good")
    assert page.inner_text("#control-words") == "You can control this run"
    page.click("#control")
    page.click("#control")
    page.wait_for_selector("#token-dialog[open]")
    page.click("#lamps-off", trial=True)
    page.keyboard.press("Escape")
    page.wait_for_selector("#token-dialog", state="hidden")
    assert len(server.runs()) == runs


def test_lamps_off_without_the_token_says_that_nothing_is_sent(page: Any, server: Server) -> None:
    """While the token is asked for nothing is being switched, and the page goes on to believe what it reads."""
    page.goto(server.address)
    page.wait_for_selector(f"{OFF} >> nth=5")
    page.click("#lamps-off")
    page.wait_for_selector("#off-words.bad:has-text('NOTHING IS SENT YET')")
    page.type("#token", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token-trouble:has-text('not right')")
    # Longer than the page waits before it gives up its connection for a request.
    page.wait_for_timeout(3500)
    assert "NOTHING IS SENT YET" in page.inner_text("#off-words")
    assert page.is_hidden("#banner")
    assert page.locator(OFF).count() == 6
    page.keyboard.press("Escape")
    page.wait_for_selector("#off-words.bad:has-text('Nothing was sent')")


def test_the_printed_address_gives_control_where_the_page_is_open(page: Any, server: Server) -> None:
    """As after a new start of the server: the same page, another token behind the #."""
    page.goto(server.address)
    page.wait_for_selector("#control-words:has-text('Watching only')")
    page.goto(f"{server.address}#token={server.token}")
    page.wait_for_selector("#control-words:has-text('You can control this run')")
    assert "token" not in page.url


def test_the_token_does_not_stay_in_the_address(controlled: Any, server: Server) -> None:
    """Neither the address bar nor the history nor a cookie keeps it."""
    assert controlled.url == server.address
    assert controlled.context.cookies() == []


def test_another_site_in_the_same_browser_gets_nowhere(page: Any, server: Server) -> None:
    """Neither with fetch in any mode nor by events nor under another name of this machine, token or not."""
    runs = len(server.runs())
    page.goto("about:blank")
    attack = """async ([address, token]) => {
        const found = [];
        for (const mode of ["cors", "no-cors"]) for (const type of ["application/json", "text/plain"]) {
            const headers = { "Content-Type": type, Authorization: `Bearer ${token}` };
            const body = JSON.stringify({ library: "bias" });
            await fetch(`${address}api/start`, { method: "POST", mode, headers, body })
                .then((answer) => found.push(answer.status), () => found.push("refused"));
        }
        await fetch(`${address}api/library`).then((answer) => found.push(answer.status), () => found.push("refused"));
        const events = new EventSource(`${address}api/stream`);
        found.push(await new Promise((resolve) => {
            events.addEventListener("tick", () => resolve("heard"));
            events.onerror = () => resolve("refused");
        }));
        events.close();
        return found;
    }"""
    found = page.evaluate(attack, [server.address, server.token])
    assert set(found) <= {"refused", 0}
    assert page.goto(server.address.replace("127.0.0.1", "evil.example")).status == 421
    assert page.locator("#lamps").count() == 0
    assert len(server.runs()) == runs


HOSTILE = '<img src=x onerror="window.pwned=1">'


def test_hostile_names_are_shown_as_text(controlled: Any, server: Server) -> None:
    """A name that is markup stays a name: in the runs, in the log, in the problems of a document, in the title."""
    page = controlled
    page.select_option("#library", "")
    page.fill("#document", f"'{HOSTILE}': 1\n")
    page.click("#check")
    page.wait_for_selector(f"#checked li:has-text('{HOSTILE}')")
    begin(page, LONG.replace("short", f"'{HOSTILE}'\nheader: {{OBSERVER: '<b>x</b>'}}"))
    page.wait_for_selector(f"#strip-run:has-text('{HOSTILE}')")
    page.click("button.abort")
    page.wait_for_selector(f"#run-facts:has-text('{HOSTILE} was aborted')")
    page.wait_for_selector(f"#runs li:has-text('{HOSTILE}')")
    assert page.evaluate("window.pwned") is None
    assert page.locator("img:not(#graph img)").count() == 1
    assert page.locator("main b").count() == 0
    assert server.runs()[0]["sequence"] == HOSTILE


def test_the_page_can_be_used_by_keyboard_and_on_a_phone(page: Any, server: Server) -> None:
    """Every control can be reached by Tab, has a name and is in sight. On a phone nothing is wider than the screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(server.address)
    page.wait_for_selector(f"{OFF} >> nth=5")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"control", "lamps-off", "library", "check", "start", "no_overlap"} <= reached
    nameless = "[...document.querySelectorAll('button,input,select,textarea')].filter(one => !one.labels?.length"
    assert page.evaluate(f"{nameless} && !one.textContent.trim() && !one.ariaLabel).length") == 0
    bar = page.locator("#lamps-off").bounding_box()
    assert bar["y"] + bar["height"] <= 844
    boxes = page.locator("#start-form label.check input").all()
    assert {box.bounding_box()["width"] for box in boxes} == {20}
    for one in ("library", "no_overlap", "check", "start"):
        page.evaluate(f"scrollBy(0, {one}.getBoundingClientRect().bottom - innerHeight + 20)")
        page.evaluate(f"{one}.focus()")
        assert page.evaluate(IN_SIGHT), one
    wait_for(lambda: page.title() == "safelight")


def test_lamps_have_the_whole_width_while_nothing_runs(controlled: Any) -> None:
    """Without a run there is one sentence beside the lamps, and no empty card."""
    now, lamps = (controlled.locator(part).bounding_box() for part in ("#now-part", "#lamps-part"))
    assert now["width"] == lamps["width"]
    assert now["height"] < 150
    begin(controlled, LONG)
    controlled.wait_for_selector("button.abort")
    now, lamps = (controlled.locator(part).bounding_box() for part in ("#now-part", "#lamps-part"))
    assert now["y"] == lamps["y"]


def test_the_page_ends_where_its_content_ends(controlled: Any, server: Server) -> None:
    """A long log makes no empty space below it, a document is shown in columns, and a phone shows a whole graph."""
    begin(controlled, "name: many\nbiases: {count: 12}\n")
    controlled.wait_for_selector("#run-facts:has-text('is done')")
    controlled.wait_for_selector("#log li >> nth=39")
    page_px, body_px = controlled.evaluate(
        "[document.documentElement.scrollHeight, document.body.getBoundingClientRect().height]"
    )
    assert page_px <= max(body_px, 900) + 2
    controlled.select_option("#library", "")
    assert "monospace" in controlled.evaluate("getComputedStyle(document.getElementById('document')).fontFamily")
    controlled.set_viewport_size({"width": 390, "height": 844})
    controlled.wait_for_selector("#graph img")
    right_px = controlled.evaluate("document.querySelector('#graph img').getBoundingClientRect().right")
    assert 200 < right_px <= 390
    alone = controlled.get_attribute("#graph-alone", "href")
    assert server.ask("GET", alone[alone.index("/api/") :])[1]["content-type"] == "image/svg+xml"


def test_the_queue_is_shown_and_a_request_cancelled(controlled: Any, server: Server) -> None:
    """Waiting requests are there with what they wait for, at a phone's width as well, and a button cancels one."""
    asked = QueuedRequest("a test", "small", "a-long-name-of-a-sequence" * 3, SHORT, 100.0, priority=2)
    with closing(Journal(default_url(server.home))) as journal:
        first = add(journal, replace(asked, sequence="first", not_before=datetime(2031, 5, 6, 7, 8, tzinfo=UTC)))
        second = add(journal, replace(asked, after=first))
        row = f'#queue li[data-request="{second}"]'
        controlled.wait_for_selector(f'{row}[data-state="waiting"]:has-text("after request {first}")')
        assert "priority 2, from 2031-05-06 07:08 UTC" in controlled.inner_text(f'#queue li[data-request="{first}"]')
        controlled.set_viewport_size({"width": 390, "height": 844})
        assert controlled.evaluate("document.documentElement.scrollWidth") <= 390
        assert controlled.locator(f"{row} button:has-text('Cancel')").bounding_box()["height"] >= 32
        controlled.set_viewport_size({"width": 1100, "height": 900})
        controlled.click(f"{row} button:has-text('Cancel')")
        controlled.wait_for_selector(f'{row}[data-state="cancelled"]:has-text("cancelled by {WHO}")')
        assert controlled.locator(f"{row} button").count() == 0
        assert request_of(journal, second).state == "cancelled"
        assert request_of(journal, first).state == "waiting"
        for body in ({"request": second}, {"request": True}, {"request": 2**40}, {}):
            assert "error" in server.change("cancel", body)[1]
        cancel(journal, first, "a test")
        controlled.wait_for_selector(f'#queue li[data-request="{first}"][data-state="cancelled"]')
