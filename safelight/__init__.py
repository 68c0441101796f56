"""safelight: calibration sequences of a spectrograph, run as an exhaustively checked state machine.

from safelight import calibrate
result = await calibrate("normal")

The packages are ``safelight.sequences`` (documents and frames), ``safelight.devices`` (drivers and the observatory
document), ``safelight.states`` (actions and the graph), ``safelight.engine`` (planning and execution) and
``safelight.show`` (progress, histories and reports).
"""

from typing import TYPE_CHECKING

from safelight.at_first_use import at_first_use
from safelight.errors import SafelightError
from safelight.version import __version__

if TYPE_CHECKING:
    from safelight.api import CheckResult, abort, calibrate, check, look_back, pause, plan, report, resume, run, runs
    from safelight.devices.errors import DeviceError, ObservatoryError
    from safelight.devices.observatory.observatory import Observatory, load_observatory
    from safelight.engine.errors import EngineError, RunRefused
    from safelight.engine.planning.plan import Plan
    from safelight.engine.records.run_list import RunEntry
    from safelight.engine.run.segment import RunResult
    from safelight.sequences.errors import SequenceError
    from safelight.show.history.run_history import RunHistory

__all__ = [
    "CheckResult",
    "DeviceError",
    "EngineError",
    "Observatory",
    "ObservatoryError",
    "Plan",
    "RunEntry",
    "RunHistory",
    "RunRefused",
    "RunResult",
    "SafelightError",
    "SequenceError",
    "__version__",
    "abort",
    "calibrate",
    "check",
    "load_observatory",
    "look_back",
    "pause",
    "plan",
    "report",
    "resume",
    "run",
    "runs",
]

__getattr__ = at_first_use(
    globals(),
    {
        "safelight.devices.errors": ("DeviceError", "ObservatoryError"),
        "safelight.devices.observatory.observatory": ("Observatory", "load_observatory"),
        "safelight.engine.errors": ("EngineError", "RunRefused"),
        "safelight.engine.planning.plan": ("Plan",),
        "safelight.engine.records.run_list": ("RunEntry",),
        "safelight.engine.run.segment": ("RunResult",),
        "safelight.sequences.errors": ("SequenceError",),
        "safelight.show.history.run_history": ("RunHistory",),
    },
    others="safelight.api",
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
