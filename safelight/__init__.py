"""safelight: calibration sequences of a spectrograph, run as a proved state machine.

The rooms are ``safelight.sequences`` (what is wanted), ``safelight.devices`` (how hardware is touched),
``safelight.states`` (what can happen) and ``safelight.engine`` (what makes it happen).
"""

__all__ = ["SafelightError", "__version__"]

__version__ = "0.1.0"


class SafelightError(Exception):
    """Root of every error that safelight raises on purpose.

    SafelightError
    +-- safelight.sequences.SequenceError   a document that can't be run
    +-- safelight.devices.DeviceError       hardware that did not do, or may not have done, what was asked
    +-- safelight.states.StateError         an action that read back something else than it asked for
    +-- safelight.engine.EngineError        a graph, run or journal that can't go on
    """
