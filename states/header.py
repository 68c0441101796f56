"""The FITS header of a frame, from what was read back while it was taken; a pure function.

The spectrographs' driver adds what it alone knows (EXPNO, CAMERA, SPEC, DATE-OBS, shutter times).
"""

from safelight.states.exposure import Exposure
from safelight.states.instrument import Instrument

__all__ = ["header_of"]

Header = dict[str, object]


def header_of(exposure: Exposure, instrument: Instrument, bad_because: str | None = None) -> Header:
    """Keyword -> value, or (value, comment)."""
    taken = instrument.taken[exposure.frame]
    header: Header = dict(instrument.cards)
    header["FRAMEID"] = (exposure.frame, "frame of the sequence")
    header["ATTEMPT"] = (taken.attempt, "1: first try of this frame")
    header["IMAGETYP"] = (exposure.flavour, "flavour")
    header["EXPTIME"] = (exposure.exposure_s, "[s] integration time asked for")
    header["OBJECT"] = exposure.object
    header["QUALITY"] = ("BAD" if bad_because else "GOOD", "BAD: not as declared, taken again")
    if bad_because:
        header["BADWHY"] = bad_because
    header |= _lamps(exposure, instrument) | _mask(exposure, instrument) | _pointing(exposure, instrument)
    for keyword, value in exposure.header:
        header.setdefault(keyword, value)
    return header


def _lamps(exposure: Exposure, instrument: Instrument) -> Header:
    """One keyword per lamp as read back, and W + keyword: how long it had burnt, where that is known."""
    taken = instrument.taken[exposure.frame]
    warm_s = dict(taken.warm_s)
    cards: Header = {}
    for lamp, state in taken.lamps:
        keyword = instrument.keywords[lamp]
        cards[keyword] = (state.upper(), f"lamp {lamp} as read back")
        if state == "off" or warm_s.get(lamp):
            cards[f"W{keyword}"[:8]] = (round(warm_s.get(lamp, 0.0), 1), f"[s] {lamp} lit before the exposure")
    return cards


def _mask(exposure: Exposure, instrument: Instrument) -> Header:
    """CALIBFIB is the fibre, or SWEEP; then SWEEPN fibres FIBnnn with DWEnnn seconds each."""
    cards: Header = {}
    steps = instrument.taken[exposure.frame].fibre_steps
    if steps is not None:
        cards["FIBSTEPS"] = (steps, "fibre mask before the exposure [motor steps]")
    if exposure.sweep:
        dwells = instrument.dwells.get(exposure.frame, [])
        cards["CALIBFIB"] = ("SWEEP", "the mask moved during the exposure")
        cards["SWEEPN"] = (len(dwells), "number of fibres lit")
        if exposure.asked_dwell_s is not None:
            cards["DWELLASK"] = (exposure.asked_dwell_s, "[s] asked for on each fibre")
        for number, (fibre, lit_s) in enumerate(dwells, start=1):
            cards[f"FIB{number:03d}"] = fibre
            cards[f"DWE{number:03d}"] = (round(lit_s, 3), f"[s] on {fibre}")
    elif exposure.need.fibre is not None:
        cards["CALIBFIB"] = (exposure.need.fibre, "fibre lit by the mask")
    return cards


def _pointing(exposure: Exposure, instrument: Instrument) -> Header:
    """<TELESCOPE>ALT and <TELESCOPE>AZ, degrees, as read back; names cut to five letters."""
    cards: Header = {}
    for name, where in instrument.taken[exposure.frame].pointing:
        short = name[:5].upper()
        cards[f"{short}ALT"] = (round(where.alt_deg, 4), f"[deg] altitude of {name} as read back")
        cards[f"{short}AZ"] = (round(where.az_deg, 4), f"[deg] azimuth of {name} as read back")
    return cards
