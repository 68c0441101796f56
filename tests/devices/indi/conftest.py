"""Observatories whose lamps are on an INDI server."""

from collections.abc import Mapping
from typing import Any

from safelight.devices import Observatory, load_observatory

PLAIN: Mapping[str, Any] = load_observatory("simulated").model_dump(mode="json")
NAMES = ("Argon", "Neon", "LDLS")

RELAY = {"device": "Relay", "property": "DIGITAL_OUTPUT_1", "is_on": "ON", "is_off": "OFF", "read_back": "hardware"}
SPOX: Mapping[str, Any] = {
    "device": "Shelyak Spox",
    "property": "CALIBRATION",
    "is_off": "SKY",
    "force_off": "reconnect",
}
FLAT = {**SPOX, "is_on": "FLAT", "also_on": ["DARK"]}


def channel(number: int) -> dict[str, Any]:
    """Return a channel of the power box as a lamp."""
    where = {"device": "Power", "property": "POWER_CHANNELS", "is_on": f"POWER_CHANNEL_{number}"}
    return where | {"read_back": "hardware"}


CHANNELS = {lamp: channel(number) for number, lamp in enumerate(NAMES, start=1)}


def observatory_at(port: int, lamps: Mapping[str, Any], **options: Any) -> Observatory:
    """Return the simulated observatory with its lamps on an INDI server."""
    units = {lamp: PLAIN["lamps"]["units"][lamp] for lamp in lamps}
    chosen = {"host": "127.0.0.1", "port": port, "lamps": dict(lamps), "deadline_s": 5.0} | options
    plain = dict(PLAIN)
    plain["lamps"] = plain["lamps"] | {"driver": "indi", "units": units, "options": chosen}
    return Observatory.model_validate(plain)


def with_camera(port: int, plain: Mapping[str, Any] = PLAIN, **options: Any) -> Observatory:
    """Return an observatory whose one camera is on an INDI server."""
    chosen = {"host": "127.0.0.1", "port": port, "cameras": {"b1": {"device": "CCD Simulator"}}}
    spectrographs = plain["spectrographs"] | {
        "driver": "indi",
        "units": ["sp1"],
        "cameras": ["b"],
        "readout_s": 1.0,
        "options": chosen | {"deadline_s": 1.5, "download_s": 1.0} | options,
    }
    return Observatory.model_validate(dict(plain) | {"spectrographs": spectrographs, "fibsel": None})
