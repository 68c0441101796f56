"""Preview of a frame: a small grey picture of one camera, and the light along its traces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.show.drawing.png import grey_png

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Glance", "glance", "small", "spectrum_of", "spectrum_svg"]

_WIDEST_PX = 112
_BINS = 140
_WIDE, _HIGH = 236.0, 84.0
_STROKES = (("#0072b2", ""), ("#d55e00", "5 2"), ("#80858d", "1.5 2"))


@dataclass(frozen=True, slots=True)
class Glance:
    """Preview of a frame: the header of one camera, its picture, and spectra by camera."""

    header: Mapping[str, Any]
    thumbnail: bytes
    spectrum: str


def glance(main: Path, others: Sequence[Path]) -> Glance | None:
    """Read the preview of a frame, or return None if it can't be read.

    Args:
        main: the camera for the picture.
        others: the cameras whose spectra are shown, from blue to red.
    """
    from astropy.io import fits  # noqa: PLC0415 - slow to import, and only for who looks at pixels

    try:
        spectra: dict[str, Sequence[float]] = {}
        header: Mapping[str, Any] = {}
        thumbnail = b""
        for path in dict.fromkeys((*others, main)):
            with fits.open(path) as hdus:
                pixels, head = hdus[0].data.astype("float32"), dict(hdus[0].header)
            if path == main:
                header, thumbnail = head, grey_png(small(pixels))
            if path in others:
                spectra[str(head.get("CAMERA", path.stem[-2:]))] = spectrum_of(pixels)
        return Glance(header, thumbnail, spectrum_svg(spectra))
    except (OSError, ValueError, TypeError, AttributeError, IndexError):
        return None


def small(pixels: "NDArray[Any]") -> "NDArray[Any]":
    """Return a picture of at most 112 px in 256 greys: the mean of each square, with faint light made visible."""
    import numpy as np  # noqa: PLC0415

    step = max(1, -(-pixels.shape[1] // _WIDEST_PX), -(-pixels.shape[0] // _WIDEST_PX))
    rows, columns = pixels.shape[0] // step * step, pixels.shape[1] // step * step
    squares = pixels[:rows, :columns].reshape(rows // step, step, columns // step, step).mean(axis=(1, 3))
    low, high = np.percentile(squares, (2, 99.8))
    light = np.arcsinh(4 * np.clip((squares - low) / max(high - low, 1.0), 0, 1)) / np.arcsinh(4)
    grey: NDArray[Any] = (255 * light[::-1]).astype(np.uint8)
    return grey


def spectrum_of(pixels: "NDArray[Any]") -> list[float]:
    """Return the mean of the lit rows minus that of the dark ones, in bins along the columns.

    If no row is lit, it is the mean of all rows.
    """
    import numpy as np  # noqa: PLC0415

    rows = pixels.mean(axis=1)
    middle = float(np.median(rows))
    spread = 1.4826 * float(np.median(np.abs(rows - middle)))
    lit = rows > middle + 5 * max(spread, 1.0)
    background = float(np.median(pixels[~lit])) if not lit.all() else 0.0
    line = (pixels[lit] if lit.any() else pixels).mean(axis=0) - background
    return [float(part.max()) for part in np.array_split(line, min(_BINS, len(line)))]


def spectrum_svg(spectra: Mapping[str, Sequence[float]]) -> str:
    """Return a small drawing of spectra side by side in one frame, with the largest value."""
    from safelight.show.drawing.svg import element, words  # noqa: PLC0415

    lowest = min((min(one) for one in spectra.values()), default=0.0)
    highest = max((max(one) for one in spectra.values()), default=1.0)
    span = max(highest - lowest, 1.0)
    drawn = []
    for number, (camera, values) in enumerate(spectra.items()):
        colour, dashes = _STROKES[number % len(_STROKES)]
        step = (_WIDE - 2) / max(len(values) - 1, 1)
        points = " ".join(
            f"{1 + place * step:.1f},{_HIGH - 16 - (value - lowest) / span * (_HIGH - 32):.1f}"
            for place, value in enumerate(values)
        )
        stroke: dict[str, Any] = {"stroke": colour, "stroke_width": 1.2, "fill": "none"} | (
            {"stroke_dasharray": dashes} if dashes else {}
        )
        drawn.append(element("polyline", points=points, **stroke))
        at = 2.0 + 46 * number
        drawn.append(element("line", x1=at, y1=_HIGH - 5, x2=at + 18, y2=_HIGH - 5, **stroke))
        drawn.append(words(at + 21, _HIGH - 1.5, camera))
    drawn.append(words(2, 10, f"{highest:.0f} ADU"))
    size = {"viewBox": f"0 0 {_WIDE:.0f} {_HIGH:.0f}", "class_": "spectrum", "role": "img"}
    return element("svg", "".join(drawn), **size)
