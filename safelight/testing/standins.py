"""Stand-ins for hardware, and the troubles that a test puts them into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

__all__ = ["TROUBLES", "UNANSWERED", "StandIn", "Trouble"]

Trouble = Literal["unreachable", "garbled", "slow", "silent", "cut", "refused", "not_done", "read_hangs"]
"""Trouble that a test may cause in the hardware, or in its connection."""

TROUBLES: Mapping[Trouble, str] = {
    "unreachable": "connections are lost, and new ones are refused",
    "garbled": "every answer is replaced by something that makes no sense",
    "slow": "every answer comes late",
    "silent": "commands arrive, and no answer comes",
    "cut": "the connection is closed in the middle of the next answer",
    "refused": "every command is refused, and nothing is done",
    "not_done": "every command is acknowledged, and nothing is done",
    "read_hangs": "the next question gets no answer, while others do",
}
"""Trouble -> behaviour of the hardware while it lasts."""

UNANSWERED: frozenset[Trouble] = frozenset({"unreachable", "garbled", "silent", "cut"})
"""Troubles in which a driver can't know what the hardware did."""


class StandIn:
    """Imitated hardware that a test puts into trouble and asks for its true state.

    A subclass lists in `offers` the troubles that it can imitate itself, and implements `bring_about`. Troubles of the
    connection are easier to imitate by a `Wire` between driver and stand-in.
    """

    offers: ClassVar[frozenset[Trouble]] = frozenset()

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Begin a trouble that is offered. None ends it."""
