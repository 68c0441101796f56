"""How soon the command line answers and acts, as whole processes; and how soon a document is checked."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import jsonschema

from benchmarks.documents import BURNING
from benchmarks.references.ask import ROOT, seconds_of
from benchmarks.rows import Row, Table, in_turns, median, ms, ratio, scratch
from benchmarks.stopping import dismiss_guards, running
from safelight.devices import load_observatory
from safelight.engine.planning.plan import site_of
from safelight.sequences import SequenceSpec, load
from safelight.sequences.json_schema import schema

__all__ = ["seconds_to_the_first_off", "seconds_to_the_request", "starting", "validating"]

PROGRAM = str(Path(sys.executable).parent / "safelight")
EXPOSURES = 1000


def starting(rounds: int) -> Table:
    """Each a process of its own."""
    with scratch() as home:
        seconds_of(PROGRAM, "run", "bias", "--speed", "max", "--home", str(home), "--frames", str(home / "frames"))
        measured = in_turns(
            rounds,
            version=lambda: seconds_of(PROGRAM, "--version"),
            help=lambda: seconds_of(PROGRAM, "--help"),
            plan=lambda: seconds_of(PROGRAM, "plan", "normal"),
            runs=lambda: seconds_of(PROGRAM, "runs", "--home", str(home)),
            show=lambda: seconds_of(PROGRAM, "show", "--home", str(home)),
            status=lambda: seconds_of(PROGRAM, "lamps", "status", "--home", str(home)),
            abort=seconds_to_the_request,
            off=seconds_to_the_first_off,
            python=lambda: seconds_of(sys.executable, "-c", "pass"),
            bluesky=lambda: seconds_of(sys.executable, "-c", "from bluesky import RunEngine"),
        )
    found = {name: median(values) for name, values in measured.items()}
    bluesky = f"Bluesky's import {found['bluesky']:.2f} s"

    def row(what: str, name: str, bar_s: float | None = None) -> Row:
        """Compared with the import of a library that only runs."""
        bar, holds = ("", None) if bar_s is None else (f"<= {bar_s:g} s", found[name] <= bar_s)
        return Row(what, bar, f"{found[name]:.2f} s", bluesky, ratio(found[name], found["bluesky"]), holds=holds)

    return Table(
        "Start of the command line",
        (
            Row("`safelight --version`", "<= 0.05 s", f"{found['version']:.3f} s",
                f"bare Python {found['python']:.3f} s", ratio(found["version"], found["python"]),
                holds=found["version"] <= 0.05),
            row("`safelight plan normal`", "plan", 0.35),
            row("`safelight abort`, from Enter to the request in the journal", "abort", 0.25),
            row("`safelight lamps off`, from Enter to the first off command", "off", 0.4),
            row("`safelight --help`", "help"),
            row("`safelight runs`", "runs"),
            row("`safelight show`", "show"),
            row("`safelight lamps status`", "status"),
        ),
        "Whole processes, but for abort and lamps off, which go on to see what comes of it. The request bears the time "
        "at which it is written; the commit takes a millisecond more. The off command's time is that of the switch.",
    )  # fmt: skip


def seconds_to_the_request() -> float:
    """From the start of `safelight abort` to the request's time in the journal, s."""
    with running(BURNING) as (folder, runner):
        began = time.time()
        subprocess.run([PROGRAM, "abort", "--home", str(folder)], cwd=ROOT, check=True, capture_output=True)
        runner.wait()
        with closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
            (asked,) = journal.execute("SELECT time FROM control WHERE word = 'abort'").fetchone()
        return datetime.fromisoformat(asked).timestamp() - began


def seconds_to_the_first_off() -> float:
    """From the start of `safelight lamps off` to the moment at which a lit lamp's outlet goes off, s."""
    with scratch() as home:
        at = ("--home", str(home))
        subprocess.run([PROGRAM, "lamps", "on", "Neon", *at], cwd=ROOT, check=True, capture_output=True)
        began = time.time()
        subprocess.run([PROGRAM, "lamps", "off", *at], cwd=ROOT, check=True, capture_output=True)
        switch = json.loads((home / "simulated" / "switch.json").read_text(encoding="utf-8"))
        dismiss_guards(home)
        return float(min(utc for _, utc, _, on in switch["transitions"] if not on)) - began


def validating(rounds: int) -> Table:
    """A document with 1,000 exposures."""
    content = {"lamps": [{"lamps": ["Argon"], "warmup": 5, "exposure_time": [1 + n % 7]} for n in range(EXPOSURES)]}
    published = schema()
    site = site_of(load_observatory("simulated"))

    def seconds(check: object) -> float:
        began = time.perf_counter()
        check()  # type: ignore[operator]
        return time.perf_counter() - began

    measured = in_turns(
        rounds,
        ours=lambda: seconds(lambda: SequenceSpec.model_validate(content)),
        load=lambda: seconds(lambda: load(content, site)),
        schema=lambda: seconds(lambda: jsonschema.validate(content, published)),
    )
    found = {name: median(values) for name, values in measured.items()}
    reference = f"`jsonschema.validate` {ms(found['schema'])}"
    return Table(
        "Validation",
        (
            Row("the model, 1,000 exposures", "<= 1/10", ms(found["ours"]), reference,
                ratio(found["ours"], found["schema"]), holds=found["ours"] <= found["schema"] / 10),
            Row("`load`: the model and the observatory's lamps, fibres, policies", "", ms(found["load"]), reference,
                ratio(found["load"], found["schema"])),
        ),
    )  # fmt: skip
