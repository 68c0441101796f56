"""A run's page in the journal made into a plan again: its own sequence on its own observatory."""

from collections.abc import Collection

from safelight.devices import Observatory
from safelight.engine.compiler import Options, exposure_of
from safelight.engine.logbook import RunPage
from safelight.engine.plan import Plan, make_plan, site_of
from safelight.sequences import expand, load_text
from safelight.states import Adopt

__all__ = ["pinned_plan"]


def pinned_plan(page: RunPage, rest: Collection[str] | None = None, adopted: str | None = None) -> Plan:
    """What a run was asked to do.

    Where the instrument stood is not written down: slews are estimated from the park position.

    Args:
        page: of the run.
        rest: the frames that were still to be taken; None: all of them.
        adopted: the one among them that was in the spectrographs already.

    Raises:
        SafelightError: this version can't make a plan of it any more.
    """
    # Policies narrow what may be begun; this has been.
    observatory = Observatory.model_validate_json(page.observatory_text).model_copy(update={"policies": ()})
    point = bool(page.options["point"])
    site = site_of(observatory, point=point)
    document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
    waiting = next((frame for frame in expand(document, site, page.choices).frames if frame.id == adopted), None)
    options = Options(
        overlap=bool(page.options["overlap"]),
        park_after=bool(page.options["park_after"]),
        pending=None if waiting is None else Adopt(exposure_of(waiting), 0, 1, page.created),
    )
    return make_plan(document, observatory, options, point=point, choices=page.choices, rest=rest)
