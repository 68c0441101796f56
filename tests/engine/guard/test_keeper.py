"""A keeper on another host: lamps go dark when a host is lost, cut off or frozen, and the run is resumed elsewhere."""

import asyncio
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from safelight.engine.guard.keeper import DARK_S, Silence
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Lock, Owner, beat, owner_of
from safelight.engine.records.takeover import end_for
from tests.crash.check import rows_of
from tests.crash.crashes import small_observatory
from tests.engine.guard.hosts import Site, arguments, until, whole_site, words_of
from tests.engine.records.conftest import new_database
from tests.matrix.wall import pause

SEQUENCE = {"name": "two", "lamps": {"Quartz": {"warmup": 5, "exposure_time": [100, 20]}}}
FRAMES = ["Quartz-100s-001", "Quartz-20s-001"]
DARK_WITHIN_S = 6.0
"""Longest time between the loss of a host and the darkness of its lamps, s."""

# ---- silence


def an_owner(beats: int, epoch: int = 1) -> Owner:
    """An owner, as read."""
    return Owner("small", "their-run", "alpha", 1, "", "", "", epoch, beats)


@pytest.mark.parametrize(
    ("looks", "silent_s"),
    [
        ([(0, 1), (1, 1), (2, 1), (3, 1)], 3),
        ([(0, 1), (1, 1), (2, 2), (3, 2)], 1),
        ([(0, 1), (1, 1), (9, 1)], 0),
        ([(0, 1), (1, 1), (9, 1), (10, 1)], 1),
    ],
    ids=["silent", "a beat", "the keeper stood still", "and counts anew"],
)
def test_silence_is_counted_from_the_last_change(looks: Sequence[tuple[float, int]], silent_s: float) -> None:
    """Silence is the time without another number, on the keeper's clock, and anew after a time without looks."""
    silence, found = Silence(), -1.0
    for at_s, beats in looks:
        found = silence.of(an_owner(beats), at_s)
    assert found == silent_s
    assert silence.of(an_owner(looks[-1][1], epoch=2), looks[-1][0] + 0.1) == 0


# ---- the end of a run in the journal


@pytest.fixture
def journal(postgres_url: str) -> Iterator[Journal]:
    """An open journal that others can reach."""
    with closing(Journal(postgres_url)) as opened:
        yield opened


def test_an_owner_that_was_heard_is_left_alone(journal: Journal) -> None:
    """Only the silent owner that was seen loses its observatory: one heartbeat more, and nothing is done."""
    with closing(Journal(journal.url)) as theirs:
        lock = Lock.take(theirs, "small", "their-run")
        seen = owner_of(journal, "small")
        assert seen is not None
        beat(theirs, lock.owner, lock.tenure)
        assert not end_for(journal, seen, "silence", {"Quartz": "off"})
        again = owner_of(journal, "small")
        assert again is not None
        assert again.beats == 1
        assert end_for(journal, again, "silence", {"Quartz": "off"})
        assert owner_of(journal, "small") is None
        assert rows_of(journal.url, tables.fences) == [{"observatory": "small", "epoch": 2}]
        assert not end_for(journal, again, "silence", {"Quartz": "off"})


@pytest.mark.parametrize(("seen", "outcome"), [("off", "faulted"), ("on", "unsafe"), ("unknown", "unsafe")])
def test_the_segment_ends_as_its_lamps_are(journal: Journal, seen: str, outcome: str) -> None:
    """The end that a keeper enters is unsafe unless every lamp was read as off, and has its reason."""
    owner = Lock.take(journal, "small", "their-run").owner
    page = dict.fromkeys((column.name for column in tables.runs.columns), "x") | {"frames_asked": 1, "outcome": None}
    segment = dict.fromkeys((column.name for column in tables.segments.columns), "x")
    segment |= {"run": "their-run", "segment": 1, "pid": 1, "epoch": owner.epoch, "ended": None, "outcome": None}
    journal.write(sa.insert(tables.runs), page | {"run": "their-run"})
    journal.write(sa.insert(tables.segments), segment)
    journal.commit()
    with closing(Journal(journal.url)) as keeper:
        assert end_for(keeper, owner, "silence", {"Quartz": seen, "Neon": "off"})
    (row,) = rows_of(journal.url, tables.segments)
    assert (row["outcome"], row["reason"]) == (outcome, "silence")
    assert rows_of(journal.url, tables.runs)[0]["outcome"] == outcome


# ---- hosts


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Alpha, beta, and a database between them."""
    with whole_site(tmp_path, new_database) as made:
        yield made


@pytest.fixture
def documents(tmp_path: Path) -> Mapping[str, Path]:
    """Sequence, observatory and folder of frames."""
    sequence = tmp_path / "two.yaml"
    sequence.write_text(yaml.safe_dump(SEQUENCE), encoding="utf-8")
    return {"sequence": sequence, "observatory": small_observatory(tmp_path), "frames": tmp_path / "frames"}


def burning_on_alpha(site: Site, documents: Mapping[str, Path]) -> None:
    """A keeper on beta, and a run on alpha that takes a frame under a lit lamp."""
    observatory = str(documents["observatory"])
    site.beta.safelight("guard", "--for", observatory, output=site.folder / "keeper")
    site.alpha.safelight(*arguments(**documents), output=site.folder / "run")
    until(lambda: "watching the lamps" in words_of(site.folder / "keeper"), 60, "the keeper watches")
    until(site.burning, 60, f"a lamp is lit: {words_of(site.folder / 'run')}")
    until(lambda: rows_of(site.url, tables.states, kind="expose"), 30, "an exposure")
    pause(2.0)


def taken_over(site: Site) -> dict[str, Any]:
    """Wait until the keeper has ended the run; its segment."""
    until(lambda: "is over on alpha" in words_of(site.folder / "keeper"), 15, words_of(site.folder / "keeper"))
    (segment,) = rows_of(site.url, tables.segments)
    assert segment["outcome"] == "faulted"
    assert segment["reason"].startswith("fenced: no heartbeat from alpha for 10 s")
    return segment


def resumed_on_beta(site: Site) -> None:
    """Resume on the other host: every frame is there once, and the end is dark."""
    resumed = site.beta.safelight("resume", "--speed", "60", output=site.folder / "resume")
    assert resumed.wait(120) == 0, words_of(site.folder / "resume")
    good = [row["frame"] for row in rows_of(site.url, tables.frames, verdict="good")]
    assert sorted(good) == FRAMES
    first, last = rows_of(site.url, tables.segments)
    assert (last["host"], last["outcome"]) == ("beta", "done")
    assert last["epoch"] > first["epoch"]
    assert site.burning() == []


def test_a_host_that_is_lost(site: Site, documents: Mapping[str, Path]) -> None:
    """Runner and guards of a host die at once: the keeper darkens within 6 s, and the run is resumed elsewhere."""
    burning_on_alpha(site, documents)
    site.alpha.send(signal.SIGKILL)
    assert site.burning() == ["Quartz"]
    assert until(lambda: not site.burning(), DARK_WITHIN_S, words_of(site.folder / "keeper")) > DARK_S - 1.5
    taken_over(site)
    assert "no heartbeat from alpha for 4 s" in words_of(site.folder / "keeper")
    resumed_on_beta(site)


def test_a_host_that_is_cut_off(site: Site, documents: Mapping[str, Path]) -> None:
    """A run that can't reach the journal stops by itself and says so, and records nothing when it is reached again."""
    burning_on_alpha(site, documents)
    site.alpha.cut()
    until(lambda: not site.burning(), DARK_WITHIN_S, words_of(site.folder / "keeper"))
    taken_over(site)
    assert site.alpha.processes[0].wait(60) == 3
    said = words_of(site.folder / "run")
    assert "fenced: no heartbeat for small has reached the journal" in said or "the journal postgresql" in said
    before = rows_of(site.url, tables.states)
    site.alpha.mend()
    resumed_on_beta(site)
    assert [row for row in rows_of(site.url, tables.states) if row["segment"] == 1] == before


def test_a_host_that_is_frozen(site: Site, documents: Mapping[str, Path]) -> None:
    """A host that wakes after its run was ended lights nothing, records nothing, and its run ends as fenced."""
    burning_on_alpha(site, documents)
    site.alpha.send(signal.SIGSTOP)
    until(lambda: not site.burning(), DARK_WITHIN_S, words_of(site.folder / "keeper"))
    taken_over(site)
    before, lit = rows_of(site.url, tables.states), site.ignitions()
    site.alpha.send(signal.SIGCONT)
    assert site.alpha.processes[0].wait(60) == 3
    assert "fenced" in words_of(site.folder / "run")
    assert site.ignitions() == lit
    assert rows_of(site.url, tables.states) == before
    assert site.burning() == []
    resumed_on_beta(site)


def test_a_living_run_is_left_alone(site: Site, documents: Mapping[str, Path]) -> None:
    """Beside a keeper a run goes through, and a keeper that was frozen itself touches nothing when it wakes."""
    burning_on_alpha(site, documents)
    site.beta.send(signal.SIGSTOP)
    pause(DARK_S + 2)
    site.beta.send(signal.SIGCONT)
    assert site.alpha.processes[0].wait(120) == 0, words_of(site.folder / "run")
    assert "no heartbeat" not in words_of(site.folder / "keeper")
    assert sorted(row["frame"] for row in rows_of(site.url, tables.frames, verdict="good")) == FRAMES
    site.beta.processes[0].send_signal(signal.SIGTERM)
    until(lambda: site.beta.processes[0].poll() is not None, 20, "the keeper ends")
    assert site.beta.processes[0].returncode == 0


def test_a_keeper_needs_a_journal_that_others_reach(tmp_path: Path) -> None:
    """A journal in a file is refused with what is expected, and not made."""
    from safelight.engine.errors import EngineError  # noqa: PLC0415 - only here
    from safelight.engine.guard.keeper_process import keep  # noqa: PLC0415

    path = tmp_path / "journal.sqlite"
    with pytest.raises(EngineError, match="expected --journal postgresql"):
        asyncio.run(keep(["simulated"], f"sqlite:///{path}", tmp_path, lambda words: None))  # noqa: ARG005
    assert not path.exists()
