"""The instrument, put into the hands of the states: an observatory's document and its devices together."""

from pathlib import Path

from safelight.devices import Devices, Observatory, Timekeeper
from safelight.engine.clock import Clock
from safelight.states import Instrument, Tolerances
from safelight.states.exposure import Card

__all__ = ["instrument_of"]


def instrument_of(
    observatory: Observatory, devices: Devices, clock: Timekeeper, folder: Path, cards: tuple[Card, ...] = ()
) -> Instrument:
    """What actions act on; the same for a run and for what is done by hand.

    Args:
        observatory: names, directions, tolerances.
        devices: of that observatory, opened.
        clock: the observatory's time.
        folder: where frames are written.
        cards: FITS cards that every frame carries.
    """
    telescopes, fibsel = observatory.telescopes, observatory.fibsel
    return Instrument(
        devices=devices,
        clock=clock,
        positions={name: observatory.targets(name) for name in observatory.positions},
        fibres=dict(fibsel.fibres) if fibsel else {},
        keywords={lamp: observatory.lamps.keyword(lamp) for lamp in observatory.lamps.units},
        longest_on_s={lamp: unit.longest_on_s for lamp, unit in observatory.lamps.units.items()},
        tolerances=Tolerances(
            pointing_deg=telescopes.tolerance_deg if telescopes else 0.0,
            fibre_steps=fibsel.tolerance_steps if fibsel else 0,
            dwell=fibsel.dwell_tolerance if fibsel else 0.0,
            computing_s=clock.computing_s if isinstance(clock, Clock) else 0.0,
        ),
        lamp_watch_s=observatory.lamps.watch_s,
        folder=folder,
        cards=cards,
    )
