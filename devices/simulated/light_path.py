"""Simulated path of light through the selectors: share of a lamp that passes, width and length of spectra."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown, wrong
from safelight.devices.simulated.motion import Span, overlap
from safelight.devices.simulated.selectors import Wheels, homes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.observatory import Observatory
    from safelight.documents.errors import Problem

__all__ = ["Effect", "LightPath", "SpectralShape", "effects_of", "require_effects", "shape_of"]


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Scale = Annotated[float, Field(ge=0.1, le=10, allow_inf_nan=False)]


class SpectralShape(NamedTuple):
    """Effect of a set-up on spectra: their width and their scale in columns, and a shift in columns."""

    width: float = 1.0
    dispersion: float = 1.0
    shift: float = 0.0


class Effect(BaseModel):
    """Effect of a position of a simulated selector on light: the value of the position in `positions`.

    A position without a value lets all light pass. `requires` of a lamp or flavour applies in addition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    passes: Share | dict[str, Share] = Field(1.0, description="the share of light that passes, or lamp -> its share")
    width: Scale = Field(1.0, description="of a slit: factor by which spectra are brighter and lines wider")
    dispersion: Scale = Field(1.0, description="of a grating: factor by which spectra are longer")
    leaks: Share | dict[str, Share] = Field(
        0.0, description="share of a lamp's light that passes although the position blocks it, or lamp -> its share"
    )
    shift: Annotated[float, Field(ge=-5000, le=5000)] = Field(0.0, description="of a grating: columns to the red")

    def share(self, lamp: str) -> float:
        """Return the share of a lamp's light that passes."""
        return self.passes.get(lamp, 1.0) if isinstance(self.passes, dict) else self.passes

    def leak(self, lamp: str) -> float:
        """Return the share of a blocked lamp's light that passes."""
        return self.leaks.get(lamp, 0.0) if isinstance(self.leaks, dict) else self.leaks

    @property
    def shape(self) -> SpectralShape:
        """Effect on spectra."""
        return SpectralShape(self.width, self.dispersion, self.shift)


def effects_of(observatory: Observatory) -> Mapping[str, Mapping[str, Effect]]:
    """Return the effect of each position of each simulated selector.

    Raises:
        ObservatoryError: the value of a position is not an effect, or names an unknown lamp.
    """
    model, lamps = observatory.selectors, observatory.lamps.units
    if model is None or model.driver != "simulated":
        return {}
    return {
        name: {position: _effect(unit.of_driver(position), (name, position), lamps) for position in unit.names}
        for name, unit in model.units.items()
    }


def _effect(value: object, of: tuple[str, str], lamps: Iterable[str]) -> Effect:
    """Return the effect of a position: its value in the document. `of` is the selector, and the position."""
    selector, position = of
    where = ("selectors", "units", selector, "positions", position)
    if value is not None and not isinstance(value, dict):
        raise wrong(where, f"expected a mapping such as {{passes: 0.5}}, got {value!r}", value=value)
    effect = read_options(Effect, value or {}, ".".join(where))
    for key in ("passes", "leaks"):
        shares = getattr(effect, key)
        for lamp in shares if isinstance(shares, dict) else ():
            if lamp not in lamps:
                raise unknown((*where, key, lamp), "lamp", lamp, lamps)
    return effect


def require_effects(observatory: Observatory) -> None:
    """Check what the document says of simulated selectors: the effects of their positions, and their options.

    Raises:
        ObservatoryError: a wrong position or wrong options, with file, line and path.
    """
    model = observatory.selectors
    refused: list[Problem] = []
    if model is None or model.driver != "simulated":
        return
    for check in (lambda: effects_of(observatory), lambda: homes_of(model)):
        try:
            check()
        except ObservatoryError as error:
            refused += observatory.located(error).problems
    if refused:
        raise ObservatoryError(problems=refused)


def shape_of(observatory: Observatory, setup: Mapping[str, str]) -> SpectralShape:
    """Return the effect of the positions of all selectors together on spectra."""
    width, dispersion, shift = SpectralShape()
    effects = effects_of(observatory)
    for name, position in setup.items():
        effect = effects[name][position]
        width, dispersion, shift = width * effect.width, dispersion * effect.dispersion, shift + effect.shift
    return SpectralShape(width, dispersion, shift)


class LightPath:
    """Path of light through the selectors of one observatory."""

    def __init__(self, site: DriverSite) -> None:
        self._observatory = site.observatory
        model = site.observatory.selectors
        simulated = model is not None and model.driver == "simulated"
        self._wheels = Wheels(site, model) if model is not None and simulated else None
        self._effects = effects_of(site.observatory)

    def shape(self, utc: float) -> SpectralShape:
        """Return the effect of the selectors on spectra at a time."""
        if self._wheels is None:
            return SpectralShape()
        # The next move may have begun while this exposure is read out.
        until = max(self._wheels.now(), utc)
        found = {
            name: next(
                (each for each in unit.names if _holds(self._wheels.rests(name, each, until), utc)), unit.names[0]
            )
            for name, unit in self._wheels.model.units.items()
        }
        return shape_of(self._observatory, found)

    def passing(self, lamp: str, window: Span, until: float) -> list[tuple[Span, float]]:
        """Return the spans of a window with the share of a lamp's light that passes in each.

        Args:
            lamp: name of the lamp.
            window: the integration, seconds of UTC.
            until: the present, or the end of the window if that is later.
        """
        parts = [(window, 1.0)]
        for selector, shares in self._shares[lamp].items():
            rests = {position: self._rests(selector, position, until) for position, share in shares.items() if share}
            parts = [
                (inner, part * shares[position])
                for span, part in parts
                for position, spans in rests.items()
                for inner in overlap([span], spans)
            ]
        return parts

    def _rests(self, selector: str, position: str, until: float) -> list[Span]:
        return [] if self._wheels is None else self._wheels.rests(selector, position, until)

    @cached_property
    def _shares(self) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        """Lamp -> each selector that affects it -> position -> share that passes."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        dark_at = self._observatory.spectrographs.dark_at
        for lamp, unit in self._observatory.lamps.units.items():
            found[lamp] = {}
            for selector, positions in self._effects.items():
                shares = {}
                for position, effect in positions.items():
                    needed = unit.requires.get(selector)
                    # Where a lamp requires the position that keeps light out, that is the light of others.
                    dark = needed is None and dark_at.get(selector) == position
                    blocked = dark or needed not in (None, position)
                    shares[position] = effect.leak(lamp) if blocked else effect.share(lamp)
                if any(share != 1.0 for share in shares.values()):
                    found[lamp][selector] = shares
        return found


def _holds(spans: list[Span], utc: float) -> bool:
    return any(start <= utc <= end for start, end in spans)
