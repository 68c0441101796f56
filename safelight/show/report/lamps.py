"""Lamps in a report: the on-time of each, and who switched it."""

from collections.abc import Iterator

from safelight.engine.planning.plan import Plan
from safelight.show.history.run_history import RunHistory
from safelight.show.report.parts import Part, Table, Words
from safelight.text import brief, in_sentence

__all__ = ["lamp_parts"]

_MOST = 1000


def lamp_parts(told: RunHistory, plan: Plan | None) -> tuple[Part, ...]:
    """Return a row for each lamp, then each of its on-times.

    Args:
        told: the run.
        plan: plan of its whole sequence; None: unknown.
    """
    if not told.lamp_events:
        return (Words("No lamp was touched."),)
    head = ("lamp", "planned on", "was on", "times", "switched on by", "switched off by", "as read back last")
    parts: list[Part] = [Table(head, list(_rows(told, plan)))]
    on_times = [
        (
            one.lamp,
            _when(one.since),
            _when(one.until) if one.until else "not seen off",
            brief(one.seconds) if one.seconds is not None else "unknown",
            one.put_out_by or "-",
        )
        for one in told.on_times
    ]
    if on_times:
        each = Table(
            ("lamp", "from (UTC)", "until (UTC)", "for", "switched off by"), on_times[:_MOST], folded="each time"
        )
        parts.append(each)
    if len(on_times) > _MOST:
        parts.append(Words(f"{len(on_times) - _MOST} times are left out."))
    return tuple(parts)


def _rows(told: RunHistory, plan: Plan | None) -> Iterator[tuple[str, ...]]:
    planned = plan.schedule.lamp_on_s if plan else {}
    for lamp in dict.fromkeys([*told.lamps, *planned]):
        mine = [one for one in told.on_times if one.lamp == lamp]
        endless = " and on" if any(one.seconds is None for one in mine) else ""
        yield (
            lamp,
            brief(planned[lamp]) if lamp in planned else "-",
            brief(sum(one.seconds or 0.0 for one in mine)) + endless if mine else "-",
            str(len(mine)),
            _who(told, lamp, "on"),
            _who(told, lamp, "off"),
            told.lamps.get(lamp, "never read back"),
        )


def _who(told: RunHistory, lamp: str, action: str) -> str:
    found = (row["who"] for row in told.lamp_events if row["lamp"] == lamp and row["action"] == action)
    names = list(dict.fromkeys(found))
    return in_sentence(names) if names else "-"


def _when(time: str) -> str:
    return time[:19].replace("T", " ")
