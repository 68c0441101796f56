"""The page's server as a process of its own."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from safelight.engine.manual.interlock import existing_journal
from safelight.engine.records.database import Journal
from safelight.engine.records.run_list import run_entries

SHORT = "name: short\nbiases: {count: 1}\nlamps: {Quartz: {warmup: 20, exposure_time: 110}}\n"
"""A bias and a flat: some three minutes, most of them with a lamp on."""

LONG = SHORT.replace("110", "1500")
"""Goes on until somebody ends it."""


@dataclass
class Server:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    address: str
    token: str
    home: Path

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request, with exactly these headers beside the host's. Return status, headers and content."""
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=20)
        content = None if body is None else json.dumps(body).encode()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": where.netloc, **(headers or {})}.items():
                connection.putheader(name, value)
            if content is not None:
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def change(self, verb: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return what a button sends, with the token. Return status and answer."""
        said = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, content = self.ask("POST", f"/api/{verb}", body if body is not None else {}, said)
        return status, json.loads(content)

    def outlets(self) -> dict[str, str]:
        """Return each outlet as it stands in the switch's file."""
        text = (self.home / "simulated" / "switch.json").read_text(encoding="utf-8")
        return {lamp: outlet["state"] for lamp, outlet in json.loads(text)["outlets"].items()}

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs as the journal has them, the newest first."""
        url = existing_journal(self.home, None)
        if url is None:
            return []
        journal = Journal(url, create=False)
        try:
            return [asdict(entry) for entry in run_entries(journal)]
        finally:
            journal.close()

    def kill(self) -> None:
        """End it the hard way."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def serving(home: Path, observatory: Path, *options: str) -> Iterator[Server]:
    """Yield a server in a home, ended when the body ends."""
    home.mkdir(parents=True, exist_ok=True)
    words = ["serve", "--port", "0", "--json", "--home", str(home), "--frames", str(home / "frames")]
    with (home / "serve.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "safelight", *words, "--observatory", str(observatory), *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home / "serve.log").read_text(encoding="utf-8")
        told = json.loads(line)
        yield Server(process, told["address"], told["token"], home)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def wait_for(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    for _ in range(round(seconds / 0.05)):
        if true():
            return
        time.sleep(0.05)  # noqa: TID251 - a test of processes waits for processes
    raise AssertionError("it did not come true")
