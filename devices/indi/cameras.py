"""The cameras of spectrographs on an INDI server (`Spectrographs`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.booked_cameras import BookedSpectrographs
from safelight.devices.command_context import CommandContext
from safelight.devices.concurrently import together
from safelight.devices.indi.camera import IndiCamera
from safelight.devices.indi.options import IndiSpectrographsOptions
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite

__all__ = ["IndiSpectrographs"]


class IndiSpectrographs(BookedSpectrographs):
    """Cameras of an INDI server that expose together."""

    def __init__(self, site: DriverSite) -> None:
        model, where = site.observatory.spectrographs, ("spectrographs", "options")
        chosen = read_options(IndiSpectrographsOptions, model.options, ".".join(where))
        for camera in chosen.cameras:
            if camera not in model.every_camera:
                raise unknown((*where, "cameras", camera), "camera", camera, model.every_camera)
        missing = [camera for camera in model.every_camera if camera not in chosen.cameras]
        if missing:
            raise wrong((*where, "cameras"), f"the camera {missing[0]} is missing", "`device` of each camera")
        self._indi = {
            camera: IndiCamera(chosen.cameras[camera], chosen, site.clock, model.shutter)
            for camera in model.every_camera
        }
        super().__init__(site, self._indi, 3 * chosen.deadline_s)

    async def cool(self, set_point_c: float) -> None:
        """Set the temperature of every detector, degrees Celsius. Return before it is reached."""
        works = [
            camera.cool(set_point_c, CommandContext(f"spectrographs.{name}", "cool"))
            for name, camera in self._indi.items()
        ]
        await together(*works)

    async def temperatures(self) -> Mapping[str, float | None]:
        """Read the temperature of each spectrograph's warmest detector, or None where one can't be read."""
        works = [
            camera.temperature(CommandContext(f"spectrographs.{name}", "temperatures"))
            for name, camera in self._indi.items()
        ]
        found = dict(zip(self._indi, await together(*works), strict=True))
        units = {unit: [found[camera] for camera in self._model.cameras_of(unit)] for unit in self.names}
        return {unit: None if None in each else max(c for c in each if c is not None) for unit, each in units.items()}
