"""Two hosts with a worker and a keeper each: a request of a host that is lost reaches its end on the other one."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from safelight.engine.queue.requests import QueuedRequest, requests
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from tests.crash.check import rows_of
from tests.crash.crashes import small_observatory
from tests.engine.guard.hosts import Host, Site, until, whole_site, words_of
from tests.engine.records.conftest import new_database

TEXT = "name: two\nlamps: {Quartz: {warmup: 5, exposure_time: [100, 20]}}\n"
FRAMES = ["Quartz-100s-001", "Quartz-20s-001"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Alpha, beta, and a database between them."""
    with whole_site(tmp_path, new_database) as made:
        yield made


def serve(site: Site, host: Host, observatory: Path, speed: str) -> None:
    """Start a worker and a keeper on a host, and wait for both."""
    folder = site.folder
    words = ["--observatory", str(observatory), "--frames", str(folder / "frames"), "--speed", speed]
    host.safelight("worker", *words, output=folder / f"worker-{host.name}")
    host.safelight("guard", "--for", str(observatory), output=folder / f"keeper-{host.name}")
    until(lambda: "taking requests" in words_of(folder / f"worker-{host.name}"), 60, f"a worker on {host.name}")
    until(lambda: "watching" in words_of(folder / f"keeper-{host.name}"), 60, f"a keeper on {host.name}")


def the_request(site: Site) -> QueuedRequest:
    """The only request."""
    with closing(Journal(site.url)) as journal:
        (found,) = requests(journal)
    return found


def test_a_host_that_is_lost_with_its_worker(site: Site, tmp_path: Path) -> None:
    """Worker, run and guards of a host die at once: its lamp goes off, and the other worker takes the rest."""
    observatory, sequence = small_observatory(tmp_path), tmp_path / "two.yaml"
    sequence.write_text(TEXT, encoding="utf-8")
    serve(site, site.alpha, observatory, "5")
    asked = site.beta.safelight(
        "queue", "add", str(sequence), "--observatory", str(observatory), "--no-point", output=tmp_path / "asked"
    )
    assert asked.wait(60) == 0, words_of(tmp_path / "asked")
    until(site.burning, 60, words_of(tmp_path / "worker-alpha"))
    serve(site, site.beta, observatory, "60")
    until(lambda: rows_of(site.url, tables.states, kind="expose"), 30, "an exposure")
    site.alpha.send(signal.SIGKILL)
    until(lambda: not site.burning(), 30, words_of(tmp_path / "keeper-beta"))
    until(lambda: the_request(site).state == "done", 180, words_of(tmp_path / "worker-beta"))
    found = the_request(site)
    assert (found.host, found.tries) == ("beta", 2)
    assert sorted(row["frame"] for row in rows_of(site.url, tables.frames, verdict="good")) == FRAMES
    first, last = rows_of(site.url, tables.segments)
    assert (first["host"], last["host"], last["outcome"]) == ("alpha", "beta", "done")
    assert site.burning() == []
