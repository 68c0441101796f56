"""Selectors of the observatory document: devices with named positions, and what a flavour needs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from safelight.devices.files.cards import lamp_keyword
from safelight.devices.observatory.parts import Keyword, Name, ObservatoryPart, Options, PlaceName, Seconds, Setup
from safelight.documents.errors import Refusal
from safelight.documents.names import listed, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FlavourModel", "FlavourName", "SelectorModel", "SelectorsModel", "require_positions"]

FlavourName = Literal["bias", "dark", "arc", "flat", "object"]

_TAKEN = ("fibre", "fibsel", "exposure_time", "position", "level", "lamps", "spectrographs", "cameras", "count")
"""Words that have another meaning in a step of a sequence."""
_FOUND = "as found"


class SelectorModel(ObservatoryPart):
    """Selector, such as a slit wheel, a grating turret, a calibration mirror or a cap."""

    positions: (
        Annotated[tuple[PlaceName, ...], Field(min_length=1)] | Annotated[dict[PlaceName, Any], Field(min_length=1)]
    ) = Field(description="its positions: a list of names, or name -> value for the driver")
    default: PlaceName | None = Field(
        None, description="its position for frames that name none; without it, it stays as it is"
    )
    safe: PlaceName | None = Field(None, description="its position at the end of a run; without it, it stays as it is")
    move_s: Seconds = Field(0.0, description="duration of a move, from any position")
    settle_s: Seconds = Field(0.0, description="additional time after a move, until it is steady")
    keyword: Keyword | None = Field(None, description="its FITS keyword; without one its name in capitals")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the positions, in the document's order."""
        return tuple(self.positions)

    def of_driver(self, position: str) -> Any:
        """Return the driver's value of a position, or None."""
        return self.positions.get(position) if isinstance(self.positions, dict) else None

    def value_of(self, position: str) -> Any:
        """Return the driver's value of a position, or its name if it has none."""
        value = self.of_driver(position)
        return position if value is None else value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        folded: dict[str, str] = {}
        for name in self.names:
            if folded.setdefault(name.casefold(), name) != name or name.casefold() == _FOUND:
                said = f"the position {name!r} is too similar to another one"
                raise Refusal(said, "names that differ in more than case", at=("positions",))
        if len(folded) < len(self.names):
            raise Refusal("a position is given twice", "each position once", at=("positions",))
        for key in ("default", "safe"):
            position = getattr(self, key)
            if position is not None and position not in self.names:
                raise Refusal(
                    f"unknown position {position!r}", listed(self.names), nearest(position, self.names), at=(key,)
                )
        return self


class SelectorsModel(ObservatoryPart):
    """Devices with named positions, which can move in parallel."""

    driver: str = Field("simulated", description="their driver: `simulated`, or a driver of another package")
    units: Annotated[dict[Name, SelectorModel], Field(min_length=1)] = Field(description="selector -> its description")
    status_s: Seconds = Field(0.0, description="until a read-back is answered")
    options: Options = Field({}, description="settings of this driver")

    def keyword(self, selector: str) -> str:
        """Return the FITS keyword of a selector: its name in capitals unless the document names one."""
        return self.units[selector].keyword or lamp_keyword(selector)

    @model_validator(mode="after")
    def _named(self) -> Self:
        for name in self.units:
            if name.casefold() in _TAKEN:
                said = f"the word {name!r} has another meaning in a sequence"
                raise Refusal(said, "another name for the selector", at=("units", name))
        folded = {name.casefold() for name in self.units}
        if len(folded) < len(self.units):
            raise Refusal("two selectors differ only in case", "another name for one of them", at=("units",))
        return self


class FlavourModel(ObservatoryPart):
    """Needs of every frame of a flavour."""

    requires: Setup = Field({}, description="selector -> the position in which such frames are taken")


def require_positions(setup: Mapping[str, str], units: Mapping[str, SelectorModel], at: tuple[str, ...]) -> None:
    """Check that a set-up names known selectors and positions.

    Raises:
        Refusal: with the nearest name, and the place within the document.
    """
    for selector, position in setup.items():
        if selector not in units:
            raise _unknown("selector", selector, units, (*at, selector))
        if position not in units[selector].names:
            raise _unknown(f"position of {selector}", position, units[selector].names, (*at, selector))


def _unknown(what: str, name: str, known: Iterable[str], at: tuple[str, ...]) -> Refusal:
    names = tuple(known)
    if not names:
        return Refusal(f"unknown {what} {name!r}: the document has no `selectors`", at=at)
    return Refusal(f"unknown {what} {name!r}", listed(names), nearest(name, names), at=at)
