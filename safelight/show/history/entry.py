"""A history entry, and folding of consecutive entries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

from safelight.text import family

__all__ = ["HistoryEntry", "folded"]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Entry in the history of a run.

    Attributes:
        time: UTC, ISO 8601, as journaled.
        kind: `begun`, `ended`, `killed`, `lamps`, `frame`, `failure`, `stop`, `broken-off`.
        words: one line for people.
        tone: `plain`, `good`, `warning` or `bad`.
        until: time of the last one, if several were folded into one.
        facts: facts behind the words.
    """

    time: str
    segment: int
    kind: str
    words: str
    tone: str = "plain"
    until: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def folded(told: Iterable[HistoryEntry]) -> list[HistoryEntry]:
    """Fold consecutive good frames of one family into one entry, and equal failures as well."""
    found: list[HistoryEntry] = []
    for _, group in groupby(told, key=_family):
        together = list(group)
        found.append(together[0] if len(together) == 1 else _together(together))
    return found


def _family(moment: HistoryEntry) -> tuple[Any, ...]:
    facts = moment.facts
    if moment.kind == "frame" and facts["verdict"] == "good" and facts["attempt"] == 1:
        return moment.segment, "frame", family(facts["frame"]), facts["reason"]
    if moment.kind == "failure" and facts["again"]:
        return moment.segment, "failure", facts["state"].partition("/")[0], facts["error"]
    return (id(moment),)


def _together(group: Sequence[HistoryEntry]) -> HistoryEntry:
    first, last = group[0], group[-1]
    if first.kind == "failure":
        what = " and ".join(dict.fromkeys([first.facts["what"], last.facts["what"]]))
        words = f"{what} failed {len(group)} times: {first.facts['error']}; tried again each time"
        return replace(first, words=words, until=last.time)
    why = f": {first.facts['reason']}" if first.facts["reason"] else ""
    words = f"{len(group)} frames {first.facts['frame']} … {last.facts['frame']} good{why}"
    return replace(first, words=words, until=last.time)
