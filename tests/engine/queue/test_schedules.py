"""Schedules: times of cron and of the sun, and one request for each of them however many workers there are."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, get_sun
from astropy.time import Time
from astropy.utils import iers

from safelight.engine.clock import wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.queue.requests import QueuedRequest, due, requests, settle
from safelight.engine.queue.rules import Rule, SitePlace
from safelight.engine.queue.schedules import (
    RequestSchedule,
    add_schedule,
    pause_schedule,
    remove_schedule,
    schedules,
    tick,
)
from safelight.engine.queue.sun import EVENTS, sun_times
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from tests.crash.crashes import small_observatory

TEXT = "name: short\nbiases: {count: 1}\n"
SHORT = QueuedRequest(
    "a test", "small", "short", TEXT, 100.0, 3, options={"point": False}, sequence_hash="0" * 64, requires=("dry",)
)
SANTIAGO = SitePlace(-29.0146, -70.6926, "America/Santiago")
NOWHERE = SitePlace(None, None)
MINUTE = timedelta(minutes=1)


def utc(*fields: int) -> datetime:
    """A time, UTC."""
    return datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type, misc]


# ---- the sun


@pytest.mark.parametrize(
    ("latitude_deg", "longitude_deg"),
    [(-29.0146, -70.6926), (28.76, -17.88), (52.5, 13.4), (-35.3, 149.0), (67.8, 20.2)],
)
@pytest.mark.parametrize("year", [2001, 2026])
def test_the_sun_is_where_astropy_sees_it(latitude_deg: float, longitude_deg: float, year: int) -> None:
    """At every time of every event the sun has its altitude, to 0.03 deg, and is on the right side of the sky."""
    first = utc(year, 1, 3)
    found = [
        (time, *EVENTS[event])
        for event in EVENTS
        for day in range(0, 360, 45)
        for time in sun_times(event, latitude_deg, longitude_deg, first + timedelta(days=day), 1)
    ]
    assert len(found) >= 40
    # Without tables of the Earth's rotation, which are downloaded: UT1 is within 0.9 s of UTC.
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        times = Time([time for time, _, _ in found])
        place = EarthLocation(lat=latitude_deg * units.deg, lon=longitude_deg * units.deg)
        seen = get_sun(times).transform_to(AltAz(obstime=times, location=place))
    for (time, altitude_deg, side), alt, az in zip(found, seen.alt.deg, seen.az.deg, strict=True):
        assert abs(alt - altitude_deg) < 0.03, time
        assert (az > 180) == (side > 0), time


@pytest.mark.parametrize(
    ("event", "latitude_deg", "longitude_deg", "day", "expected"),
    [
        # Greenwich, 2000-01-01: sunrise 08:06, sunset 16:02, as in the Astronomical Almanac's tables.
        ("sunrise", 51.48, 0.0, utc(2000, 1, 1), utc(2000, 1, 1, 8, 6)),
        ("sunset", 51.48, 0.0, utc(2000, 1, 1), utc(2000, 1, 1, 16, 2)),
    ],
)
def test_known_times(event: str, latitude_deg: float, longitude_deg: float, day: datetime, expected: datetime) -> None:
    """Published times are met to the minute."""
    (found,) = sun_times(event, latitude_deg, longitude_deg, day, 1)
    assert abs(found - expected) <= MINUTE


def test_a_sun_that_does_not_set() -> None:
    """In a polar summer there is no sunset, and the next one is that of the end of it."""
    tromso = SitePlace(69.65, 18.96)
    assert list(sun_times("sunset", 69.65, 18.96, utc(2026, 6, 1), 30)) == []
    found = Rule.of("sunset", tromso, "--sun").next(utc(2026, 6, 1))
    assert found is not None
    assert utc(2026, 7, 24) < found < utc(2026, 7, 29)


# ---- rules


@pytest.mark.parametrize(
    ("line", "zone", "after", "expected"),
    [
        ("0 16 * * *", "UTC", utc(2026, 11, 29, 15), [utc(2026, 11, 29, 16), utc(2026, 11, 30, 16)]),
        ("0 16 * * *", "America/Santiago", utc(2026, 11, 29, 15), [utc(2026, 11, 29, 19), utc(2026, 11, 30, 19)]),
        ("*/20 5-6 * * *", "UTC", utc(2026, 1, 1, 5, 30), [utc(2026, 1, 1, 5, 40), utc(2026, 1, 1, 6)]),
        ("30 4 * * mon,Wed", "UTC", utc(2026, 11, 29), [utc(2026, 11, 30, 4, 30), utc(2026, 12, 2, 4, 30)]),
        ("0 0 * * 7", "UTC", utc(2026, 11, 29, 1), [utc(2026, 12, 6), utc(2026, 12, 13)]),
        ("0 0 13 * fri", "UTC", utc(2026, 11, 12), [utc(2026, 11, 13), utc(2026, 11, 20)]),
        ("0 0 29 2 *", "UTC", utc(2026, 11, 29), [utc(2028, 2, 29), utc(2032, 2, 29)]),
        ("5/25 0 1 jan *", "UTC", utc(2026, 1, 1, 0, 6), [utc(2026, 1, 1, 0, 30), utc(2026, 1, 1, 0, 55)]),
        # Skipped by the change of clocks, and there twice.
        ("30 2 * * *", "Europe/Berlin", utc(2026, 3, 28, 2), [utc(2026, 3, 29, 1, 30), utc(2026, 3, 30, 0, 30)]),
        ("30 2 * * *", "Europe/Berlin", utc(2026, 10, 24, 2), [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]),
    ],
)
def test_lines_of_cron(line: str, zone: str, after: datetime, expected: list[datetime]) -> None:
    """Fields mean what crontab(5) says, in the time zone of the site."""
    rule = Rule.of(line, SitePlace(None, None, zone), "--cron")
    first = rule.next(after)
    assert first is not None
    assert [first, rule.next(first)] == expected
    assert rule.latest(after, expected[1] + MINUTE) == expected[1]


@pytest.mark.parametrize("line", ["0,30 16 * * *", "0-30/5 16 * * *", "*/7 16 * * *", "5 16 * * mon", "16:00"])
def test_a_schedule_by_any_line_of_cron(journal: Journal, line: str) -> None:
    """A schedule takes every form of a line of cron, with the times of that line."""
    first = add_schedule(journal, replace(every_minute(), rule=line))
    assert first == Rule.of(line, SitePlace(None, None), "--cron").next(schedules(journal)[0].seen)


@pytest.mark.parametrize(
    ("rule", "site", "option", "words"),
    [
        ("0 16 * *", NOWHERE, "--cron", "expected five fields"),
        ("60 16 * * *", NOWHERE, "--cron", "minute: expected numbers from 0 to 59"),
        ("0 16 * * fry", NOWHERE, "--cron", "day of the week: expected numbers from 0 to 7"),
        ("0 5-3 * * *", NOWHERE, "--cron", "hour: expected numbers from 0 to 23"),
        ("0 */0 * * *", NOWHERE, "--cron", "hour: expected"),
        ("sunset - 45", SANTIAGO, "--sun", "expected one of sunrise"),
        ("moonset", SANTIAGO, "--sun", "expected one of sunrise"),
        ("sunset - 20 h", SANTIAGO, "--sun", "at most 12 h"),
        ("sunset - 45 min", NOWHERE, "--sun", "needs the place of the site"),
        ("25:00", NOWHERE, "--until", "expected a clock time"),
        ("0 16 * * *", SitePlace(None, None, "Mars/Olympus"), "--cron", "expected a time zone"),
    ],
)
def test_rules_that_are_wrong(rule: str, site: SitePlace, option: str, words: str) -> None:
    """A rule that can't be read is refused with what is expected."""
    with pytest.raises(RunRefused, match=words):
        Rule.of(rule, site, option)


def test_times_relative_to_the_sun() -> None:
    """A shift is counted from the event, before or after it."""
    sunset, shifted, later = (
        Rule.of(text, SANTIAGO, "--sun").next(utc(2026, 11, 29, 18))
        for text in ("sunset", "Sunset  - 45 min", "sunset+1.5h")
    )
    assert sunset is not None
    assert (shifted, later) == (sunset - 45 * MINUTE, sunset + 90 * MINUTE)


# ---- requests


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    """An open journal of either kind."""
    with closing(Journal(url)) as opened:
        yield opened


def every_minute(**changes: Any) -> RequestSchedule:
    """A schedule that is due each minute."""
    return RequestSchedule("noon", SHORT, "* * * * *", None, NOWHERE, **changes)


def seen_before(journal: Journal, minutes: int) -> datetime:
    """Let times be open since some minutes ago; the last full minute."""
    now = wall_utc()
    values = {"seen": (now - minutes * MINUTE).isoformat(timespec="milliseconds")}
    journal.write(sa.update(tables.schedules), values)
    journal.commit()
    return now.replace(second=0, microsecond=0)


def test_one_request_for_a_time(journal: Journal) -> None:
    """After 100 missed times one request is made, for the last one, by one of two workers, and none a second time."""
    add_schedule(journal, every_minute(unless_done_within_s=3600.0))
    assert tick(journal, "small") == []
    last = seen_before(journal, 100)
    with closing(Journal(journal.url)) as theirs:
        assert [one.due for one in tick(journal, "small")] in ([last], [last + MINUTE])
        assert tick(theirs, "large") == []
    (found,) = requests(journal)
    assert found.due == found.not_before
    assert found.due is not None
    assert found.unless_done_since == found.due - timedelta(hours=1)
    assert (found.schedule, found.priority, found.options, found.sequence_text) == ("noon", 3, {"point": False}, TEXT)
    assert found.requires == ("dry",)
    assert due(journal, "small") == found


def test_two_workers_at_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two workers that have read the same schedule before either acts, one makes the request."""
    add_schedule(journal, every_minute())
    seen_before(journal, 2)
    read = schedules(journal, "small")
    monkeypatch.setattr("safelight.engine.queue.schedules.schedules", lambda *_: read)
    with closing(Journal(journal.url)) as theirs:
        made = tick(journal, "small") + tick(theirs, "small")
    assert len(made) == 1
    assert [one.state for one in requests(journal)] == ["waiting"]


def test_the_next_time_replaces_the_one_before(journal: Journal) -> None:
    """A request that still waits when its schedule is due again ends as missed; one that has ended stays as it is."""
    add_schedule(journal, every_minute())
    for states in (["waiting"], ["missed", "waiting"]):
        seen_before(journal, 2)
        assert len(tick(journal, "small")) == 1
        assert [one.state for one in requests(journal)] == states
    assert settle(journal, requests(journal)[1], "aborted", None)
    seen_before(journal, 2)
    tick(journal, "small")
    assert [one.state for one in requests(journal)] == ["missed", "aborted", "waiting"]


def test_a_time_that_is_long_ago_is_left_out(journal: Journal) -> None:
    """Without a window a time counts for 15 minutes. With one, its request ends as missed when the window is over."""
    now = wall_utc()
    ago = now - 20 * MINUTE
    line = f"{ago.minute} {ago.hour} * * *"
    add_schedule(journal, replace(every_minute(), name="plain", rule=line))
    add_schedule(journal, replace(every_minute(), name="open", rule=line, until=f"{now + 5 * MINUTE:%H:%M}"))
    add_schedule(journal, replace(every_minute(), name="over", rule=line, until=f"{now - 10 * MINUTE:%H:%M}"))
    seen_before(journal, 60)
    assert [one.schedule for one in tick(journal, "small")] == ["open", "over"]
    found = due(journal, "small")
    assert found is not None
    assert found.schedule == "open"
    settle(journal, found, "done", None)
    assert due(journal, "small") is None
    assert [one.state for one in requests(journal)] == ["done", "missed"]


def test_a_schedule_is_paused_and_removed(journal: Journal) -> None:
    """A paused one makes no requests, a resumed one none for the time between, and a removed one is gone."""
    add_schedule(journal, every_minute())
    pause_schedule(journal, "noon", paused=True)
    seen_before(journal, 2)
    assert tick(journal, "small") == []
    assert [one.paused for one in schedules(journal)] == [True]
    pause_schedule(journal, "noon", paused=False)
    (found,) = schedules(journal)
    assert wall_utc() - found.seen < MINUTE
    with pytest.raises(RunRefused, match="there is a schedule noon already"):
        add_schedule(journal, every_minute())
    remove_schedule(journal, "noon")
    assert schedules(journal) == []
    for change in (lambda: remove_schedule(journal, "noon"), lambda: pause_schedule(journal, "noon", paused=True)):
        with pytest.raises(RunRefused, match="there is no schedule noon"):
            change()


def test_a_window_that_is_too_short(journal: Journal) -> None:
    """A schedule whose window can't hold its sequence, or that has no time at all, is refused when it is added."""
    with pytest.raises(RunRefused, match="expected at least 100 s after the due time"):
        add_schedule(journal, replace(every_minute(), rule="0 16 * * *", until="16:01"))
    with pytest.raises(RunRefused, match="no time in the next eight years"):
        add_schedule(journal, replace(every_minute(), rule="0 0 31 2 *"))
    assert schedules(journal) == []


def test_the_command_line(warm_safelight: Path, tmp_path: Path) -> None:
    """A schedule is added from an observatory with its place and time zone, and listed with its next time."""
    observatory = small_observatory(
        tmp_path,
        frames={"timezone": "America/Santiago"},
        site={"latitude_deg": SANTIAGO.latitude_deg, "longitude_deg": SANTIAGO.longitude_deg},
    )

    def safelight(*words: str) -> Any:
        told = [*words, "--home", str(tmp_path / "home"), "--json"]
        done = subprocess.run([warm_safelight, *told], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    site = ("demo", "--observatory", str(observatory))
    by_sun = safelight(
        "schedule", "add", "dusk", *site, "--sun", "Sunset - 45 min", "--until", "sunset + 10 min",
        "--unless-done-within", "12",
    )  # fmt: skip
    safelight("schedule", "add", "noon", *site, "--cron", "0 12 * * *", "--priority", "2")
    dusk, noon = safelight("schedule", "list")["schedules"]
    assert (dusk["next"], dusk["rule"]) == (by_sun["next"], "sunset - 45 min")
    rule = Rule.of("sunset - 45 min", SANTIAGO, "--sun").next(wall_utc())
    assert rule is not None
    assert dusk["next"] == rule.isoformat()
    assert (noon["time_zone"], noon["priority"], noon["paused"]) == ("America/Santiago", 2, False)
    local = datetime.fromisoformat(noon["next"]).astimezone(ZoneInfo("America/Santiago"))
    assert (local.hour, local.minute) == (12, 0)
