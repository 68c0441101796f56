"""States, times and lamps in words for people; pure. Plans, progress and summaries speak alike because of it."""

from collections.abc import Iterable, Mapping

from safelight.states import Expose, Exposure, FibselStep, LampOff, LampWarmup, Park, Point, Ready, State, Work

__all__ = ["brief", "clock_face", "counted", "family", "in_sentence", "lamps_in_words", "needs", "spans", "title"]


def clock_face(seconds: float) -> str:
    """Seconds as a clock shows them, `0:44:37`; whole seconds."""
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"


def brief(seconds: float) -> str:
    """A short time as people say it: `0.2 s`, `55 s`, `15 min 02 s`, `1 h 04 min`."""
    if seconds < 9.95:  # noqa: PLR2004 - tenths are of interest below ten seconds
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:  # noqa: PLR2004 - up to two minutes people think in seconds
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004 - seconds in an hour
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def counted(number: int, thing: str) -> str:
    """`1 frame`, `4 frames`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def in_sentence(names: Iterable[str]) -> str:
    """`Argon`, `Argon and Neon`, `Argon, Neon and LDLS`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def family(frame: str) -> str:
    """What a frame's id says before its number: `dark-900s` of `dark-900s-002`."""
    return frame.rpartition("-")[0] or frame


def spans(frames: Iterable[str]) -> list[str]:
    """Frames that follow each other in one family, as a span: `bias-001 … bias-005`, `LDLS-90s-001`."""
    found: list[list[str]] = []
    for frame in frames:
        if found and _follows(found[-1][-1], frame):
            found[-1].append(frame)
        else:
            found.append([frame])
    return [span[0] if len(span) == 1 else f"{span[0]} … {span[-1]}" for span in found]


def _follows(one: str, other: str) -> bool:
    numbers = [frame.rpartition("-")[2] for frame in (one, other)]
    return (
        family(one) == family(other)
        and all(number.isdecimal() for number in numbers)
        and int(numbers[1]) == int(numbers[0]) + 1
    )


def lamps_in_words(lamps: Mapping[str, str]) -> str:
    """`all 6 off`, or those that are not: `Quartz ON, LDLS UNKNOWN`; nothing where nothing is known."""
    doubtful = [f"{lamp} {state.upper()}" for lamp, state in lamps.items() if state != "off"]
    if doubtful:
        return ", ".join(doubtful)
    return f"all {len(lamps)} off" if lamps else ""


def title(state: State) -> str:
    """What a state does, in a few words: `expose bias-001`, `warm up LDLS`."""
    work = state.work
    if isinstance(work, LampWarmup):
        return f"warm up {'+'.join(work.lamps)}"
    if isinstance(work, LampOff):
        return "all lamps off" if state.id in ("safing", "lamp-off/all") else f"lamp off {'+'.join(work.lamps)}"
    if isinstance(work, Point):
        return f"point to {work.position}"
    if isinstance(work, Park):
        return "park"
    if isinstance(work, FibselStep):
        return f"mask to {work.fibre}" if work.frame is None else f"light {work.fibre}"
    words = {"expose": "expose", "readout": "read out", "ready": "check"}
    return f"{words.get(state.kind, state.kind)} {state.frame or ''}".rstrip()


def needs(work: Work | None, where: Mapping[str, str] = {}) -> str:
    """What a state asks of the instrument, in a few words; empty where its title says it all.

    Args:
        work: the state's action.
        where: named position -> how to call it; the name itself where it is missing.
    """
    if isinstance(work, Expose):
        return _exposure(work.exposure)
    if isinstance(work, Ready):
        need = work.need
        place = [where.get(need.position, need.position)] if need.position else []
        return ", ".join([f"{'+'.join(need.lamps)} lit" if need.lamps else "no lamp lit", *place, *_fibre(need.fibre)])
    if isinstance(work, LampWarmup):
        return f"for {max(work.warmup_s):g} s at least"
    if isinstance(work, FibselStep) and work.frame is not None:
        return f"{work.dwell_s:.1f} s on target"
    return ""


def _exposure(exposure: Exposure) -> str:
    light = "+".join(exposure.need.lamps) or "no lamp"
    seconds = f"{exposure.exposure_s:g} s"
    fibres = [counted(len(exposure.sweep), "fibre") + " in turn"] if exposure.sweep else _fibre(exposure.need.fibre)
    return ", ".join([f"{exposure.flavour} {seconds}" if exposure.exposure_s else exposure.flavour, light, *fibres])


def _fibre(fibre: str | None) -> list[str]:
    return [] if fibre is None else [f"fibre {fibre}"]
