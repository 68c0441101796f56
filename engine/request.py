"""What is to be run, where and how; and its plan. Light: whoever only plans imports no machine and no journal."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.devices import Observatory, load_observatory
from safelight.devices.simulated.faults import Fault
from safelight.engine.compiler import Options
from safelight.engine.durations import Start
from safelight.engine.plan import Plan, make_plan, site_of
from safelight.sequences import Document, load, open_choices

__all__ = ["Request", "choose", "plan_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run, where and how.

    Attributes:
        sequence: a name of the library, a path, or a mapping.
        observatory: a shipped name or the path of a document.
        home: state, locks, logs and the simulated instrument; None: the user's state folder.
        frames: each run makes a folder of its own in here.
        speed: 1 real, N times faster, `max` virtual. Only a simulated instrument can be hurried.
        overlap: None: as the document says.
        point: False: the telescopes stay where they are.
        park_after: None: as the document says.
        faults: what a simulated observatory does wrong.
        journal: its URL; None: a SQLite file in the home.
        asked_by: who wants it, for the journal; None: nobody says.
        log_level: less than that is left out of the run's log.
    """

    sequence: str | Path | Mapping[str, Any]
    observatory: str | Path = "simulated"
    home: Path | None = None
    frames: Path = Path("frames")
    speed: float | str = 1
    overlap: bool | None = None
    point: bool = True
    park_after: bool | None = None
    faults: tuple[Fault, ...] = ()
    journal: str | None = None
    asked_by: str | None = None
    log_level: str = "debug"


def plan_of(request: Request, choices: Mapping[str, str] | None = None, start: Start | None = None) -> Plan:
    """Read the documents of a request and plan them; nothing is touched.

    Raises:
        ObservatoryError, SequenceError, EngineError: with all that is wrong.
    """
    observatory = load_observatory(request.observatory)
    document = load(request.sequence, site_of(observatory, point=request.point))
    spec = document.spec
    options = Options(
        overlap=_first(request.overlap, spec.overlap, default=True),
        park_after=_first(request.park_after, spec.park_after, default=False),
        start=start or Start(),
    )
    return make_plan(document, observatory, options, point=request.point, choices=choices)


def _first(*answers: bool | None, default: bool) -> bool:
    """The first answer that was given."""
    return next((answer for answer in answers if answer is not None), default)


def choose(document: Document, observatory: Observatory, *, point: bool) -> dict[str, str]:
    """Choose the fibres that the document leaves open, at random, so that none wears out first."""
    candidates = open_choices(document, site_of(observatory, point=point))
    return {key: secrets.choice(fibres) for key, fibres in candidates.items()}
