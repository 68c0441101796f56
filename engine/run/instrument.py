"""Making of the states' instrument from an observatory's document and its devices."""

from pathlib import Path

from safelight.devices import Devices, Observatory, Timekeeper
from safelight.engine.clock import Clock
from safelight.engine.guard.safing import patience_of
from safelight.states import Instrument, Tolerances
from safelight.states.exposure import Card

__all__ = ["instrument_of"]


def instrument_of(
    observatory: Observatory, devices: Devices, clock: Timekeeper, folder: Path, cards: tuple[Card, ...] = ()
) -> Instrument:
    """Return the instrument on which actions act, both in a run and by hand.

    Args:
        observatory: names, directions, tolerances.
        devices: its opened devices.
        clock: the observatory's time.
        folder: folder for frames.
        cards: FITS cards that every frame carries, after those of the observatory document.
    """
    telescopes, fibsel = observatory.telescopes, observatory.fibsel
    selectors, temperature = observatory.selectors, observatory.spectrographs.temperature
    monitor = observatory.lamps.monitor
    return Instrument(
        devices=devices,
        clock=clock,
        positions={name: observatory.targets(name) for name in observatory.positions},
        fibres=dict(fibsel.fibres) if fibsel else {},
        keywords={lamp: observatory.lamps.keyword(lamp) for lamp in observatory.lamps.units},
        longest_on_s={lamp: unit.longest_on_s for lamp, unit in observatory.lamps.units.items()},
        restrike_s={lamp: unit.restrike_s for lamp, unit in observatory.lamps.units.items() if unit.restrike_s},
        tolerances=Tolerances(
            pointing_deg=telescopes.tolerance_deg if telescopes else 0.0,
            fibre_steps=fibsel.tolerance_steps if fibsel else 0,
            dwell=fibsel.dwell_tolerance if fibsel else 0.0,
            computing_s=clock.computing_s if isinstance(clock, Clock) else 0.0,
            detector_c=temperature.tolerance_c if temperature else 0.0,
        ),
        monitor_every_s=monitor.every_s if monitor else 0.0,
        monitor_dark=monitor.dark if monitor else 0.0,
        lamp_watch_s=observatory.lamps.watch_s,
        lamp_try_s=patience_of(observatory)[1],
        break_off_spoilt=observatory.lamps.break_off_spoilt,
        folder=folder,
        cards=(*observatory.header.items(), *cards),
        selector_keywords={name: selectors.keyword(name) for name in selectors.units} if selectors else {},
        set_point_c=temperature.set_point_c if temperature else None,
        cooling_s=temperature.settle_s if temperature else 0.0,
        cameras_of={unit: observatory.spectrographs.cameras_of(unit) for unit in observatory.spectrographs.names},
    )
