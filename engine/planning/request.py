"""Request for a run, and its plan. Planning imports no state machine and no journal."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.devices import Observatory, load_observatory
from safelight.devices.simulated.faults import Fault
from safelight.engine.default_observatory import ObservatoryChoice, choose_observatory
from safelight.engine.planning.compiler import Options
from safelight.engine.planning.frame_cards import require_distinct_cards
from safelight.engine.planning.plan import Plan, make_plan, site_of
from safelight.engine.planning.start_position import StartPosition
from safelight.sequences import Document, load, open_choices

__all__ = ["Request", "choose", "plan_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """Request for a run: sequence, observatory and options.

    Attributes:
        sequence: a name of the library, a path, or a mapping.
        observatory: a shipped name or the path of a document; None: that of the variable, or the default, or the
            simulated one.
        home: state folder with journal, locks, logs and the simulated instrument; None: the user's.
        frames: folder in which each run makes its own folder.
        speed: 1 real, N times faster, `max` virtual. Only a simulated instrument can be accelerated.
        overlap: None: as the document says.
        point: False: the telescopes do not move.
        park_after: None: as the document says.
        faults: faults of a simulated observatory.
        journal: its URL; None: a SQLite file in the state folder.
        take_over: abort an exposure of another program; False: wait for it.
        asked_by: the requester, for the journal; None: unknown.
        log_level: lowest level in the run's log.
        run_as: id of the run, which a request in the queue has to name; None: a new one.
    """

    sequence: str | Path | Mapping[str, Any]
    observatory: str | Path | None = None
    home: Path | None = None
    frames: Path = Path("frames")
    speed: float | str = 1
    overlap: bool | None = None
    point: bool = True
    park_after: bool | None = None
    faults: tuple[Fault, ...] = ()
    journal: str | None = None
    take_over: bool = False
    asked_by: str | None = None
    log_level: str = "debug"
    run_as: str | None = None

    @property
    def choice(self) -> ObservatoryChoice:
        """Observatory of the request, and the reason for its choice.

        Raises:
            ObservatoryError: the stored default can't be read.
        """
        return choose_observatory(self.observatory, self.home)


def plan_of(
    request: Request,
    choices: Mapping[str, str] | None = None,
    start: StartPosition | None = None,
    observatory: Observatory | None = None,
) -> Plan:
    """Read the documents of a request and plan them. Nothing is touched.

    Args:
        request: sequence, observatory and options.
        choices: fibres chosen for the run; the first candidates where they are missing.
        start: position of the instrument before the run; None: at rest.
        observatory: the request's observatory, if it has already been loaded.

    Raises:
        ObservatoryError, SequenceError, EngineError: with all problems.
    """
    observatory = observatory or load_observatory(request.choice.source)
    require_distinct_cards(observatory)
    if observatory.selectors is not None:
        from safelight.devices.simulated.light_path import require_effects  # noqa: PLC0415 - few observatories need it

        require_effects(observatory)
    document = load(request.sequence, site_of(observatory, point=request.point))
    spec = document.spec
    options = Options(
        overlap=_first(request.overlap, spec.overlap, default=True),
        park_after=_first(request.park_after, spec.park_after, default=False),
        start=start or StartPosition(),
    )
    return make_plan(document, observatory, options, point=request.point, choices=choices)


def _first(*answers: bool | None, default: bool) -> bool:
    """Return the first answer that was given."""
    return next((answer for answer in answers if answer is not None), default)


def choose(document: Document, observatory: Observatory, *, point: bool) -> dict[str, str]:
    """Choose the fibres that the document leaves open, at random, so that none wears out first.

    Choices from the same fibres are one choice: all their frames are taken on the fibre that is drawn.
    """
    candidates = open_choices(document, site_of(observatory, point=point))
    drawn = {fibres: secrets.choice(fibres) for fibres in sorted(set(candidates.values()))}
    return {key: drawn[fibres] for key, fibres in candidates.items()}
