"""The cameras of spectrographs on Alpaca servers (`Spectrographs`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.alpaca.camera import AlpacaCamera
from safelight.devices.alpaca.options import CameraOptions, SpectrographsOptions
from safelight.devices.booked_cameras import BookedSpectrographs
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown, wrong

if TYPE_CHECKING:
    from safelight.devices.drivers import DriverSite

__all__ = ["AlpacaSpectrographs"]


class AlpacaSpectrographs(BookedSpectrographs):
    """Cameras of Alpaca servers that expose together."""

    def __init__(self, site: DriverSite) -> None:
        model, where = site.observatory.spectrographs, ("spectrographs", "options")
        chosen = read_options(SpectrographsOptions, model.options, ".".join(where))
        for camera in chosen.cameras:
            if camera not in model.every_camera:
                raise unknown((*where, "cameras", camera), "camera", camera, model.every_camera)
        cameras = {}
        for camera in model.every_camera:
            own = chosen.cameras.get(camera, CameraOptions())
            address = own.server or chosen.server
            if address is None:
                words = f"the camera {camera} has no server"
                raise wrong((*where, "server"), words, "`HOST:PORT`, here or at the camera")
            cameras[camera] = AlpacaCamera(own, chosen, address, site.clock)
        super().__init__(site, cameras, chosen.deadline_s)
