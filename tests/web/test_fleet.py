"""Queue, schedules and hosts on the page: added, ordered, paused, and their last sign of life."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from safelight.engine.fleet.signs_of_life import LifeSigns, life_signs
from safelight.engine.queue.requests import QueuedRequest, add, requests
from safelight.engine.queue.rules import SitePlace
from safelight.engine.queue.schedules import RequestSchedule, add_schedule, schedules
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from tests.web.hosting import Server, serving, wait_for
from tests.web.looking import OFF

SHORT = QueuedRequest("a test", "elsewhere", "short", "name: short\nbiases: {count: 1}\n", 100.0)


@pytest.fixture
def journal(server: Server) -> Iterator[Journal]:
    """The server's journal."""
    with closing(Journal(default_url(server.home))) as opened:
        yield opened


@pytest.fixture
def controlled(page: Any, server: Server) -> Any:
    """The page with the token."""
    page.goto(f"{server.address}#token={server.token}")
    page.wait_for_selector(f"{OFF} >> nth=5")
    return page


def test_a_request_is_added_and_moved(controlled: Any, journal: Journal) -> None:
    """The form adds a request with its options and its priority, and a button moves one before another."""
    controlled.select_option("#library", "")
    controlled.fill("#document", "name: mine\nbiases: {count: 2}\n")
    controlled.fill("#priority", "3")
    controlled.check("#no_point")
    controlled.click("#add")
    controlled.wait_for_selector("#checked:has-text('is in the queue')")
    (found,) = [one for one in requests(journal) if one.sequence == "mine"]
    assert (found.observatory, found.priority, found.options) == ("small", 3, {"point": False})
    assert found.sequence_text == "name: mine\nbiases: {count: 2}\n"
    assert found.asked_by.startswith("the web page (from 127.0.0.1; ")
    assert found.expected_s > 0
    first, second = (add(journal, SHORT) for _ in range(2))
    controlled.click(f"#queue [data-request='{second}'] button:has-text('Earlier')")
    controlled.wait_for_selector(f"#said:has-text('Request {second} begins before request {first}')")
    controlled.wait_for_selector(f"#queue [data-request='{second}'] ~ [data-request='{first}']")
    assert not controlled.locator(f"#queue [data-request='{second}'] button:has-text('Earlier')").count()


def test_a_document_with_mistakes_is_not_added(server: Server) -> None:
    """All that is wrong with it comes back, and bad numbers are bad requests."""
    status, answer = server.change("add", {"document": "biases: {count: -1}\n"})
    assert (status, answer["ok"], "request" in answer) == (200, False, False)
    for verb, asked in (
        ("add", {"document": "biases: {count: 1}\n", "priority": "high"}),
        ("move", {"request": 1, "before": "2"}),
        ("move", {"request": True, "before": 2}),
        ("schedule", {"name": "x", "paused": 1}),
    ):
        assert server.change(verb, asked)[0] == 400
    assert server.change("schedule", {"name": "nobody", "paused": True})[0] == 409


def test_schedules_have_their_next_times(controlled: Any, journal: Journal) -> None:
    """A schedule is shown with its rule and its next time, and is paused and resumed."""
    request = replace(SHORT, observatory="small", sequence_hash="0" * 64)
    made = RequestSchedule("noon", request, "0 12 1 1 *", "13:00", SitePlace(None, None))
    first = add_schedule(journal, made)
    row = "#schedules [data-schedule=noon]"
    controlled.wait_for_selector(f"{row}:has-text('next {first:%Y-%m-%d} 12:00 UTC')")
    assert "small, 0 12 1 1 *, until 13:00" in controlled.inner_text(row)
    controlled.click(f"{row} button:has-text('Pause')")
    controlled.wait_for_selector(f"{row} .state:has-text('paused')")
    assert [one.paused for one in schedules(journal)] == [True]
    controlled.click(f"{row} button:has-text('Resume')")
    controlled.wait_for_selector(f"{row}:has-text('next {first:%Y-%m-%d}')")


def test_a_host_that_is_silent_is_said_to_be(controlled: Any, journal: Journal) -> None:
    """Each process has its last sign of life, and one that gives none is shown as lost."""
    LifeSigns("worker", "small").give(journal)
    controlled.wait_for_selector("#hosts li[data-state=alive]:has-text('worker, small')")
    (sign,) = life_signs(journal)
    assert 0 <= sign.age_s < 60
    seen = {"seen": "2026-01-01T00:00:00.000+00:00"}
    journal.write(sa.update(tables.life_signs), seen)
    journal.commit()
    controlled.wait_for_selector("#hosts li[data-state=lost]:has-text('no sign of life for')")
    assert life_signs(journal)[0].age_s > 86_400


def test_signs_are_given_every_few_seconds(server: Server, journal: Journal) -> None:
    """A second sign right after the first one writes nothing, and a host is listed once."""
    signs = LifeSigns("guard", "small")
    signs.give(journal)
    journal.write(sa.update(tables.life_signs), {"pid": 0})
    journal.commit()
    signs.give(journal)
    assert {sign.pid for sign in life_signs(journal)} == {0}
    LifeSigns("guard", "small").give(journal)
    assert len([sign for sign in life_signs(journal) if sign.what == "guard"]) == 1
    wait_for(lambda: server.ask("GET", "/")[0] == 200)


def test_instruments_stand_side_by_side(page: Any, small: Path, tmp_path: Path) -> None:
    """Another instrument is shown with its lamps, and ALL LAMPS OFF switches off the lamps of both."""
    document = yaml.safe_load(small.read_text(encoding="utf-8"))
    units = document["lamps"]["units"]
    document["name"], document["lamps"]["units"] = "west", {f"West{name}": unit for name, unit in units.items()}
    document.pop("sequences", None)
    west = tmp_path / "west.yaml"
    west.write_text(yaml.safe_dump(document), encoding="utf-8")
    with serving(tmp_path / "home", small, "--also", str(west)) as both:
        page.goto(f"{both.address}#token={both.token}")
        page.wait_for_selector("#instruments li[data-observatory=west][data-tone=off]:has-text('All 6 off')")
        switch = both.home / "simulated" / "switch.json"
        switch.parent.mkdir(parents=True, exist_ok=True)
        outlets = {"WestNeon": {"state": "on", "since": None, "who": "a test"}}
        plain = {"outlets": outlets, "unlisted": "off", "serial": 1, "transitions": []}
        switch.write_text(json.dumps(plain), encoding="utf-8")
        page.wait_for_selector("#instruments li[data-tone=on]:has-text('ON: WestNeon')")
        page.wait_for_selector("#strip-lamps:has-text('ON: west WestNeon')")
        page.click("#lamps-off")
        page.wait_for_selector("#off-words.good:has-text('All lamps off, as read back')")
        page.wait_for_selector("#instruments li[data-tone=off]")
        assert both.outlets()["WestNeon"] == "off"
