"""What the page shows when nobody can vouch for it: never an old "off"."""

import os
import signal
from pathlib import Path
from typing import Any

from tests.web.hosting import LONG, Server, serving
from tests.web.looking import OFF, ON, UNKNOWN, begin


def test_the_server_is_killed_and_no_lamp_is_taken_for_off(page: Any, small: Path, tmp_path: Path) -> None:
    """At once a banner, every lamp unknown with when it was last seen; the run goes on; a new server is believed."""
    home = tmp_path / "home"
    with serving(home, small, "--speed", "20") as server:
        page.goto(f"{server.address}#token={server.token}")
        page.wait_for_selector(f"{OFF} >> nth=5")
        begin(page, LONG)
        page.wait_for_selector(f"{ON}[data-lamp=Quartz]")
        runner = server.runs()[0]["run"]
        server.kill()
        page.wait_for_selector("#banner:has-text('NO CONNECTION')", timeout=8_000)
        assert page.locator(UNKNOWN).count() == 6
        assert page.locator(OFF).count() == 0
        assert "last seen on" in page.inner_text("#lamps li[data-lamp=Quartz]")
        assert "last seen off" in page.inner_text("#lamps li[data-lamp=Argon]")
        assert "OLD DATA" in page.title()
        assert "Was running" in page.inner_text("#now")
        assert page.is_enabled("#lamps-off")
        page.click("#lamps-off")
        page.wait_for_selector("#off-words.bad:has-text('safelight lamps off')")
        assert server.runs()[0]["status"] == "running"
        port = server.address.rstrip("/").rpartition(":")[2]
    with serving(home, small, "--port", port) as server:
        # The browser comes back by itself.
        page.wait_for_selector("#banner", state="hidden")
        page.wait_for_selector(f"button.abort[data-key='abort {runner}']")
        page.click("button.abort")
        page.fill("#token", server.token)
        page.keyboard.press("Enter")
        page.wait_for_selector("#run-facts:has-text('was aborted')")
        page.wait_for_selector(f"{OFF} >> nth=5")


def test_a_server_that_hangs_is_noticed(page: Any, small: Path, tmp_path: Path) -> None:
    """A connection that stands and brings nothing is no news: within seconds the lamps are unknown."""
    with serving(tmp_path / "home", small) as server:
        page.goto(server.address)
        page.wait_for_selector(f"{OFF} >> nth=5")
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            page.wait_for_selector("#banner:has-text('NO NEWS')", timeout=10_000)
            assert page.locator(UNKNOWN).count() == 6
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        page.wait_for_selector("#banner", state="hidden")
        page.wait_for_selector(f"{OFF} >> nth=5")


def test_lamps_that_can_not_be_read_are_unknown(page: Any, small: Path, tmp_path: Path) -> None:
    """Where the server lives and the switch does not, the last reading is not passed off as the present."""
    with serving(tmp_path / "home", small) as server:
        page.goto(server.address)
        page.wait_for_selector(f"{OFF} >> nth=5")
        switch = server.home / "simulated" / "switch.json"
        switch.parent.mkdir(exist_ok=True)
        switch.write_text("no switch", encoding="utf-8")
        page.wait_for_selector(f"{UNKNOWN} >> nth=5")
        assert "last seen off" in page.inner_text("#lamps li[data-lamp=Argon]")
        assert "UNKNOWN" in page.inner_text("#strip")


def test_a_page_that_hangs_covers_what_it_shows(page: Any, server: Server) -> None:
    """Where no script runs any more the browser itself covers the lamps; every event puts that off."""
    page.goto(server.address)
    page.wait_for_selector(f"{OFF} >> nth=5")
    ages = "document.getAnimations().filter(one => one.animationName === 'doubt').map(one => one.currentTime)"
    assert len(page.evaluate(ages)) == 2
    assert max(page.evaluate(ages)) < 3000
    # In one go: the script would put it off again at once.
    run_out = "document.getAnimations().filter(one => one.animationName === 'doubt').forEach(one => one.finish())"
    covers = "getComputedStyle(document.querySelector('#lamps-box .doubt')).opacity"
    assert page.evaluate(f"() => {{ {run_out}; return {covers}; }}") == "1"
