"""Sequences that an observatory offers: the site's own ones first, then those of the library."""

from dataclasses import dataclass
from typing import Any, Literal

from safelight.devices import load_observatory
from safelight.engine.planning.request import Request, plan_of
from safelight.errors import SafelightError
from safelight.sequences import library_names, site_sequences

__all__ = ["Offer", "offer_names", "offers_of"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One sequence and what it takes at an observatory.

    Attributes:
        name: what `run` takes.
        origin: `site` or `library`.
        facts: `description`, `frames`, `total_s` and `lamps`; empty where it can't be run here.
        error: why it can't be run here; empty where it can.
    """

    name: str
    origin: Literal["site", "library"]
    facts: dict[str, Any]
    error: str = ""

    @property
    def worth_showing(self) -> bool:
        """Whether people should see it: a library sequence for other lamps is not offered, a site's own mistake is."""
        return self.origin == "site" or not self.error

    def as_json(self) -> dict[str, Any]:
        """Return what programs get."""
        facts = {"error": self.error} if self.error else self.facts
        return {"name": self.name, **facts, "origin": self.origin}


def offer_names(observatory: str) -> dict[str, Literal["site", "library"]]:
    """Return the name of every sequence that can be asked for, and where it is from. No document is planned.

    Raises:
        ObservatoryError: the observatory can't be read.
    """
    own = site_sequences(load_observatory(observatory).sequences_folder)
    hidden = {name.casefold() for name in own}
    names: dict[str, Literal["site", "library"]] = dict.fromkeys(own, "site")
    return names | {name: "library" for name in library_names() if name.casefold() not in hidden}


def offers_of(observatory: str) -> list[Offer]:
    """Plan every sequence that can be asked for.

    Raises:
        ObservatoryError: the observatory can't be read.
    """
    return [_offer(name, origin, observatory) for name, origin in offer_names(observatory).items()]


def _offer(name: str, origin: Literal["site", "library"], observatory: str) -> Offer:
    try:
        plan = plan_of(Request(sequence=name, observatory=observatory))
    except SafelightError as error:
        return Offer(name, origin, {}, str(error))
    facts = {
        "description": plan.document.spec.description or "",
        "frames": len(plan.expansion.frames),
        "total_s": round(plan.total_s, 3),
        "lamps": list(plan.schedule.lamp_on_s),
    }
    return Offer(name, origin, facts)
