"""How long the library's sequences take: run in virtual time, beside the bound and the order of today's scripts."""

import asyncio

from benchmarks.gort_order import serial_s
from benchmarks.rows import Row, Table, scratch
from safelight.devices import load_observatory
from safelight.engine import calibrate
from safelight.engine.plan import Plan, make_plan, site_of
from safelight.sequences import library_names, load

__all__ = ["table"]

BAR = 1.005


def table(rounds: int) -> Table:  # noqa: ARG001 - virtual time is the same each time
    """Every sequence of the library, whole, with the files written."""
    observatory = load_observatory("simulated")
    plans = [make_plan(load(name, site_of(observatory)), observatory) for name in library_names()]
    return Table(
        "Run time of a sequence",
        tuple(_row(plan) for plan in plans),
        "Run to the end on a virtual clock, 9 files a frame, beside two models: the bound below which no schedule can "
        "come (it is what `plan` prints), and the serial order of scripts, in which only the read-out of a lamp's "
        "last exposure goes on under the next warm-up. Saved is what the overlap saves of that.",
    )


def _row(plan: Plan) -> Row:
    with scratch() as folder:
        name = plan.document.name
        result = asyncio.run(calibrate(name, home=folder, frames=folder / "frames", speed="max", show_progress=False))
    serial = serial_s(plan.graph.exposures, plan.observatory)
    share = result.elapsed_s / plan.bound_s
    return Row(
        f"`{name}`, {len(result.frames)} frames",
        f"<= {BAR} x bound",
        f"{result.elapsed_s:.1f} s",
        f"bound {plan.bound_s:.1f} s; serial {serial:.0f} s",
        f"{share:.4f} x bound; saves {1 - result.elapsed_s / serial:.1%}",
        holds=share <= BAR and result.outcome == "done",
    )
