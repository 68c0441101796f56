"""What the conditions of a night were before a run is in the headers of its frames, and no lamp waits for it."""

import asyncio
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from safelight.devices import ObservatoryError
from safelight.devices.files.cards import text_cards
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine import Request, RunResult, perform
from safelight.engine.clock import Clock
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.engine.run.condition_cards import ConditionCards, ConditionReading
from safelight.sequences.keywords import header_value
from tests.crash.crashes import small_observatory

SEQUENCE = {"name": "two", "biases": {"count": 1}, "lamps": {"Quartz": {"warmup": 1, "exposure_time": 3}}}
KEYS = ("CONDUTC", "COND1", "COND2", "COND3", "COND4")
HANGS = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def weather() -> Iterator[str]:
    """Address of a weather station."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"humidity": 85.5, "wind": 3}).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def run_with(folder: Path, conditions: Any, speed: float | str, **more: Any) -> tuple[RunResult, list[str]]:
    """Run under conditions. Return the result, and the names of the events."""
    observatory, heard = small_observatory(folder, conditions=conditions), list[str]()
    request = Request(SEQUENCE, observatory, home=folder / "home", frames=folder / "frames", speed=speed)
    listeners = [lambda said: heard.append(said["event"])]
    return asyncio.run(perform(request, listeners=listeners, guarded=False, **more)), heard


def cards_of(result: RunResult) -> list[dict[str, str]]:
    """Return the cards of the conditions in each frame, in order."""
    return [text_cards(taken.files[0].path, KEYS) for taken in result.frames]


def test_each_frame_says_what_was_read(tmp_path: Path, weather: str) -> None:
    """A condition that is met, one that is not, one that can't be read, and one that hangs: each is in every header."""
    conditions = {
        "calm": {"url": weather, "key": "wind", "below": 12},
        "dry": {"url": weather, "key": "humidity", "below": 80},
        "dome_closed": {"command": [sys.executable, "-c", "raise SystemExit(3)"]},
        "safe": {"url": weather, "key": "nothing"},
    }
    result, _ = run_with(tmp_path, conditions, "max")
    assert result.outcome == "done"
    for cards in cards_of(result):
        assert cards.pop("CONDUTC").startswith("20")
        assert cards.pop("COND4").startswith("safe: unknown, http://127.0.0.1")
        assert cards == {
            "COND1": "calm: met, 3",
            "COND2": "dome_closed: not met, exit code 3",
            "COND3": "dry: not met, 85.5",
        }


def test_no_lamp_waits(tmp_path: Path) -> None:
    """A condition that does not answer for a minute delays nothing, and is unknown in each header."""
    result, heard = run_with(tmp_path, {"slow": {"command": HANGS, "timeout_s": 60}}, 1000)
    assert result.outcome == "done"
    assert "run.started" in heard
    assert [cards["COND1"] for cards in cards_of(result)] == ["slow: unknown, it has not been read yet"] * 2


def test_an_answer_that_comes_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer long after its time limit is not taken for one of the run's beginning."""
    answer = Event()
    monkeypatch.setattr("safelight.engine.run.condition_cards._LATER_S", 0.1)
    monkeypatch.setattr("safelight.engine.run.condition_cards.read", lambda _: answer.wait(10))

    async def story() -> list[Any]:
        cards, wall = ConditionCards({"slow": ConditionModel(command=("true",), timeout_s=0.1)}, Clock()), Clock()
        first = dict(cards.cards())["COND1"]
        await wall.sleep(0.4)
        answer.set()
        await wall.sleep(0.2)
        return [first, dict(cards.cards())["COND1"]]

    assert asyncio.run(story()) == ["slow: unknown, it has not been read yet", "slow: unknown, it was not read in time"]


def test_a_resume_reads_them_anew(tmp_path: Path) -> None:
    """The frames of a resumed run have the conditions of the resume."""
    door = tmp_path / "door"
    conditions = {"closed": {"command": ["test", "-e", str(door)]}}

    def stop(runner: Any) -> None:
        runner.stop("pause", "the test says so")

    first, _ = run_with(tmp_path, conditions, "max", on_start=stop)
    assert first.outcome == "paused"
    door.touch()
    wanted = ResumeRequest(home=tmp_path / "home", speed="max")
    result = asyncio.run(resume(wanted, guarded=False))
    assert result.outcome == "done"
    assert {cards["COND1"] for cards in cards_of(result)} == {"closed: met"}


def test_a_card_with_two_meanings(tmp_path: Path) -> None:
    """A card of the observatory that a condition would overwrite is refused, and none where there is no condition."""
    conditions = {"closed": {"command": ["true"]}}
    observatory = small_observatory(tmp_path, conditions=conditions, header={"COND1": "mine"})
    request = Request(SEQUENCE, observatory, home=tmp_path / "home", frames=tmp_path / "frames", speed="max")
    with pytest.raises(ObservatoryError, match="COND1"):
        asyncio.run(perform(request, guarded=False))
    observatory = small_observatory(tmp_path, header={"COND1": "mine"})
    result = asyncio.run(perform(request, guarded=False))
    assert [text_cards(taken.files[0].path, KEYS) for taken in result.frames] == [{"COND1": "mine"}] * 2


def test_any_answer_fits_into_a_card(weather: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long texts, quotes and letters outside of ASCII make a card that a FITS file can hold."""
    assert weather

    def found(_: ConditionModel) -> ConditionReading:
        return ConditionReading("unknown", "it can't be read: " + "d'après " * 30)

    monkeypatch.setattr("safelight.engine.run.condition_cards.read", found)

    async def story() -> str:
        cards = ConditionCards({"a'b": ConditionModel(command=("true",))}, Clock())
        await Clock().sleep(0.2)
        return str(dict(cards.cards())["COND1"])

    text = asyncio.run(story())
    assert text.startswith("a'b: unknown, it can't be read: d'apr?s")
    assert header_value(text) == text
