"""Check that a FITS file is whole, as the contract of spectrographs demands."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["is_whole", "leftovers"]


def is_whole(file: Path, header: Mapping[str, object] | None = None) -> bool:
    """Read a file to its end: valid FITS, with pixels and the given header cards."""
    from astropy.io import fits  # noqa: PLC0415 - slow to import, and needed by one contract alone

    plain = {key: value[0] if isinstance(value, tuple) else value for key, value in (header or {}).items()}
    try:
        with file.open("rb") as raw, fits.open(raw, memmap=False) as hdus:
            hdus.verify("exception")
            cards = hdus[0].header
            return all(hdu.data is not None for hdu in hdus[:1]) and all(cards[key] == plain[key] for key in plain)
    except (OSError, KeyError, TypeError, ValueError, fits.VerifyError):
        return False


def leftovers(folder: Path) -> list[str]:
    """Return the names of files that are not frames."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith((".fits", ".fits.gz", ".fits.fz")))
