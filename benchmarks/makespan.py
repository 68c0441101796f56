"""Durations of the library's sequences in virtual time, compared with the shortest possible and with gort's."""

import asyncio

from benchmarks.gort_order import serial_s
from benchmarks.rows import Row, Table, scratch
from safelight.devices import load_observatory
from safelight.engine import calibrate
from safelight.engine.planning.plan import Plan, make_plan, site_of
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
        "Run to the end on a virtual clock, 9 files a frame, compared with two models: the bound below which no "
        "schedule that keeps the promises can come (it is what `plan` prints), and gort's order, that of a script "
        "which leaves only the last readout before another lamp to the next warm-up. Saved is what safelight saves "
        "of gort's order; "
        "what it saves of its own frames one after the other is in [overlap](overlap.md#what-is-saved). The model of "
        "gort's order counts what the instrument needs, lamps-off commands included, and no overhead of a script. It "
        "does not count the read-backs around each frame, nor the lamps-off after the last readout, which the bound "
        "does count. So `bias`, where nothing can overlap, takes 0.2 s less in it than the bound, and 0.4 % less than "
        "safelight, which looks before and after each frame.",
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
        f"bound {plan.bound_s:.1f} s; gort's order {serial:.0f} s",
        f"{share:.4f} x bound; saves {1 - result.elapsed_s / serial:.1%}",
        holds=share <= BAR and result.outcome == "done",
    )
