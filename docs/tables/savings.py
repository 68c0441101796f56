"""What overlap saves on each ready sequence, from their plans."""

from dataclasses import replace

from safelight.devices import load_observatory
from safelight.engine import Options, Plan, make_plan, site_of
from safelight.sequences import library_names, load
from tables.cells import table

__all__ = ["savings_table"]


def savings_table() -> str:
    """Seconds of each sequence: one thing after the other, overlapped, the bound, with a light-tight shutter."""
    heads = ("sequence", "one after the other", "overlapped", "saved", "bound", "above it", "light-tight", "saved")
    return table(heads, map(_row, library_names()))


def _row(name: str) -> tuple[str, ...]:
    chain_s = _plan(name, overlap=False).total_s
    plan = _plan(name)
    tight = _plan(name, light_tight=True).total_s
    over = 100 * (plan.total_s / plan.bound_s - 1)
    numbers = (f"{chain_s:,.1f}", f"{plan.total_s:,.1f}", _saved(chain_s, plan.total_s), f"{plan.bound_s:,.1f}")
    return (f"`{name}`", *numbers, f"{over:.2f} %", f"{tight:,.1f}", _saved(chain_s, tight))


def _saved(chain_s: float, total_s: float) -> str:
    return f"{100 * (1 - total_s / chain_s):.0f} %"


def _plan(name: str, *, overlap: bool = True, light_tight: bool = False) -> Plan:
    observatory = load_observatory("simulated")
    shutters = observatory.spectrographs.model_copy(update={"light_tight_shutter": light_tight})
    observatory = observatory.model_copy(update={"spectrographs": shutters})
    document = load(name, site_of(observatory))
    options = replace(Options(), overlap=overlap, park_after=bool(document.spec.park_after))
    return make_plan(document, observatory, options)
