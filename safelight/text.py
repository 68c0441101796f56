"""Words for states, times and lamps, shared by plans, progress and summaries. Pure functions."""

from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "brief",
    "clock_face",
    "counted",
    "everyone",
    "family",
    "first_sentence",
    "how_to_install",
    "in_sentence",
    "lamps_in_words",
    "legible",
    "spans",
    "title_of",
]


_KEPT = "\n\t"

_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def clock_face(seconds: float) -> str:
    """Return whole seconds in the form of a clock, `0:44:37`."""
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"


def brief(seconds: float) -> str:
    """Return a short time in words: `0.2 s`, `55 s`, `15 min 02 s`, `1 h 04 min`."""
    if seconds < 9.95:  # noqa: PLR2004 - tenths are of interest below ten seconds
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:  # noqa: PLR2004 - up to two minutes people think in seconds
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004 - seconds in an hour
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def counted(number: int, thing: str) -> str:
    """Return a number with its noun: `1 frame`, `4 frames`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def in_sentence(names: Iterable[str]) -> str:
    """Return words as a list in a sentence: `Argon`, `Argon and Neon`, `Argon, Neon and LDLS`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def family(frame: str) -> str:
    """Return a frame's id without its number: `dark-900s` of `dark-900s-002`."""
    return frame.rpartition("-")[0] or frame


def spans(frames: Iterable[str]) -> list[str]:
    """Return consecutive frames of one family as a span: `bias-001 … bias-005`, `LDLS-90s-001`."""
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
    """Return `all 6 off`, or the lamps that are not: `Quartz ON, LDLS UNKNOWN`. It is empty if none is known."""
    doubtful = [f"{lamp} {state.upper()}" for lamp, state in lamps.items() if state != "off"]
    if doubtful:
        return ", ".join(doubtful)
    return f"{everyone(lamps)} off" if lamps else ""


def everyone(names: Collection[str]) -> str:
    """Return words for all of them: `Quartz`, `both`, `all 6`."""
    match len(names):
        case 1:
            return next(iter(names))
        case 2:
            return "both"
        case number:
            return f"all {number}"


def title_of(name: str, frame: str | None = None) -> str:
    """Return the title of a state from its id: `mask to P1-12` for `fibsel-step/Quartz-120s-001/03-P1-12`.

    Args:
        name: id of the state.
        frame: its frame, if that is known.
    """
    kind, *parts = name.split("/")
    if name in ("safing", "lamp-off/all"):
        return "all lamps off"
    if kind == "fibsel-step":
        if len(parts) > 1:
            return f"mask to {parts[-1].partition('-')[2]} in {frame or parts[0]}"
        return f"mask for {parts[-1]}" if parts else "mask"
    if kind == "lamp-timed" and len(parts) > 1:
        return f"{parts[-1]} for a part of {frame or parts[0]}"
    if kind == "shutter-timed" and len(parts) > 1:
        return f"{parts[-1]} let through for a part of {frame or parts[0]}"
    verbs = {"readout": "read out", "lamp-warmup": "warm-up for", "point": "pointing for", "ready": "check"}
    verbs |= {"configure": "set-up for", "wait-dark": "wait, lamps off, before"}
    verbs |= {"wait": "wait before warm-up for", "expose": "expose", "lamp-off": "lamps off after", "adopt": "read out"}
    verb = verbs.get(kind, kind)
    return f"{verb} {frame or parts[-1]}" if parts else verb


def first_sentence(text: str) -> str:
    """Return the first sentence of a help text on one line, without its full stop."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split()).partition(". ")[0].rstrip(".")


def how_to_install(extra: str) -> str:
    """Return the sentence that says how to install the packages of an extra.

    Args:
        extra: a name of `[project.optional-dependencies]`: `web`, `pictures`, ...
    """
    return f"Install safelight with its extra {extra!r}: from its clone, pip install '.[{extra}]'."


def legible(text: str) -> str:
    """Return the same words, with a sign for each letter that can't be printed.

    These are control characters of terminals (escape sequences), characters that change the direction of writing,
    invisible characters, and bytes of a file name that are not letters.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in _KEPT else _sign(letter) for letter in text)


def _sign(letter: str) -> str:
    return " " if letter.isspace() and letter not in "\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029" else _INSTEAD
