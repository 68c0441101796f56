"""Notifications: to a real HTTP server and by real commands, after the lamps, once, and reported where they fail."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from safelight.commands.first_documents import LampSketch, SiteSketch, observatory_text
from safelight.devices.observatory.site_habits import NotifyTarget
from safelight.devices.simulated.faults import load_faults
from safelight.engine import Request, perform
from safelight.engine.clock import VirtualClock
from safelight.engine.notify import Notice, delivery, notify, undelivered
from tests.web.hosting import wait_for

SITE = SiteSketch("hill", (LampSketch("ThAr", "arc", 1.0),), "echelle", ("ccd",), 1.0)
ONE_BIAS = {"name": "one", "biases": {"count": 1}}
ONE_ARC = {"name": "arcs", "lamps": {"ThAr": {"exposure_time": 5}}}
LONG = "lamps: {ThAr: {exposure_time: 1800}}\n"


class Receiver(ThreadingHTTPServer):
    """A real HTTP server that keeps what it gets, and the state of the lamp at that moment."""

    def __init__(self, home: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.home = home
        self.got: list[dict[str, Any]] = []
        self.lamps: list[str] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Keep the notification. Answer what the test wants."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.lamps.append(lamp_of(self.server.home))
        self.server.got.append(json.loads(body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def lamp_of(home: Path) -> str:
    """Read the outlet of the lamp in the switch's file."""
    try:
        return str(json.loads((home / "simulated" / "switch.json").read_text())["outlets"]["ThAr"]["state"])
    except (OSError, ValueError, KeyError):
        return "unknown"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a state folder."""
    return tmp_path / "home"


@pytest.fixture
def receiver(home: Path) -> Iterator[Receiver]:
    """Yield the server, for as long as a test lasts."""
    with Receiver(home) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


Site = Callable[..., Path]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Write an observatory with receivers."""

    def write(*targets: Mapping[str, Any]) -> Path:
        path = tmp_path / "hill.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(observatory_text(SITE)) | {"notify": list(targets)}))
        return path

    return write


def run(observatory: Path, sequence: Mapping[str, Any], **more: Any) -> tuple[str, list[Mapping[str, Any]]]:
    """Run in virtual time. Return the outcome and the events."""
    events: list[Mapping[str, Any]] = []
    folder = observatory.parent
    request = Request(
        sequence=sequence, observatory=observatory, home=folder / "home", frames=folder / "frames", speed="max", **more
    )
    result = asyncio.run(perform(request, clock=VirtualClock(), listeners=[events.append], guarded=False))
    return result.outcome, events


def test_the_end_of_a_run(receiver: Receiver, site: Site, tmp_path: Path) -> None:
    """A URL gets JSON, a command gets the same and a sentence. Both before the last event, and with the lamp off."""
    script = 'cat > "$0"; echo "$SAFELIGHT_TEXT" > "$0.text"'
    observatory = site({"url": receiver.url}, {"command": ["sh", "-c", script, str(tmp_path / "told")]})
    outcome, events = run(observatory, ONE_ARC)
    assert outcome == "done"
    names = [event["event"] for event in events]
    assert names[-1] == "run.finished"
    assert names.count("notify.sent") == 2
    (notice,) = receiver.got
    assert receiver.lamps == ["off"]
    assert (notice["event"], notice["run"], notice["frames"], notice["simulated"]) == (
        "done",
        events[0]["run"],
        1,
        True,
    )
    assert "arcs is done: 1 of 1 frame" in notice["text"]
    assert json.loads((tmp_path / "told").read_text()) == notice
    assert (tmp_path / "told.text").read_text().strip() == notice["text"]
    assert list(undelivered(tmp_path / "home")) == []


def test_only_what_a_receiver_wants(receiver: Receiver, site: Site) -> None:
    """Events that are not listed are not sent."""
    run(site({"url": receiver.url, "events": ["faulted", "unsafe"]}), ONE_BIAS)
    assert receiver.got == []


def test_unsafe(receiver: Receiver, site: Site, tmp_path: Path) -> None:
    """A lamp that stays on is an alarm, which names it."""
    (tmp_path / "faults.yaml").write_text(
        "- {device: lamps.ThAr, verb: 'off', nth: 2, what: error, times: forever}\n"
        "- {device: lamps, verb: all_off, what: error, times: forever}\n"
    )
    outcome, _ = run(site({"url": receiver.url}), ONE_ARC, faults=load_faults(tmp_path / "faults.yaml"))
    assert outcome == "unsafe"
    assert receiver.got[-1]["event"] == "unsafe"
    assert "NOT CONFIRMED OFF: ThAr" in receiver.got[-1]["text"]


def test_a_receiver_that_is_not_there_is_reported(site: Site, home: Path, warm_safelight: Path) -> None:
    """The run is done all the same. An event, and `guard status` later, say what was not delivered and why."""
    outcome, events = run(site({"url": "http://127.0.0.1:9/", "attempts": 1}), ONE_BIAS)
    assert outcome == "done"
    (failed,) = [event for event in events if event["event"] == "notify.failed"]
    assert (failed["to"], "refused" in failed["why"]) == ("127.0.0.1", True)
    command = [warm_safelight, "guard", "status", "--home", str(home)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "notification to 127.0.0.1 not delivered (given up)" in told.stderr
    assert "one is done" in told.stderr
    found = json.loads(subprocess.run([*command, "--json"], capture_output=True, check=False, timeout=60).stdout)
    assert found["undelivered"][0]["notice"]["event"] == "done"


def test_a_slow_receiver_is_not_waited_for(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends without an answer, with its lamp off long before. The sender goes on by itself."""
    from safelight.engine.notify import sending  # noqa: PLC0415 - patched here

    monkeypatch.setattr(sending, "_PATIENCE_S", 0.2)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    outcome, events = run(site({"command": ["sh", "-c", f"cat {fifo} > {tmp_path}/got"]}), ONE_ARC)
    assert outcome == "done"
    assert "notify.waiting" in [event["event"] for event in events]
    fifo.write_text("go")
    page = next((tmp_path / "home" / "notify").glob("*.json"))
    wait_for(lambda: json.loads(page.read_text())["state"] == "sent")


def test_a_try_that_fails_is_repeated(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it succeeds, or all attempts are used up. A redirection is no delivery."""
    monkeypatch.setattr(delivery, "_FIRST_WAIT_S", 0.01)
    receiver.answers += [500, 302]
    page = tmp_path / "page.json"
    order = {
        "path": str(page),
        "page": {"state": "waiting", "notice": {"event": "done", "text": "", "run": ""}},
        "target": NotifyTarget(url=receiver.url).model_dump(mode="json"),
    }
    assert delivery.deliver(order)
    assert len(receiver.got) == 3
    assert (json.loads(page.read_text())["state"], json.loads(page.read_text())["tries"]) == ("sent", 3)
    receiver.answers += [500, 500]
    order["target"] = NotifyTarget(url=receiver.url, attempts=2).model_dump(mode="json")
    assert not delivery.deliver(order)
    assert "500" in json.loads(page.read_text())["why"]
    order["target"] = NotifyTarget(command=("sh", "-c", "echo no >&2; exit 3"), attempts=1).model_dump(mode="json")
    assert not delivery.deliver(order)
    assert json.loads(page.read_text())["why"] == "exit code 3: no"
    order["target"] = NotifyTarget(command=("/no/such/program",), attempts=1).model_dump(mode="json")
    assert not delivery.deliver(order)


def test_one_occasion_is_sent_once(receiver: Receiver, home: Path) -> None:
    """Both guards send it, and one notification comes. On a disk that is full it comes all the same."""
    targets = (NotifyTarget(url=receiver.url),)
    notice = Notice("guard", "text", "hill", "run", {"ThAr": "off"}, simulated=True)
    assert len(notify(home, targets, notice, "key")) == 1
    assert notify(home, targets, notice, "key") == []
    blocked = home.parent / "blocked"
    blocked.write_text("no folder")
    assert len(notify(blocked, targets, notice, "key")) == 1
    wait_for(lambda: len(receiver.got) == 2)


def test_the_guards_notify_when_the_runner_is_dead(
    receiver: Receiver, site: Site, home: Path, tmp_path: Path, warm_safelight: Path
) -> None:
    """Kill -9: the lamp goes off first, then one notification comes, though two guards have acted."""
    (tmp_path / "long.yaml").write_text(LONG)
    observatory = site({"url": receiver.url})
    words = ["run", "long.yaml", "--observatory", str(observatory), "--home", str(home), "--speed", "10"]
    with subprocess.Popen(
        [warm_safelight, *words], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: lamp_of(home) == "on", 60.0)
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: receiver.got, 30.0)
    wait_for(lambda: not list((home / "guards").glob("*.json")), 60.0)
    assert [notice["event"] for notice in receiver.got] == ["guard"]
    assert "the runner is gone" in receiver.got[0]["text"]
    assert receiver.got[0]["lamps"] == {"ThAr": "off"}
    assert receiver.lamps == ["off"]
