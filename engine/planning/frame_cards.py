"""Checks before a run that every card of its frames has one meaning, and every set of lamps its own name."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from safelight.devices import Observatory, ObservatoryError
from safelight.devices.files.cards import level_keyword, pointing_keywords, timed_keyword, warm_keyword
from safelight.documents.errors import Problem, Refusal, shown
from safelight.sequences.keywords import header_value, is_reserved

__all__ = ["observatory_cards", "require_distinct_cards", "sets_of_one_name"]

_DARK = ("bias", "dark", "nolamp")
"""Words for frames without a lamp in OBJECT and in frame ids."""

_OF_LAMP, _OF_TELESCOPE, _OF_HEADER, _OF_SELECTOR = "lamps.", "telescopes.", "header.", "selectors."


def observatory_cards(observatory: Observatory) -> Iterator[tuple[str, str, str]]:
    """Yield every card that lamps, selectors, telescopes, conditions and `header` write into a frame.

    Yields:
        The keyword, the path in the observatory document that it comes from, and what the card says.
    """
    for lamp in observatory.lamps.units:
        keyword = observatory.lamps.keyword(lamp)
        yield keyword, f"lamps.units.{lamp}", f"the state of lamp {lamp}"
        yield warm_keyword(keyword), f"lamps.units.{lamp}", f"how long lamp {lamp} was on"
        if observatory.lamps.units[lamp].level is not None:
            yield level_keyword(keyword), f"lamps.units.{lamp}", f"the level of lamp {lamp}"
        if not observatory.lamps.units[lamp].warmup_s:
            yield timed_keyword(keyword), f"lamps.units.{lamp}", f"how long lamp {lamp} was on during a part"
    for selector in observatory.selectors.units if observatory.selectors else ():
        keyword = observatory.selectors.keyword(selector) if observatory.selectors else ""
        yield keyword, f"selectors.units.{selector}", f"the position of selector {selector}"
    for telescope in observatory.telescopes.units if observatory.telescopes else ():
        altitude, azimuth = pointing_keywords(telescope)
        yield altitude, f"telescopes.units.{telescope}", f"the altitude of telescope {telescope}"
        yield azimuth, f"telescopes.units.{telescope}", f"the azimuth of telescope {telescope}"
    if observatory.conditions:
        yield "CONDUTC", "conditions", "when the conditions were read"
    for number, condition in enumerate(observatory.conditions, 1):
        yield f"COND{number}", f"conditions.{condition}", f"what was read of condition {condition}"
    for keyword in observatory.header:
        yield keyword, f"header.{keyword}", "what the observatory document says"


def require_distinct_cards(observatory: Observatory) -> None:
    """Compute all cards that lamps, telescopes and `header` write, and refuse cards with two meanings.

    Raises:
        ObservatoryError: with every collision: file, both devices, the card, and what to do.
    """
    labels = {observatory.lamps.label(lamp): lamp for lamp in observatory.lamps.units}
    problems = [*_collapsing(observatory), *_misleading(labels), *_doubled_cameras(observatory)]
    problems += _unwritable(observatory)
    if problems:
        raise observatory.located(ObservatoryError(problems=problems))


def _problem(path: str, message: str, advice: str) -> Problem:
    """Return a problem in a part of the document. File and line are added where they are known."""
    return Problem("", None, path, "", message, advice)


def _collapsing(observatory: Observatory) -> Iterator[Problem]:
    """Yield a problem for every card that would be written twice, or that already has a meaning."""
    said: dict[str, tuple[str, str]] = {}
    for keyword, path, says in observatory_cards(observatory):
        if path.startswith(_OF_LAMP) and is_reserved(keyword):
            own = observatory.lamps.keyword(path.removeprefix("lamps.units."))
            card = "" if keyword == own else f" (its card {keyword})"
            meaning = f"the FITS keyword {own}{card} has another meaning in a frame's header"
            yield _problem(path, meaning, _advice(path))
        elif path.startswith(_OF_SELECTOR) and is_reserved(keyword):
            yield _problem(path, f"the FITS keyword {keyword} has another meaning in a frame's header", _advice(path))
        elif path.startswith(_OF_HEADER) and is_reserved(keyword):
            yield _problem(path, f"the card {keyword} is written by the program", _advice(path))
        other_path, other = said.setdefault(keyword, (path, says))
        if other != says:
            last = other_path if path.startswith(_OF_TELESCOPE) else path
            yield _problem(path, f"the card {keyword} would say both {other} and {says}", _advice(last))


def _unwritable(observatory: Observatory) -> Iterator[Problem]:
    """Yield a problem for every value of `header` that a FITS card can't hold."""
    for keyword, value in observatory.header.items():
        try:
            header_value(value)
        except Refusal as refusal:
            message = refusal.message or f"expected {refusal.allowed}, got {shown(value)}"
            yield Problem("", None, f"header.{keyword}", shown(value), message, refusal.allowed)


def _advice(path: str) -> str:
    if path.startswith(_OF_HEADER):
        return "choose another keyword for `header`"
    if path.startswith(_OF_TELESCOPE):
        return "give the telescope a name with other first five letters"
    if path.startswith(_OF_SELECTOR):
        return "give the selector a `keyword` of its own"
    return "give the lamp a `keyword` of its own, at most seven characters long"


def _misleading(labels: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for lamps whose label has another meaning in OBJECT and in frame ids.

    Args:
        labels: label -> lamp, in the observatory's order.
    """
    for label, lamp in labels.items():
        if label.casefold() in _DARK:
            kind = label.casefold()
            said = f"OBJECT and ids of its frames would be those of a {kind}"
            yield _problem(f"lamps.units.{lamp}", said, "rename the lamp, or give it a `label`")
    same = sets_of_one_name(tuple(labels))
    if same is not None:
        one, other = (" with ".join(labels[label] for label in each) for each in sorted(same, key=len))
        longest = max((label for each in same for label in each if "+" in label), key=len)
        said = f"frames of {one} and frames of {other} would have the same OBJECT and ids, {'+'.join(same[0])}"
        advice = f"rename the lamp, or give it a `label`, for example {longest.replace('+', '-')}"
        yield _problem(f"lamps.units.{labels[longest]}", said, advice)


def _doubled_cameras(observatory: Observatory) -> Iterator[Problem]:
    """Yield a problem for every camera name that two cameras have: one file would replace the other."""
    for camera, uses in Counter(observatory.spectrographs.every_camera).items():
        if uses > 1:
            example = f"`units: {{{observatory.spectrographs.names[0]}: {{cameras: [...]}}}}`"
            advice = f"give them names of their own, for example {example}"
            yield _problem("spectrographs", f"{uses} cameras are called {camera}", advice)


def sets_of_one_name(lamps: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return two different sets of lamps with the same name when joined by `+`, or None.

    Args:
        lamps: in the observatory's order, in which names are joined.
    """
    words = [tuple(lamp.casefold().split("+")) for lamp in lamps]
    # Two sets that agree so far: the shorter one, the longer one, and the words by which it is longer.
    todo: list[tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...]]] = [
        ((one,), (other,), words[other][len(words[one]) :])
        for one in range(len(lamps))
        for other in range(len(lamps))
        if one != other and words[other][: len(words[one])] == words[one]
    ]
    known = set[tuple[int, int, tuple[str, ...]]]()
    while todo:
        behind, ahead, missing = todo.pop()
        if not missing:
            return tuple(lamps[each] for each in behind), tuple(lamps[each] for each in ahead)
        if (state := (behind[-1], ahead[-1], missing)) in known:
            continue
        known.add(state)
        for place in range(behind[-1] + 1, len(lamps)):
            if missing[: len(words[place])] == words[place]:
                todo.append(((*behind, place), ahead, missing[len(words[place]) :]))
            elif words[place][: len(missing)] == missing:
                todo.append((ahead, (*behind, place), words[place][len(missing) :]))
    return None
