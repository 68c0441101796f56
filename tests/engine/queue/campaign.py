"""A campaign of random losses: one request after the other, whose host is struck at a random moment."""

import random
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from safelight.engine.errors import JournalError
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from tests.crash.crashes import small_observatory
from tests.engine.guard.hosts import Host, Site, until, words_of
from tests.matrix.wall import now, pause

__all__ = ["Loss", "table", "wage"]

TEXT = """name: night
biases: {count: 1}
lamps: {Quartz: {warmup: 5, exposure_time: [60, 30]}, Neon: {exposure_time: 20}}
"""
FRAMES = ["Neon-20s-001", "Quartz-30s-001", "Quartz-60s-001", "bias-001"]
SPEED = "15"
_LATEST_S = 18.0
"""Latest moment of a loss after the beginning, s. A run takes about so long."""
_EARLY = 0.15
"""Fraction of the losses whose moment counts from when the request was taken: the process may still be starting."""
_END_S = 900.0
"""Longest time until a request has ended, s: all waits of a worker take 370 s, and each try has a process to start."""
_LOOK_S = 0.03


@dataclass(frozen=True)
class Kind:
    """What happens to a host.

    Attributes:
        strike: does it.
        heal: undoes it.
        lasts_s: how long it lasts, s.
        dies: its processes have to be started again.
    """

    strike: Callable[[Site, Host], None]
    heal: Callable[[Site, Host], None] = lambda site, host: None  # noqa: ARG005
    lasts_s: float = 0.0
    dies: bool = False


def _each(act: Callable[[Host], None]) -> Callable[[Site, Host], None]:
    return lambda site, host: [act(one) for one in (site.alpha, site.beta)] and None  # noqa: ARG005


KINDS: Mapping[str, Kind] = {
    "all its processes killed at once": Kind(lambda site, host: host.send(signal.SIGKILL), dies=True),  # noqa: ARG005
    "cut off from the journal for 25 s": Kind(lambda site, host: host.cut(), lambda site, host: host.mend(), 25.0),  # noqa: ARG005
    "frozen for 20 s": Kind(
        lambda site, host: host.send(signal.SIGSTOP),  # noqa: ARG005
        lambda site, host: host.send(signal.SIGCONT),  # noqa: ARG005
        20.0,
    ),
    "journal out of reach of both hosts for 15 s": Kind(_each(Host.cut), _each(Host.mend), 15.0),
}
_OFTEN = (4, 3, 2, 1)
"""How often each of them happens, relative to the others."""


@dataclass
class Loss:
    """What came of one request whose host was struck.

    Attributes:
        after_s: moment after the run has begun, s.
        early: the moment counts from when the request was taken.
        lit: lamps that were on then.
        dark_s: time until they were off and stayed so until another process took over, s.
        whole_s: time until the request was done, s.
        segments: how many processes worked on it.
        wrong: broken promises.
    """

    kind: str
    after_s: float
    early: bool = False
    lit: tuple[str, ...] = ()
    dark_s: float = 0.0
    whole_s: float = 0.0
    segments: int = 0
    bad: int = 0
    wrong: list[str] = field(default_factory=list)


def serve(site: Site, host: Host, observatory: Path, number: int = 0) -> None:
    """Start a worker and a keeper on a host, and wait for both."""
    folder = site.folder
    logs = {name: folder / f"{name}-{host.name}-{number}" for name in ("worker", "keeper")}
    words = ["--observatory", str(observatory), "--frames", str(folder / "frames"), "--speed", SPEED]
    host.safelight("worker", *words, output=logs["worker"])
    host.safelight("guard", "--for", str(observatory), output=logs["keeper"])
    until(lambda: "taking requests" in words_of(logs["worker"]), 120, f"a worker on {host.name}")
    until(lambda: "watching" in words_of(logs["keeper"]), 120, f"a keeper on {host.name}")


def wage(site: Site, losses: int, seed: int, longest_s: float) -> Iterator[Loss]:
    """Yield one loss after the other. The same kinds and moments for the same seed."""
    dice, began_s = random.Random(seed), now()  # noqa: S311 - reproducible, no secret
    observatory, sequence = small_observatory(site.folder), site.folder / "night.yaml"
    sequence.write_text(TEXT, encoding="utf-8")
    for host in (site.alpha, site.beta):
        serve(site, host, observatory)
    for number in range(1, losses + 1):
        if now() - began_s > longest_s:
            return
        (kind,) = dice.choices(list(KINDS), _OFTEN)
        loss = Loss(kind, round(dice.uniform(0.0, _LATEST_S), 2), early=dice.random() < _EARLY)
        strike = _Strike(site, observatory, sequence, number, loss)
        try:
            strike.through()
        except AssertionError as error:
            loss.wrong.append(str(error)[:1000])
        finally:
            strike.close()
        yield loss
        if loss.wrong:
            return


@dataclass
class _Strike:
    """One request whose host is lost."""

    site: Site
    observatory: Path
    sequence: Path
    number: int
    loss: Loss
    _journal: Journal | None = None
    _before: int = 0
    _fixed: list[Mapping[str, Any]] | None = None

    def through(self) -> None:
        """Request a run, let its host be lost, and wait until the request has ended."""
        site, loss = self.site, self.loss
        asker = (site.alpha, site.beta)[self.number % 2]
        words = ["queue", "add", str(self.sequence), "--observatory", str(self.observatory), "--no-point"]
        asked = asker.safelight(*words, output=site.folder / f"asked-{self.number}")
        assert asked.wait(120) == 0, words_of(site.folder / f"asked-{self.number}")
        until(lambda: self._request()["state"] != "waiting", 120, "the request is taken")
        if not loss.early:
            until(lambda: self._rows(tables.segments), 120, "the run begins")
        pause(loss.after_s)
        request = self._request()
        victim = {"alpha": site.alpha, "beta": site.beta}[request["host"]]
        self._before = len(self._rows(tables.segments))
        loss.lit = tuple(site.burning())
        if request["state"] != "running":
            return
        KINDS[loss.kind].strike(site, victim)
        self._watch(victim, KINDS[loss.kind])
        self._judge()

    def _watch(self, victim: Host, kind: Kind) -> None:
        struck_s, healed = now(), False
        while True:
            since_s, burning = now() - struck_s, bool(self.site.burning())
            request = self._request()
            if self._fixed is None and len(self._rows(tables.segments)) > self._before:
                # From here on what the older segments have recorded may not change.
                self._fixed = self._older()
            elif self._fixed is None and burning and request["state"] == "running":
                self.loss.dark_s = since_s
            over = request["state"] not in ("running", "waiting")
            if not healed and since_s >= kind.lasts_s and (not kind.dies or self._fixed is not None or over):
                kind.heal(self.site, victim)
                if kind.dies:
                    victim.end()
                    victim.processes.clear()
                    serve(self.site, victim, self.observatory, self.number)
                healed = True
            if healed and over:
                break
            assert since_s < _END_S, f"request {self.number} has not ended: {self._state(request)}"
            pause(_LOOK_S)
        self.loss.whole_s = since_s

    def _state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what can explain why a request has not ended."""
        found = {name: request[name] for name in ("state", "tries", "host", "run", "reason")}
        found["segments"] = [(row["host"], row["epoch"], row["outcome"]) for row in self._rows(tables.segments)]
        locks = self._read(sa.select(tables.locks))
        found["locks"] = [(row["observatory"], row["run"], row["host"], row["epoch"], row["beat"]) for row in locks]
        return found

    def _judge(self) -> None:
        loss, request, segments = self.loss, self._request(), self._rows(tables.segments)
        loss.segments = len(segments)
        if request["state"] != "done":
            loss.wrong.append(f"ended as {request['state']}: {request['reason']}")
        frames = self._rows(tables.frames)
        good = sorted(row["frame"] for row in frames if row["verdict"] == "good")
        loss.bad = len(frames) - len(good)
        if good != FRAMES:
            loss.wrong.append(f"good frames: {good}")
        if self._fixed is not None and self._fixed != self._older():
            loss.wrong.append("an older segment went on recording")
        epochs = [row["epoch"] for row in segments]
        if epochs != sorted(set(epochs)):
            loss.wrong.append(f"epochs: {epochs}")
        if self.site.burning():
            loss.wrong.append(f"on at the end: {self.site.burning()}")

    def _request(self) -> Mapping[str, Any]:
        return self._read(sa.select(tables.requests).where(tables.requests.c.id == self.number))[0]

    def _read(self, query: "sa.Select[Any]") -> list[Mapping[str, Any]]:
        """Read from the journal. On a busy machine the server may end a session, or answer too late."""
        while True:
            try:
                self._journal = self._journal or Journal(self.site.url)
                return self._journal.read(query)
            except JournalError:
                self.close()

    def close(self) -> None:
        """Close the journal."""
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _rows(self, table: sa.Table) -> list[Mapping[str, Any]]:
        query = sa.select(table).where(table.c.run == self._request()["run"])
        return self._read(query.order_by(*table.primary_key.columns))

    def _older(self) -> list[Mapping[str, Any]]:
        return [row for row in self._rows(tables.states) if row["segment"] <= self._before]


def table(losses: Sequence[Loss], lasted_s: float, day: str) -> str:
    """Return the campaign as a table, with what it is a table of."""
    struck = [loss for loss in losses if loss.segments]
    wrong = sum(bool(loss.wrong) for loss in struck)
    head = (
        f"Of {day}: {len(struck)} losses in {lasted_s / 60:.0f} minutes, on two cores that had other work. "
        f"{len(struck) * len(FRAMES)} frames were requested. Losses with a broken promise: {wrong}."
    )
    columns = ("the host of the run", "losses", "under a lamp", "dark after, s: median, largest")
    columns += ("done after, s: median, largest", "bad frames, retaken", "broken")
    lines = [
        head,
        "",
        f"| {' | '.join(columns)} |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        mine = [loss for loss in struck if loss.kind == kind]
        lit = [loss.dark_s for loss in mine if loss.lit]
        cells = [kind, str(len(mine)), str(len(lit)), _spread(lit), _spread([loss.whole_s for loss in mine])]
        cells += [str(sum(loss.bad for loss in mine)), str(sum(bool(loss.wrong) for loss in mine))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.1f}, {ordered[-1]:.1f}" if ordered else "-"
