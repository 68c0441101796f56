"""How soon the command line answers, as whole processes; and how soon a document is checked."""

import sys
import time
from pathlib import Path

import jsonschema

from benchmarks.references.ask import seconds_of
from benchmarks.rows import Row, Table, in_turns, median, ms, ratio
from safelight.devices import load_observatory
from safelight.engine.planning.plan import site_of
from safelight.sequences import SequenceSpec, load
from safelight.sequences.json_schema import schema

__all__ = ["starting", "validating"]

PROGRAM = str(Path(sys.executable).parent / "safelight")
EXPOSURES = 1000


def starting(rounds: int) -> Table:
    """Each a process of its own."""
    measured = in_turns(
        rounds,
        version=lambda: seconds_of(PROGRAM, "--version"),
        plan=lambda: seconds_of(PROGRAM, "plan", "normal"),
        python=lambda: seconds_of(sys.executable, "-c", "pass"),
        bluesky=lambda: seconds_of(sys.executable, "-c", "from bluesky import RunEngine"),
    )
    found = {name: median(values) for name, values in measured.items()}
    bluesky = f"Bluesky's import {found['bluesky']:.2f} s"
    return Table(
        "Start of the command line",
        (
            Row("`safelight --version`", "<= 0.2 s", f"{found['version']:.3f} s",
                f"bare Python {found['python']:.3f} s", ratio(found["version"], found["python"]),
                holds=found["version"] <= 0.2),
            Row("`safelight plan normal`", "<= 0.8 s", f"{found['plan']:.2f} s", bluesky,
                ratio(found["plan"], found["bluesky"]), holds=found["plan"] <= 0.8),
        ),
    )  # fmt: skip


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
