"""What the page shows when nobody can vouch for it: never an old "off"."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.lock import running
from tests.web.hosting import LONG, Server, serving
from tests.web.looking import OFF, ON, UNKNOWN, begin


def test_the_server_is_killed_and_no_lamp_is_taken_for_off(page: Any, small: Path, tmp_path: Path) -> None:
    """At once a banner, every lamp unknown with when it was last seen. The run goes on. A new server is believed."""
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


def test_lamps_off_at_a_server_that_hangs_leaves_the_banner(page: Any, small: Path, tmp_path: Path) -> None:
    """The page gives up its connection for the request, and goes on to say that it knows nothing."""
    with serving(tmp_path / "home", small) as server:
        page.goto(f"{server.address}#token={server.token}")
        page.wait_for_selector(f"{OFF} >> nth=5")
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            page.click("#lamps-off")
            page.wait_for_selector("#banner:has-text('Until it comes nothing is known')")
            page.wait_for_timeout(2000)
            assert page.is_visible("#banner")
            assert page.locator(UNKNOWN).count() == 6
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        page.wait_for_selector("#off-words.good")
        page.wait_for_selector("#banner", state="hidden")


def test_a_journal_that_was_never_read_tells_of_no_run(page: Any, small: Path, tmp_path: Path) -> None:
    """Locked by somebody else when the server begins: whether a run goes on is not known, and that is said."""
    home = tmp_path / "home"
    home.mkdir()
    Journal(default_url(home)).close()
    file = home / "journal.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:  # noqa: TID251 - somebody else opens it
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with serving(home, small) as server:
            page.goto(server.address)
            page.wait_for_selector("#idle:has-text('It is not known whether a run is running')")
            page.wait_for_selector("#strip-run:has-text('Runs: not known')")
            page.wait_for_selector('#banner:has-text("THE JOURNAL CAN\'T BE READ")')
            other.execute("ROLLBACK")
            other.close()
            page.wait_for_selector("#idle:has-text('No run is running')")
            page.wait_for_selector("#banner", state="hidden")


def test_a_journal_that_was_moved_away_is_missed(page: Any, small: Path, tmp_path: Path) -> None:
    """An open file that nobody else finds any more says nothing. The one that takes its place is read."""
    with serving(tmp_path / "home", small) as server:
        Journal(default_url(server.home)).close()
        page.goto(server.address)
        page.wait_for_selector("#idle:has-text('No run is running')")
        # A look at least, with the file in its place.
        page.wait_for_timeout(1000)
        for file in server.home.glob("journal.sqlite*"):
            file.rename(file.with_name(f"old-{file.name}"))
        page.wait_for_selector('#banner:has-text("THE JOURNAL CAN\'T BE READ")')
        Journal(default_url(server.home)).close()
        page.wait_for_selector("#banner", state="hidden")


def test_a_run_that_was_killed_is_told_at_a_glance(page: Any, small: Path, tmp_path: Path) -> None:
    """How the last run ended stands in the strip that is always in sight, and in the title."""
    with serving(tmp_path / "home", small, "--speed", "20") as server:
        page.goto(f"{server.address}#token={server.token}")
        begin(page, LONG)
        page.wait_for_selector(f"{ON}[data-lamp=Quartz]")
        journal = Journal(default_url(server.home), create=False)
        (owner,) = running(journal)
        journal.close()
        os.kill(owner.pid, signal.SIGKILL)
        page.wait_for_selector("#strip-run.bad:has-text('the last run was killed')")
        assert "killed" in page.title()
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
    """Where no script runs any more the browser itself covers the lamps. Every event puts that off."""
    page.goto(server.address)
    page.wait_for_selector(f"{OFF} >> nth=5")
    ages = "document.getAnimations().filter(one => one.animationName === 'doubt').map(one => one.currentTime)"
    assert len(page.evaluate(ages)) == 2
    assert max(page.evaluate(ages)) < 3000
    # In one go: the script would put it off again at once.
    run_out = "document.getAnimations().filter(one => one.animationName === 'doubt').forEach(one => one.finish())"
    covers = "getComputedStyle(document.querySelector('#lamps-box .doubt')).opacity"
    assert page.evaluate(f"() => {{ {run_out}; return {covers}; }}") == "1"
