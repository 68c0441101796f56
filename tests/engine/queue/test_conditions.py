"""Conditions of a night: how they are read, and requests that wait for them."""

import json
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from safelight.devices import ObservatoryError, load_observatory
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine.queue.conditions import Conditions, why_unmet
from safelight.engine.queue.requests import QueuedRequest, add, due, request_of, requests
from safelight.engine.queue.worker import Worker, WorkerPlace
from safelight.engine.records.database import Journal
from tests.crash.crashes import small_observatory

SHORT = QueuedRequest("a test", "small", "short", "name: short\nbiases: {count: 1}\n", 100.0)


class Weather:
    """A weather station: it answers with what it is told."""

    def __init__(self) -> None:
        self.answer: Any = {}
        self.code = 200
        told = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(told.code)
                self.end_headers()
                self.wfile.write(told.answer if isinstance(told.answer, bytes) else json.dumps(told.answer).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_port}/now"


@pytest.fixture
def weather() -> Iterator[Weather]:
    """A weather station on the loopback."""
    station = Weather()
    thread = Thread(target=station.server.serve_forever, args=(0.01,))
    thread.start()
    yield station
    station.server.shutdown()
    thread.join()
    station.server.server_close()


def test_a_server_that_sends_its_answer_byte_by_byte() -> None:
    """A reading ends within its time limit and a margin, whether the head or the body of an answer drips."""
    for head in (b"", b"HTTP/1.0 200 OK\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
            stop = Event()
            dripping = pool.submit(_drip, server, head, stop)
            url = f"http://127.0.0.1:{server.getsockname()[1]}/now"
            why = why_unmet(ConditionModel(url=url, key="wind", below=10.0, timeout_s=0.5))
            stop.set()
            dripping.result(60)
        assert why in {f"{url} can't be read: timed out", "it has not been read after 0.5 s"}


def _drip(server: socket.socket, head: bytes, stop: Event) -> None:
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(head)
        while not stop.wait(0.05):
            connection.sendall(b" " if head else b"X")


@pytest.mark.parametrize(
    ("answer", "wanted", "why"),
    [
        (True, {}, ""),
        (False, {}, "expected true, read false"),
        (1, {}, "expected true, read 1"),
        ({"dome": {"closed": True}}, {"key": "dome.closed"}, ""),
        ({"dome": {"shut": True}}, {"key": "dome.closed"}, "has no dome.closed"),
        ({"state": ["open", "closed"]}, {"key": "state.1", "equals": "closed"}, ""),
        ({"state": "open"}, {"key": "state", "equals": "closed"}, 'expected "closed", read "open"'),
        ({"humidity": 79.5}, {"key": "humidity", "below": 80}, ""),
        ({"humidity": 80}, {"key": "humidity", "below": 80}, "expected below 80, read 80"),
        ({"t": -3}, {"key": "t", "above": -5, "below": 30}, ""),
        ({"t": -6}, {"key": "t", "above": -5}, "expected above -5, read -6"),
        ({"t": None}, {"key": "t", "above": -5}, "expected a number, read null"),
        (float("nan"), {"below": 5}, "expected below 5, read NaN"),
        (b"<html>", {}, "can't be read"),
    ],
)
def test_a_value_at_a_url(weather: Weather, answer: Any, wanted: Any, why: str) -> None:
    """A value is compared as the document says; what is missing or can't be read is not met."""
    weather.answer = answer
    found = why_unmet(ConditionModel(url=weather.url, **wanted))
    assert why in found
    assert bool(why) == bool(found)


def test_an_error_is_no_value(weather: Weather) -> None:
    """What a server sends along with an error is not read, even if it would meet the condition."""
    weather.answer, weather.code = True, 500
    assert "can't be read" in why_unmet(ConditionModel(url=weather.url))


def test_nobody_answers() -> None:
    """A server that is not there is a condition that is not met."""
    assert "can't be read: Connection refused" in why_unmet(ConditionModel(url="http://127.0.0.1:1/now"))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("pass", ""),
        ("print('dome: open'); exit(3)", "exit code 3, dome: open"),
        ("import signal; signal.pause()", "the command has not ended after 0.3 s"),
    ],
)
def test_a_command(code: str, why: str) -> None:
    """A command is met if it ends with 0 in time, and its last line is told otherwise."""
    slow = 0.3 if "pause" in code else 60.0
    assert why_unmet(ConditionModel(command=(sys.executable, "-c", code), timeout_s=slow)) == why


def test_a_command_that_is_not_there() -> None:
    """A program that can't be started is a condition that is not met."""
    assert "can't be started: No such file" in why_unmet(ConditionModel(command=("/no/such/program",)))


def test_readings_count_for_a_while(weather: Weather) -> None:
    """A condition is read again after 10 s, and one that the document does not have is not met."""
    now = 100.0
    conditions = Conditions({"dry": ConditionModel(url=weather.url)}, lambda: now)
    weather.answer = False
    assert conditions.unmet(["dry"]) == "dry: expected true, read false"
    weather.answer = True
    now = 109.0
    assert conditions.unmet(["dry"]) != ""
    now = 110.0
    assert conditions.unmet(["dry"]) == ""
    assert "no such condition" in conditions.unmet(["dry", "calm"])


def test_a_request_waits_for_a_condition(url: str, weather: Weather, tmp_path: Path) -> None:
    """A request waits, with the reason, holds up nobody, and begins when its condition is met."""
    document = small_observatory(tmp_path, conditions={"dry": {"url": weather.url}})
    worker = Worker(
        load_observatory(document),
        WorkerPlace(str(document), tmp_path / "home", url, tmp_path / "frames", "20"),
        lambda words: None,  # noqa: ARG005
    )
    weather.answer = False
    unmet = worker._conditions.unmet
    with closing(Journal(url)) as journal:
        number = add(journal, replace(SHORT, requires=("dry",), priority=9))
        assert due(journal, "small", unmet) is None
        worker.look()
        worker._close()
        assert (worker._processes, request_of(journal, number).state) == ({}, "waiting")
        assert requests(journal)[0].reason == "waits for dry: expected true, read false"
        other = add(journal, SHORT)
        found = due(journal, "small", unmet)
        assert found is not None
        assert found.id == other
        weather.answer = True
        worker._conditions._read.clear()
        found = due(journal, "small", unmet)
        assert found is not None
        assert (found.id, request_of(journal, number).reason) == (number, None)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({}, "one of `url`, `command`, `alpaca` and `indi`"),
        ({"url": "http://x", "command": ["true"]}, "one of `url`, `command`, `alpaca` and `indi`"),
        ({"url": "file:///etc/passwd"}, "is not a URL"),
        ({"url": "http://x", "colour": 3}, "unknown key"),
    ],
)
def test_conditions_that_are_wrong(tmp_path: Path, condition: Any, words: str) -> None:
    """A condition that can't be read in one way is refused with the document."""
    with pytest.raises(ObservatoryError, match=words):
        load_observatory(small_observatory(tmp_path, conditions={"dry": condition}))
