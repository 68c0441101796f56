"""How long a sequence takes in gort's order; a model, and independent of the compiler.

The order is that of LVM's tool, in its `specs.calibrate`: the telescopes are pointed first, then everything happens one
after the other. Only the last readout before another lamp goes on under that lamp's warm-up. The numbers of the
instrument are those of the observatory document, so that the order alone makes the difference.

Counted are lamps off and read back at the beginning and before each change of lamps, on, warm-up, the slew, the mask's
moves, shutter, integration and readout. Not counted are the read-backs around a frame, those after a slew and a move,
lamps off after the last readout (in parallel with it), and any overhead of a script.
"""

from collections.abc import Sequence

from safelight.devices import Observatory
from safelight.engine.planning.durations import Durations
from safelight.states import AS_FOUND, Exposure

__all__ = ["serial_s"]


def serial_s(exposures: Sequence[Exposure], observatory: Observatory) -> float:
    """Seconds from the first lamps-off to the last file.

    Args:
        exposures: in the order in which they are taken.
        observatory: its numbers.
    """
    durations = Durations(observatory)
    readout_s = observatory.spectrographs.readout_s
    now_s = durations.lamp_off_s + _slew_s(exposures, observatory, durations)
    read_s, steps = now_s, 0
    lit: tuple[str, ...] = ()
    for exposure in exposures:
        if exposure.need.lamps != lit:
            # Off, the next one on, warm: the readout before it continues in parallel.
            lit = exposure.need.lamps
            now_s += durations.lamp_off_s + (durations.warmup_s(exposure.need, {}) if lit else 0.0)
        now_s = max(now_s, read_s)
        if observatory.fibsel is not None and exposure.need.fibre not in (None, AS_FOUND):
            target = observatory.fibsel.fibres[exposure.need.fibre]
            now_s += durations.move_s(steps, target)
            steps = observatory.fibsel.fibres[exposure.sweep[-1]] if exposure.sweep else target
        now_s += durations.integrate_s(exposure)
        read_s = now_s + readout_s
    return max(read_s, now_s + durations.lamp_off_s)


def _slew_s(exposures: Sequence[Exposure], observatory: Observatory, durations: Durations) -> float:
    """To the first position that a frame asks for, from the park position."""
    position = next((exposure.need.position for exposure in exposures if exposure.need.position), None)
    if position is None or position == AS_FOUND or observatory.telescopes is None:
        return 0.0
    return durations.slew_s(observatory.targets(observatory.park_position), observatory.targets(position))
