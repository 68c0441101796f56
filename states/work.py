"""Protocol of every kind of state: frozen parameters, an action, and its own clean-up."""

from typing import ClassVar, Final, Literal, Protocol, runtime_checkable

from safelight.states.exposure import TakenFrame
from safelight.states.instrument import Instrument

__all__ = ["BLOCKED", "LAMPS", "SHUTTERS", "Deed", "Order", "Work"]

Deed = Literal["shutters", "blocked", "lamps"]

SHUTTERS: Final = "shutters"
"""Every shutter is read back as closed, or the state fails."""
BLOCKED: Final = "blocked"
"""The source shutter of each lamp is read back as blocking, or the state fails."""
LAMPS: Final = "lamps"
"""Lamps may be lit."""

Order = tuple[Deed, ...]
"""Deeds of a state, from first to last."""


@runtime_checkable
class Work(Protocol):
    """Action of the instrument. It is a frozen value, so that a graph can hold and hash it."""

    kind: ClassVar[str]
    """Name in graphs, plans, deadlines and retries: `point`, `lamp-warmup`, ..."""

    async def act(self, instrument: Instrument) -> TakenFrame | None:
        """Do it and read back that it is done. It is safe to call again after a failure.

        Returns:
            A frame, if one was written to disk.

        Raises:
            DeviceError: if a device failed or its outcome is unknown.
            StateError: if the read-back state is not the requested one.
        """

    async def clean_up(self, instrument: Instrument, *, again: bool) -> TakenFrame | None:
        """Leave the devices at rest after the action was cancelled or has failed. Switch no lamp on.

        Args:
            instrument: what the action acted on.
            again: the action will be tried again (True), or the run is on its way out (False).

        Returns:
            A bad frame, where one was kept aside.
        """
