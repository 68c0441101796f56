"""The reference says what runs really tell, write and leave behind."""

import ast
import asyncio
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from astropy.io import fits

from safelight.devices.observatory.parts import StateKind
from safelight.devices.simulated import Fault
from safelight.engine import Request, Runner, VirtualClock, perform
from safelight.engine.records.event_log import level_of, log_lines
from safelight.engine.resume.resumption import ResumeRequest, resume
from tests.docs.blocks import DOCS, ROOT, blocks_of
from tests.docs.pages_as_data import named, rows
from tests.matrix.bench import small_observatory

SEQUENCE: Mapping[str, Any] = {
    "name": "reference",
    "header": {"NIGHT": 42},
    "biases": {"count": 1},
    "darks": {"exposure_time": 3},
    "lamps": [
        {
            "lamps": ["Quartz"],
            "warmup": 5,
            "exposure_time": 60,
            "fibsel": {"positions": ["P1-2", "P1-1"], "time_per_position": 29},
        },
        {"lamps": ["Neon"], "warmup": 5, "exposure_time": 5, "fibre": "P1-12"},
    ],
}
FAULTS = (
    Fault(device="spectrographs", verb="expose", nth=2, what="error"),
    Fault(device="spectrographs", verb="abort", nth=1, what="error"),
    Fault(device="spectrographs", verb="read_out", nth=5, what="error", times=None),
)
TYPES: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "flag": lambda value: isinstance(value, bool),
    "mapping": lambda value: isinstance(value, dict),
    "list of text": lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    "list of whole number": lambda value: isinstance(value, list) and all(isinstance(one, int) for one in value),
    "null": lambda value: value is None,
}


@dataclass
class Night:
    """A run that met faults and another hand, and its resume."""

    home: Path
    run: str = ""
    folder: Path = Path()
    events: list[Mapping[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Return every kind of frame. An exposure that fails, a bad frame, a fault for good, then a resume to the end."""
    place = tmp_path_factory.mktemp("night")
    told = Night(place / "home")
    asyncio.run(_spend(told, place))
    return told


async def _spend(told: Night, place: Path) -> None:
    runners: list[Runner] = []
    hands: list[asyncio.Task[None]] = []

    async def another_hand() -> None:
        await runners[0].instrument.clock.sleep(20)
        await runners[0].instrument.devices.lamps.off("Quartz")

    def hear(event: Mapping[str, Any]) -> None:
        told.events.append(event)
        if event["event"] == "state.started" and event["state"] == "expose/Quartz-60s-001" and not hands:
            hands.append(asyncio.get_running_loop().create_task(another_hand()))

    observatory, frames = small_observatory(place), place / "frames"
    plain = yaml.safe_load(observatory.read_text(encoding="utf-8"))
    # So that a frame that is spoilt is finished, and kept as bad.
    plain["lamps"]["break_off_spoilt"] = False
    observatory.write_text(yaml.safe_dump(plain), encoding="utf-8")
    request = Request(SEQUENCE, observatory=observatory, home=told.home, frames=frames, faults=FAULTS)
    result = await perform(request, clock=VirtualClock(), listeners=[hear], on_start=runners.append, guarded=False)
    told.run, told.folder = result.run, result.folder
    assert (result.outcome, len(result.bad)) == ("faulted", 1)
    again = ResumeRequest(home=told.home)
    result = await resume(again, clock=VirtualClock(), listeners=[hear], guarded=False)
    assert (result.outcome, len(result.frames)) == ("done", 4)


# ---- events


def _told() -> dict[str, dict[str, str]]:
    return {named(row["event"])[0]: row for row in rows("reference/events.md", "event", "level")}


def _fields() -> dict[str, str]:
    return {named(row["field"])[0]: row["type"] for row in rows("reference/events.md", "field", "type")}


def _announced() -> Iterator[tuple[str, set[str]]]:
    """Yield every event that the code announces, with its fields."""
    for room in ("engine", "safelight", "states", "devices"):
        for file in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _verb(node.func) in {"announce", "tell", "_tell"} and node.args:
                    yield from ((name, _given(node)) for name in _names(node.args[0]))


def _verb(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _names(first: ast.expr) -> list[str]:
    if isinstance(first, ast.IfExp):
        return [*_names(first.body), *_names(first.orelse)]
    values = [first.value] if isinstance(first, ast.Constant) else []
    return [value for value in values if isinstance(value, str) and re.fullmatch(r"[a-z-]+(\.[a-z-]+)+", value)]


def _given(call: ast.Call) -> set[str]:
    """Return the fields of one announcement. Those about a state come with it."""
    of_state = {"state", "kind", "frame"} if _verb(call.func) == "_tell" and len(call.args) > 1 else set()
    return {keyword.arg for keyword in call.keywords if keyword.arg} | of_state


def test_events_are_those_of_the_code() -> None:
    """Every event that the code can announce is on the page with its fields, and no other is."""
    told = {name: set(named(row["fields"])) for name, row in _told().items()}
    assert told == dict(_announced())


def test_events_are_those_of_a_run(night: Night) -> None:
    """Each line of a run has the fields that the page tells for it, of the types that it tells."""
    told, types = _told(), _fields()
    for event in night.events:
        names = {"event", "time", "run", *named(told[event["event"]]["fields"])}
        assert set(event) == names, event
        for name in names:
            kinds = re.split(r", or | or ", types[name])
            assert any(TYPES[kind](event[name]) for kind in kinds), (name, event)
    heard = {event["event"] for event in night.events}
    assert {"state.retried", "clean-up.failed", "frame.bad", "stop.requested", "safing.lamp", "frame.taken"} <= heard


def test_every_field_is_explained_once() -> None:
    """The table of fields has those of all events and of the log, in order, and no other."""
    used = {name for row in _told().values() for name in named(row["fields"])}
    names = list(_fields())
    assert names[:4] == ["event", "time", "run", "level"]
    assert names[4:] == sorted(used)


def test_levels_are_those_of_the_log(night: Night) -> None:
    """An event's level on the page is the one that its log has, where the row does not tell when it differs."""
    ordinary = {"safing.lamp": {"seen": "off"}, "run.finished": {"outcome": "done"}, "state.failed": {"retry_in_s": 1}}
    for name, row in _told().items():
        assert row["level"] == level_of({"event": name, **ordinary.get(name, {})})
    for line in log_lines(night.home, night.run):
        assert set(line) == {"event", "time", "run", "level", *named(_told()[line["event"]]["fields"])}


# ---- headers


def _patterns() -> list[tuple[str, Mapping[str, str]]]:
    """Keywords as the page tells them. Those in italics stand for one of each lamp or telescope."""
    each = {"*LAMP*": "ARGON|NEON|LDLS|QUARTZ|HGNE|XENON", "*TELALT*": "(SCI|SPEC|SKYE|SKYW)ALT"}
    each |= {"*WLAMP*": f"W({each['*LAMP*']})", "*TELAZ*": "(SCI|SPEC|SKYE|SKYW)AZ"}
    found = rows("reference/fits-keywords.md", "keyword", "type")
    return [(each.get(row["keyword"]) or named(row["keyword"])[0].replace("nnn", r"\d{3}"), row) for row in found]


def test_headers_are_as_told(night: Night) -> None:
    """Each card of each frame has its row, with type and unit. Each row is found in some frame."""
    seen: set[str] = set()
    for path in night.folder.rglob("*.fits"):
        for card in fits.getheader(path).cards:
            fitting = [(pattern, row) for pattern, row in _patterns() if re.fullmatch(pattern, card.keyword)]
            if card.keyword == "NIGHT":
                continue
            assert len(fitting) == 1, card.keyword
            pattern, row = fitting[0]
            seen.add(pattern)
            assert TYPES[row["type"]](card.value), card
            unit = re.search(r"\[(.+)\]", card.comment)
            assert row["unit"] == (unit[1] if unit else ""), card
    assert seen == {pattern for pattern, _ in _patterns()}


# ---- the journal and the manifest


def _questions() -> list[str]:
    return [block.text for block in blocks_of(DOCS / "reference" / "journal.md") if block.text.startswith("SELECT")]


def test_questions_are_answered(night: Night) -> None:
    """Every query of the page is answered by a journal that is opened for reading only."""
    journal = sqlite3.connect(f"file:{night.home / 'journal.sqlite'}?mode=ro", uri=True)  # noqa: TID251
    try:
        # Nothing of LDLS was taken; to every other question there is an answer.
        answers = [len(journal.execute(question).fetchall()) for question in _questions()]
    finally:
        journal.close()
    assert len(answers) == 6
    assert [bool(count) for count in answers] == [True, False, True, True, True, True]


def test_kinds_of_states_are_told(night: Night) -> None:
    """The page names every kind of state that can have a row, and those of the run are among them."""
    text = (DOCS / "reference" / "journal.md").read_text(encoding="utf-8")
    kinds = set(named(text.split("\nKinds: ")[1].split(". ")[0]))
    assert kinds == (set(get_args(StateKind)) - {"safing"}) | {"adopt", "wait", "wait-dark"}
    assert {event["kind"] for event in night.events if event["event"] == "state.started"} <= kinds


def test_the_manifest_is_as_told(night: Night) -> None:
    """The manifest has the keys that the page tells."""
    told = [named(row["meaning"] if row["key"] == "`frames`" else row["key"])
            for row in rows("reference/journal.md", "key", "meaning")]  # fmt: skip
    content = json.loads((night.folder / "manifest.json").read_text(encoding="utf-8"))
    assert list(content) == [*told[0], "frames"]
    assert all(set(frame) == set(told[1]) for frame in content["frames"])
    assert set(content["frames"][0]["files"][0]) == {"path", "bytes", "sha256"}
