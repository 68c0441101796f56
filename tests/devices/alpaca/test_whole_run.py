"""A whole run on a strict Alpaca server: lamps, a light panel and a camera, in one process and without guards."""

import asyncio
from pathlib import Path
from typing import Any

import yaml
from astropy.io import fits

from safelight.engine import RunResult
from safelight.engine.run.start import Request, perform
from tests.devices.alpaca.conftest import observatory_at
from tests.devices.alpaca.strict_server import StrictServer

SEQUENCE: dict[str, Any] = {
    "name": "arc",
    "biases": {"count": 1},
    "darks": {"count": 1, "exposure_time": 0.5},
    "lamps": [
        {"lamps": ["Argon"], "warmup": 0.2, "exposure_time": [1.0], "flavour": "arc"},
        {"lamps": ["Quartz"], "warmup": 0.2, "exposure_time": [1.0], "flavour": "flat"},
    ],
}


def test_a_run_on_an_alpaca_server(tmp_path: Path) -> None:
    """Biases, darks and lamp frames are taken as declared, with the whole header, and every lamp is off at the end."""

    async def scene() -> tuple[RunResult, set[str]]:
        server = StrictServer()
        await server.start()
        options = {"deadline_s": 4.0}
        plain = observatory_at(server.port, lamps=options, spectrographs=options).model_dump(mode="json")
        path = tmp_path / "observatory.yaml"
        path.write_text(yaml.safe_dump(plain | {"name": "bench", "telescopes": None, "positions": {}}))
        places = {"home": tmp_path / "home", "frames": tmp_path / "frames"}
        try:
            request = Request(SEQUENCE, observatory=path, point=False, **places)
            return await perform(request, guarded=False), server.lit()
        finally:
            await server.stop()

    result, lit = asyncio.run(scene())
    assert (result.outcome, len(result.frames), lit) == ("done", 4, set())
    (arc,) = (tmp_path / "frames").rglob("*-Argon-*.fits")
    with fits.open(arc) as hdus:
        hdus.verify("exception")
        assert (hdus[0].data.shape, hdus[0].data[1, 2]) == ((24, 32), 49)
        assert (hdus[0].header["EXPTIME"], hdus[0].header["SHUTTER"]) == (1.0, "OPEN")
        assert {"DATE-OBS", "DARKTIME", "CCD-TEMP", "XBINNING", "EXPNO"} <= set(hdus[0].header)
