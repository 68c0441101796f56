"""Engine: planning, records, guard, run, resume and manual control.

from safelight.engine import calibrate
result = await calibrate("normal")
"""

from typing import TYPE_CHECKING

from safelight.at_first_use import at_first_use

if TYPE_CHECKING:
    from safelight.api import calibrate, look_back
    from safelight.engine.clock import Clock, ScaledClock, VirtualClock, clock_for
    from safelight.engine.errors import EngineError, ProofError, RunRefused
    from safelight.engine.planning.compiler import Options, compile_graph
    from safelight.engine.planning.plan import Plan, make_plan, site_of
    from safelight.engine.planning.proof import Proof, prove
    from safelight.engine.planning.request import Request, plan_of
    from safelight.engine.planning.schedule import Schedule, schedule_of
    from safelight.engine.run.runner import Runner
    from safelight.engine.run.segment import RunResult
    from safelight.engine.run.start import perform

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
    "schedule_of",
    "site_of",
]

__getattr__ = at_first_use(
    globals(),
    {
        "safelight.api": ("calibrate", "look_back"),
        "safelight.engine.clock": ("Clock", "ScaledClock", "VirtualClock", "clock_for"),
        "safelight.engine.errors": ("EngineError", "ProofError", "RunRefused"),
        "safelight.engine.planning.compiler": ("Options", "compile_graph"),
        "safelight.engine.planning.plan": ("Plan", "make_plan", "site_of"),
        "safelight.engine.planning.proof": ("Proof", "prove"),
        "safelight.engine.planning.request": ("Request", "plan_of"),
        "safelight.engine.planning.schedule": ("Schedule", "schedule_of"),
        "safelight.engine.run.runner": ("Runner",),
        "safelight.engine.run.segment": ("RunResult",),
        "safelight.engine.run.start": ("perform",),
    },
)
