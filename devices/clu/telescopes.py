"""Telescopes behind actors of the kind `lvmpwi` (`Telescopes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from safelight.devices.clu.link import Broker, Link
from safelight.devices.clu.together import all_of, each_of
from safelight.devices.document import nearest
from safelight.devices.errors import DeviceError, DeviceFailed, ObservatoryError
from safelight.devices.options import read_options
from safelight.devices.protocols import AltAz, TelescopeStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import Site
    from safelight.devices.observatory import TelescopesModel

__all__ = ["CluTelescopes"]


class _Options(BaseModel):
    """The `options` of the telescopes; a unit's own option `actor` names who moves it (`lvm.<unit>.pwi`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Broker = Broker()


class CluTelescopes:
    """All telescopes; each has an actor of its own."""

    def __init__(self, site: Site, model: TelescopesModel) -> None:
        self._options = read_options(_Options, model.options, "telescopes.options")
        self._actors = {name: _actor(name, options) for name, options in model.units.items()}
        self._link = Link(self._options.broker, site.clock)

    @property
    def names(self) -> tuple[str, ...]:
        """The telescopes, as the observatory document names them."""
        return tuple(self._actors)

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew all at once. A cancelled slew goes on until `stop`."""
        for name in targets:
            if name not in self._actors:
                known = nearest(name, self.names)
                raise DeviceFailed(f"no such telescope; {known}", device=f"telescopes.{name}", verb="goto")
        await all_of(self._slew(name, to) for name, to in targets.items())

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Where each telescope is, asked of its mount; one that does not answer can't tell."""
        found = await each_of(self._where(name) for name in self.names)
        return dict(zip(self.names, found, strict=True))

    async def stop(self) -> None:
        """Stop all motion; every telescope is told, whatever happens to the others."""
        await each_of(self._ask(name, "stop") for name in self.names)

    async def close(self) -> None:
        """Release the connection; moves nothing."""
        await self._link.close()

    async def _slew(self, name: str, to: AltAz) -> None:
        # A mount whose axes are not enabled takes the command, and refuses only afterwards.
        await self._ask(name, "setEnabled", "1")
        # `--`: an altitude below the horizon is no option.
        words = ("--", f"{to.alt_deg:.6f}", f"{to.az_deg:.6f}")
        device = f"telescopes.{name}"
        async with self._link.sent(
            self._actors[name], "gotoAltAzJ2000", *words, device=device, as_verb="goto", expires=True
        ) as pending:
            await pending.answer()

    async def _where(self, name: str) -> TelescopeStatus:
        try:
            answer = await self._ask(name, "status")
        except DeviceError:
            return TelescopeStatus(None, slewing=False)
        altitude, azimuth = answer.get("altitude_degs"), answer.get("azimuth_degs")
        slewing = bool(answer.get("is_slewing"))
        if not isinstance(altitude, int | float) or not isinstance(azimuth, int | float):
            return TelescopeStatus(None, slewing=slewing)
        return TelescopeStatus(AltAz(float(altitude), float(azimuth)), slewing)

    async def _ask(self, name: str, verb: str, *words: object) -> dict[str, Any]:
        return await self._link.ask(self._actors[name], verb, *words, device=f"telescopes.{name}")


def _actor(name: str, options: Mapping[str, Any]) -> str:
    unknown = set(options) - {"actor"}
    if unknown:
        raise ObservatoryError(f"telescopes.units.{name}: unknown option {min(unknown)!r}; Known: actor")
    return str(options.get("actor", f"lvm.{name}.pwi"))
