"""Lamps of which a connection has heard how they went off: their driver has sent that off to its hardware.

A driver that repeats its last command swallows an off that it believes to be done. An off that is forced by an on
lights the lamp for a second. Where the driver itself has reported the lamp on, and then off, nothing is forced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.indi.properties import Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from safelight.devices.indi.line import IndiLine
    from safelight.devices.indi.options import IndiLampOptions
    from safelight.devices.indi.properties import Blob
    from safelight.devices.protocols import LampState

__all__ = ["DarkProofs"]


class DarkProofs:
    """What is proved of the lamps of one connection.

    Args:
        line: the connection. What was heard before it was lost proves nothing.
        lamps: of that server.
        state_in: returns what a vector says of a lamp.
    """

    def __init__(
        self,
        line: IndiLine,
        lamps: Iterable[IndiLampOptions],
        state_in: Callable[[Vector, IndiLampOptions], LampState],
    ) -> None:
        self._line, self._state_in = line, state_in
        self._lamps: dict[str, list[IndiLampOptions]] = {}
        for one in lamps:
            self._lamps.setdefault(one.device, []).append(one)
        self._seen: dict[tuple[str, str, str], tuple[int, LampState]] = {}
        for device in self._lamps:
            line.listen(device, self._hearing(device))

    def is_proved(self, lamp: IndiLampOptions) -> bool:
        """Return whether the driver has reported the lamp on, and then off without an error, and nothing since."""
        vector = self._line.known(lamp.device, lamp.property)
        clean = vector is not None and self._line.error_of(lamp.device, vector.clean_serial) is None
        return clean and self._seen.get(_key(lamp)) == (self._line.opening, "off")

    def _hearing(self, device: str) -> Callable[[Vector | Blob | None], None]:
        def hear(news: Vector | Blob | None) -> None:
            for one in self._lamps[device]:
                if news is None:
                    self._seen.pop(_key(one), None)
                elif isinstance(news, Vector) and one.property in {news.name, f"label:{news.label}"}:
                    self._note(one, news)

        return hear

    def _note(self, lamp: IndiLampOptions, vector: Vector) -> None:
        """Note what the driver says of a lamp."""
        key, state = _key(lamp), self._state_in(vector, lamp) if vector.state == "Ok" else "unknown"
        if state == "on":
            self._seen[key] = (self._line.opening, "on")
        elif state == "off" and self._seen.get(key) == (self._line.opening, "on"):
            reported = vector.serial == vector.report_serial == vector.clean_serial
            self._seen[key] = (self._line.opening, "off" if reported else "unknown")


def _key(lamp: IndiLampOptions) -> tuple[str, str, str]:
    return lamp.device, lamp.property, lamp.is_on
