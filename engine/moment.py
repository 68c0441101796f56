"""One thing that happened in a run, and many of them told shortly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

from safelight.engine.wording import family

__all__ = ["Moment", "folded"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened.

    Attributes:
        time: UTC, ISO 8601, as journaled.
        kind: `begun`, `ended`, `killed`, `lamps`, `frame`, `failure`, `stop`, `broken-off`.
        words: one line for people.
        tone: `plain`, `good`, `warning` or `bad`.
        until: where several were folded into one: when the last of them was.
        facts: what the words are made of.
    """

    time: str
    segment: int
    kind: str
    words: str
    tone: str = "plain"
    until: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain."""
        return asdict(self)


def folded(told: Iterable[Moment]) -> list[Moment]:
    """Good frames of one family that follow each other as one moment; the same for equal failures."""
    found: list[Moment] = []
    for _, group in groupby(told, key=_family):
        together = list(group)
        found.append(together[0] if len(together) == 1 else _together(together))
    return found


def _family(moment: Moment) -> tuple[Any, ...]:
    facts = moment.facts
    if moment.kind == "frame" and facts["verdict"] == "good" and facts["attempt"] == 1:
        return moment.segment, "frame", family(facts["frame"]), facts["reason"]
    if moment.kind == "failure" and facts["again"]:
        return moment.segment, "failure", facts["state"].partition("/")[0], facts["error"]
    return (id(moment),)


def _together(group: Sequence[Moment]) -> Moment:
    first, last = group[0], group[-1]
    if first.kind == "failure":
        what = " and ".join(dict.fromkeys([first.facts["what"], last.facts["what"]]))
        words = f"{what} failed {len(group)} times: {first.facts['error']}; tried again each time"
        return replace(first, words=words, until=last.time)
    why = f": {first.facts['reason']}" if first.facts["reason"] else ""
    words = f"{len(group)} frames {first.facts['frame']} … {last.facts['frame']} good{why}"
    return replace(first, words=words, until=last.time)
