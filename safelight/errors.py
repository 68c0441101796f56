"""Root of every error that safelight raises on purpose."""

__all__ = ["SafelightError"]


class SafelightError(Exception):
    """Root of every error that safelight raises on purpose.

    SafelightError
    +-- safelight.sequences.SequenceError   a document that can't be run
    +-- safelight.devices.DeviceError       hardware that did not do, or may not have done, what was requested
    +-- safelight.states.StateError         an action whose read-back state is not the requested one
    +-- safelight.engine.EngineError        a graph, run or journal that can't continue
    """
