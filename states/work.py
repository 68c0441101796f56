"""What every kind of state has: parameters (a frozen value), an expected duration, an action, its own clean-up."""

from typing import ClassVar, Protocol, runtime_checkable

from safelight.states.exposure import TakenFrame
from safelight.states.instrument import Instrument

__all__ = ["Work"]


@runtime_checkable
class Work(Protocol):
    """One thing that the instrument does; a frozen value, so that a graph can hold and hash it."""

    kind: ClassVar[str]
    """The word for it in graphs, plans, deadlines and retries: `point`, `lamp-warmup`, ..."""

    async def act(self, instrument: Instrument) -> TakenFrame | None:
        """Do it and read back that it is done; safe to call again after a failure.

        Returns:
            A frame, where one has come onto the disk.

        Raises:
            DeviceError: if a device failed or its outcome is unknown.
            StateError: if what was read back is not what was asked.
        """

    async def clean_up(self, instrument: Instrument, *, again: bool) -> TakenFrame | None:
        """Leave the devices at rest after the action was cancelled or has failed; switches no lamp on.

        Args:
            instrument: what the action acted on.
            again: the action will be tried again (True), or the run is on its way out (False).

        Returns:
            A bad frame, where one was kept aside.
        """
