"""Observatories on an Alpaca server."""

from collections.abc import Mapping
from typing import Any

from safelight.devices import AltAz, Observatory, load_observatory

LAMPS = ("Argon", "Neon", "Quartz")
PLAIN: Mapping[str, Any] = load_observatory("simulated").model_dump(mode="json")


def observatory_at(port: int, **parts: Mapping[str, Any]) -> Observatory:
    """Return an observatory whose lamps, camera and telescope are on an Alpaca server.

    Args:
        port: of the server.
        parts: `lamps`, `spectrographs`, `telescopes`: more options of each; `telescopes_units`: of the telescope.
    """
    server = {"server": f"127.0.0.1:{port}"}
    units = {lamp: PLAIN["lamps"]["units"][lamp] for lamp in LAMPS}
    lamps = {"Quartz": {"cover_calibrator": 0, "brightness": 100}}
    common = {"driver": "alpaca"}
    plain = dict(PLAIN)
    plain["lamps"] = (
        plain["lamps"]
        | common
        | {
            "units": units,
            "options": {**server, "lamps": lamps, "deadline_s": 1.5} | parts.get("lamps", {}),
        }
    )
    plain["spectrographs"] = (
        plain["spectrographs"]
        | common
        | {
            "units": ["sp1"],
            "cameras": ["b"],
            "readout_s": 1.0,
            "options": {**server, "deadline_s": 1.5, "look_every_s": 0.1} | parts.get("spectrographs", {}),
        }
    )
    plain["telescopes"] = (
        plain["telescopes"]
        | common
        | {
            "units": {"sci": dict(parts.get("telescopes_units", {}))},
            "options": {**server, "deadline_s": 1.5, "look_every_s": 0.1} | parts.get("telescopes", {}),
        }
    )
    plain["positions"] = {name: {"sci": to["sci"]} for name, to in plain["positions"].items()}
    plain["fibsel"] = None
    return Observatory.model_validate(plain)


def parked_at(document: Observatory, to: AltAz) -> Observatory:
    """Return a document whose telescope is parked at that direction."""
    plain = document.model_dump(mode="json")
    plain["positions"]["park"] = {"sci": {"alt_deg": to.alt_deg, "az_deg": to.az_deg}}
    return Observatory.model_validate(plain)
