"""Telescopes behind actors of the kind `lvmpwi` (`Telescopes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from safelight.devices.clu.link import Broker, Link
from safelight.devices.concurrently import each_of, together
from safelight.devices.errors import DeviceError, DeviceFailed
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown
from safelight.devices.protocols import AltAz, TelescopeStatus
from safelight.devices.targets import demand_telescopes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.observatory import TelescopesModel

__all__ = ["CluTelescopes"]


class _TelescopeOptions(BaseModel):
    """Model of the `options` of the telescopes. A unit's own option `actor` names its actor (`lvm.<unit>.pwi`).

    Attributes:
        enclosure: the actor that knows whether the enclosure is in local mode, when people may be near the telescopes;
            None: it is not asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Broker = Broker()
    enclosure: str | None = None


class CluTelescopes:
    """All telescopes, each with an actor of its own."""

    def __init__(self, site: DriverSite, model: TelescopesModel) -> None:
        self._options = read_options(_TelescopeOptions, model.options, "telescopes.options")
        self._actors = {name: _actor(name, options) for name, options in model.units.items()}
        self._link = Link(self._options.broker, site.clock)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the telescopes in the observatory document."""
        return tuple(self._actors)

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew all at once. A cancelled slew continues until `stop`."""
        demand_telescopes(targets, self.names)
        await self._require_remote()
        await together(*(self._slew(name, to) for name, to in targets.items()))

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Return where each telescope is, read from its mount. One that does not answer can't tell."""
        found = await each_of(self._where(name) for name in self.names)
        return dict(zip(self.names, found, strict=True))

    async def stop(self) -> None:
        """Stop all motion. Every telescope gets the command, even if another one fails."""
        await each_of(self._ask(name, "stop") for name in self.names)

    async def close(self) -> None:
        """Release the connection. Moves nothing."""
        await self._link.close()

    async def _require_remote(self) -> None:
        """Refuse to move anything in local mode, or if the mode is unknown."""
        actor = self._options.enclosure
        if actor is None:
            return
        answer = await self._link.ask(actor, "status", "--no-registers", device="telescopes", as_verb="goto")
        labels = {label.strip() for label in str(answer.get("safety_status_labels") or "UNKNOWN").split(",")}
        if "UNKNOWN" in labels:
            raise DeviceFailed(
                f"{actor} does not report whether the enclosure is in local mode; nothing was moved",
                device="telescopes",
                verb="goto",
            )
        if "LOCAL" in labels:
            reason = "the enclosure is in local mode; nothing was moved. Set it to remote, then resume"
            raise DeviceFailed(reason, device="telescopes", verb="goto")

    async def _slew(self, name: str, to: AltAz) -> None:
        # A mount whose axes are not enabled accepts the command, and fails only afterwards.
        await self._ask(name, "setEnabled", "1")
        # `--`: a negative altitude would be read as an option.
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
    odd = set(options) - {"actor"}
    if odd:
        raise unknown(("telescopes", "units", name, min(odd)), "option", min(odd), ["actor"])
    return str(options.get("actor", f"lvm.{name}.pwi"))
