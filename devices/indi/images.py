"""Images that an INDI camera sends: FITS as bytes, read into pixels and what the camera says of them."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from safelight.devices.errors import BadImage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from safelight.devices.files.fits import Card
    from safelight.devices.indi.properties import Blob

__all__ = ["Image", "image_in"]

_KEPT = {
    "CCD-TEMP": "[deg C] detector",
    "XBINNING": "pixels in one, along X",
    "YBINNING": "pixels in one, along Y",
    "GAIN": "as the camera counts it",
    "OFFSET": "as the camera counts it",
    "PIXSIZE1": "[um] size of a pixel, along X",
    "PIXSIZE2": "[um] size of a pixel, along Y",
    "ROWORDER": "order of the rows",
    "BAYERPAT": "colours of the pixels",
}
"""Cards of the camera that are kept. Telescope and sky are not its own."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes:
        pixels: rows and columns.
        header: as the camera has written it.
    """

    pixels: NDArray[Any]
    header: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """Start of its exposure, by the camera."""
        return str(self.header.get("DATE-OBS", ""))

    @property
    def lasted_s(self) -> float | None:
        """How long its exposure was, s."""
        seconds = self.header.get("EXPTIME")
        known = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        return float(seconds) if known else None  # type: ignore[arg-type]

    @property
    def flavour(self) -> str:
        """What the camera calls it, in small letters (`light`, `bias`, `dark`, `flat`), or an empty text."""
        return str(self.header.get("FRAME", "")).strip().casefold()

    def cards(self) -> list[Card]:
        """Return the cards that are kept."""
        cards: list[Card] = [("DATE-OBS", self.mark, "start of integration, by the camera")] if self.mark else []
        if self.lasted_s is not None:
            cards.append(("DARKTIME", self.lasted_s, "[s] integration time, by the camera"))
        if self.header.get("INSTRUME"):
            cards.append(("CAMNAME", self.header["INSTRUME"], "as the server names it"))
        return cards + [(key, self.header[key], words) for key, words in _KEPT.items() if key in self.header]


def image_in(blob: Blob) -> Image:
    """Return the image.

    Raises:
        BadImage: it is cut short, of another format, or has not rows and columns.
    """
    if blob.format != ".fits":
        raise BadImage(f"it is of the format {blob.format!r}, and expected is '.fits': switch its compression off")
    body = base64.b64decode(blob.base64)
    if len(body) != blob.size:
        raise BadImage(f"it has {len(body)} bytes, and announced are {blob.size}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", fits.verify.VerifyWarning)
            warnings.simplefilter("error", UserWarning)
            with fits.open(io.BytesIO(body), memmap=False) as hdus:
                pixels, header = hdus[0].data, dict(hdus[0].header.items())
    except (OSError, ValueError, TypeError, KeyError, IndexError, Warning) as error:
        raise BadImage(f"it is not a FITS file: {error}") from error
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise BadImage(f"it has no rows and columns: {getattr(pixels, 'shape', 'no pixels')}")
    return Image(pixels, header)
