"""FITS header of a frame, made from what was read back while it was taken. Pure functions.

The spectrographs' driver adds the cards that only it knows (EXPNO, CAMERA, SPEC, DATE-OBS, shutter times).
"""

from math import inf

from safelight.devices.files.cards import level_keyword, pointing_keywords, timed_keyword, warm_keyword
from safelight.devices.files.light_cards import MEASURED_CARDS
from safelight.states.exposure import AS_FOUND, Exposure
from safelight.states.instrument import Instrument

__all__ = ["header_of"]

Header = dict[str, object]


def header_of(exposure: Exposure, instrument: Instrument, bad_because: str | None = None) -> Header:
    """Return keyword -> value, or (value, comment)."""
    taken = instrument.taken[exposure.frame]
    header: Header = {**dict(instrument.cards), **dict(instrument.conditions())}
    header["FRAMEID"] = (exposure.frame, "frame of the sequence")
    header["ATTEMPT"] = (taken.attempt, "1: first try of this frame")
    header["IMAGETYP"] = (exposure.flavour, "flavour")
    seconds = instrument.chosen_s.get(exposure.frame, exposure.exposure_s)
    header["EXPTIME"] = (seconds, "[s] integration time asked for")
    if exposure.counts is not None:
        header["EXPASK"] = (exposure.counts.adu, "[adu] counts that the exposure time is found from")
    header["OBJECT"] = exposure.object
    header["QUALITY"] = ("BAD" if bad_because else "GOOD", "BAD: not as declared, taken again")
    if instrument.look is not None:
        # Filled in where the light has been looked at: the file is written before.
        header["LIGHTQC"] = "NONE"
        header["QCWHY"] = "".ljust(8)
        header |= dict.fromkeys(MEASURED_CARDS, "".ljust(8))
    if bad_because:
        header["BADWHY"] = bad_because
    header |= _lamps(exposure, instrument) | _mask(exposure, instrument) | _pointing(exposure, instrument)
    header |= _setup(exposure, instrument)
    for keyword, value in exposure.header:
        if keyword in _OF_DOCUMENT:
            header[keyword] = value
        header.setdefault(keyword, value)
    return header


_OF_DOCUMENT = ("OBJECT", "COMMENT")
"""Cards whose value in the document takes precedence."""


def _setup(exposure: Exposure, instrument: Instrument) -> Header:
    """Return one keyword per selector that was read back, the levels of lamps, and CCD-TEMP."""
    taken = instrument.taken[exposure.frame]
    cards: Header = {}
    for selector, position in taken.setup:
        cards[instrument.selector_keywords[selector]] = (position, f"selector {selector} as read back")
    for lamp, percent in taken.levels:
        cards[level_keyword(instrument.keywords[lamp])] = (round(percent, 2), f"[percent] level of {lamp}")
    if taken.detector_c is not None:
        cards["CCD-TEMP"] = (round(taken.detector_c, 2), "[deg C] warmest detector as read back")
    return cards


def _lamps(exposure: Exposure, instrument: Instrument) -> Header:
    """Return one keyword per lamp as read back, and W + keyword: how long it had been on, if known.

    A lamp that is on behind its source shutter is BLOCKED.
    """
    taken = instrument.taken[exposure.frame]
    warm_s = dict(taken.warm_s)
    behind = {lamp: shield for lamp, *shield in exposure.need.shields}
    cards: Header = {}
    for lamp, state in taken.lamps:
        keyword = instrument.keywords[lamp]
        cards[keyword] = (state.upper(), f"lamp {lamp} as read back")
        if lamp in behind and (state == "on" or _lit_meanwhile(lamp, exposure, instrument)):
            cards[keyword] = ("BLOCKED", f"{lamp} on, behind {' '.join(behind[lamp])}")
        if state == "off" or warm_s.get(lamp):
            cards[warm_keyword(keyword)] = (round(warm_s.get(lamp, 0.0), 1), f"[s] {lamp} lit before the exposure")
    steady_s = [instrument.steady_s[lamp] for lamp in exposure.need.lamps if lamp in instrument.steady_s]
    if steady_s:
        cards["WSTEADY"] = (round(max(steady_s), 1), "[s] warm-up until the light was steady")
    through = {each.lamp: f"through {each.selector}" for each in exposure.openings}
    for lamp, on_s in instrument.timed_s.get(exposure.frame, {}).items():
        how = through.get(lamp, "on")
        cards[timed_keyword(instrument.keywords[lamp])] = (round(on_s, 2), f"[s] {lamp} {how} during the exposure")
    return cards


def _lit_meanwhile(lamp: str, exposure: Exposure, instrument: Instrument) -> bool:
    """Return whether a lamp has been lit before this exposure ended, and is on since."""
    closed_at = instrument.closed_at.get(exposure.frame)
    return closed_at is not None and instrument.lit_at.get(lamp, inf) < closed_at


def _mask(exposure: Exposure, instrument: Instrument) -> Header:
    """Return CALIBFIB (the fibre, NONE or SWEEP), then SWEEPN fibres FIBnnn with DWEnnn seconds each."""
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
    elif exposure.need.fibre not in (None, AS_FOUND):
        cards["CALIBFIB"] = (exposure.need.fibre, "fibre lit by the mask")
    elif exposure.order.opens_shutter and steps is not None:
        cards["CALIBFIB"] = (instrument.fibre_at(steps) or "NONE", "fibre lit by the mask, as it was found")
    return cards


def _pointing(exposure: Exposure, instrument: Instrument) -> Header:
    """Return <TELESCOPE>ALT and <TELESCOPE>AZ, degrees, as read back. Names are cut to five letters."""
    cards: Header = {}
    for name, where in instrument.taken[exposure.frame].pointing:
        altitude, azimuth = pointing_keywords(name)
        cards[altitude] = (round(where.alt_deg, 4), f"[deg] altitude of {name} as read back")
        cards[azimuth] = (round(where.az_deg, 4), f"[deg] azimuth of {name} as read back")
    return cards
