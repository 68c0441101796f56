"""What makes it happen: compiler, proof, machine, runner, safing.

from safelight.engine import calibrate
result = await calibrate("normal")
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safelight.engine.calibrate import RunResult, calibrate, perform
    from safelight.engine.clock import Clock, ScaledClock, VirtualClock, clock_for
    from safelight.engine.compiler import Options, compile_graph
    from safelight.engine.errors import EngineError, ProofError, RunRefused
    from safelight.engine.look_back import look_back
    from safelight.engine.plan import Plan, make_plan, site_of
    from safelight.engine.proof import Proof, prove
    from safelight.engine.request import Request, plan_of
    from safelight.engine.runner import Runner
    from safelight.engine.schedule import Schedule, schedule

__all__ = [
    "Clock",
    "EngineError",
    "Options",
    "Plan",
    "Proof",
    "ProofError",
    "Request",
    "RunRefused",
    "RunResult",
    "Runner",
    "ScaledClock",
    "Schedule",
    "VirtualClock",
    "calibrate",
    "clock_for",
    "compile_graph",
    "look_back",
    "make_plan",
    "perform",
    "plan_of",
    "prove",
    "schedule",
    "site_of",
]

_HOMES = {
    "calibrate": ("RunResult", "calibrate", "perform"),
    "clock": ("Clock", "ScaledClock", "VirtualClock", "clock_for"),
    "compiler": ("Options", "compile_graph"),
    "errors": ("EngineError", "ProofError", "RunRefused"),
    "look_back": ("look_back",),
    "plan": ("Plan", "make_plan", "site_of"),
    "proof": ("Proof", "prove"),
    "request": ("Request", "plan_of"),
    "runner": ("Runner",),
    "schedule": ("Schedule", "schedule"),
}


def __getattr__(name: str) -> Any:
    """Import a public thing when it is first asked for: a command line that only plans builds no machine."""
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"safelight.engine.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Room(ModuleType):
    """Some files bear the name of what they are for: `calibrate` is the function, whatever was imported before."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Room
