"""Images of Alpaca cameras, FITS files of every pixel type, and drafts: pure functions."""

import io
import json
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits

from safelight.devices import Observatory
from safelight.devices.alpaca.draft import draft, has_lamps
from safelight.devices.alpaca.image_bytes import image_in, image_in_json
from safelight.devices.alpaca.inventory import Element, FoundDevice
from safelight.devices.alpaca.lamp_kinds import calibrator_state, switch_state
from safelight.devices.alpaca.server import AlpacaDevice
from safelight.devices.errors import BadImage
from safelight.devices.files.fits import fits_bytes


def image_bytes(pixels: np.ndarray[Any, Any], kind: int, **changes: int) -> bytes:
    """Return columns of pixels in ImageBytes."""
    head = {"version": 1, "error": 0, "client": 1, "server": 2, "start": 44, "element": 2, "kind": kind, "rank": 2}
    head |= {"x": pixels.shape[0], "y": pixels.shape[1], "z": 0} | changes
    return np.array(list(head.values()), "<i4").tobytes() + pixels.tobytes()


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(1, "<i2"), (2, "<i4"), (3, "<f8"), (4, "<f4"), (5, "<u8"), (6, "u1"), (7, "<i8"), (8, "<u2")],
)
def test_image(kind: int, dtype: str) -> None:
    """The first index is X: an image has rows and columns, whatever its type."""
    columns = np.arange(6, dtype=dtype).reshape(3, 2)
    found = image_in(image_bytes(columns, kind))
    assert found.shape == (2, 3)
    assert found[1, 2] == columns[2, 1]
    assert (image_in_json({"Value": columns.tolist()}) == found).all()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        image_bytes(np.zeros((3, 2), "<u2"), 8)[:-1],
        image_bytes(np.zeros((3, 2), "<u2"), 8) + b"x",
        image_bytes(np.zeros((3, 2), "<u2"), 9),
        image_bytes(np.zeros((3, 2), "<u2"), 8, version=2),
        image_bytes(np.zeros((3, 2), "<u2"), 8, rank=3),
        image_bytes(np.zeros((3, 2), "<u2"), 8, start=0),
        image_bytes(np.zeros((3, 2), "<u2"), 8, x=-3),
        image_bytes(np.zeros((3, 2), "<u2"), 8, error=0x40B),
    ],
)
def test_what_is_no_image(body: bytes) -> None:
    """An answer that is cut short, an error, or of an unknown form is no image."""
    with pytest.raises(BadImage):
        image_in(body)


@pytest.mark.parametrize("answer", [None, [], {}, {"Value": [[1, 2], [3]]}, {"Value": 3}, {"Value": [["a"]]}])
def test_what_is_no_image_in_json(answer: object) -> None:
    """The same in JSON."""
    with pytest.raises(BadImage):
        image_in_json(answer)


@pytest.mark.parametrize(
    ("pixels", "bitpix"),
    [
        (np.array([[0, 65535]], "<u2"), 16),
        (np.array([[0, 255]], "u1"), 16),
        (np.array([[-1, 65535]], "<i4"), 32),
        (np.array([[0, 70000]], "<i4"), 32),
        (np.array([[0, 2**40]], "<i8"), -64),
        (np.array([[0.5, -1.5]], "<f4"), -32),
        (np.array([[0.5, -1.5]], "<f8"), -64),
    ],
)
def test_fits_holds_every_pixel(pixels: np.ndarray[Any, Any], bitpix: int) -> None:
    """A file holds the pixels exactly, in the smallest form that can."""
    content = fits_bytes(pixels, [("OBJECT", "x", "")])
    assert len(content) % 2880 == 0
    with fits.open(io.BytesIO(content)) as hdus:
        hdus.verify("exception")
        assert (hdus[0].data == pixels).all()
    assert int(fits.Header.fromstring(content[:2880].decode())["BITPIX"]) == bitpix


@pytest.mark.parametrize(
    ("state", "brightness", "zero_is_off", "expected"),
    [
        (1, 0, False, "off"),
        (2, 100, False, "on"),
        (3, 100, False, "on"),
        (3, 0, False, "unknown"),
        (3, 0, True, "off"),
        (2, 0, True, "unknown"),
        (1, 100, False, "unknown"),
        (0, 0, False, "unknown"),
        (4, 0, False, "unknown"),
        (5, 0, False, "unknown"),
        (1, True, False, "unknown"),
        (1, None, False, "unknown"),
    ],
)
def test_calibrator(state: int, brightness: object, zero_is_off: bool, expected: str) -> None:  # noqa: FBT001 - columns
    """A light panel is off only where its state and its brightness agree."""
    assert calibrator_state(state, brightness, zero_is_off=zero_is_off) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "off"),
        (1, "on"),
        (0.5, "on"),
        (-1.0, "unknown"),
        (True, "unknown"),
        ("0", "unknown"),
        (float("nan"), "unknown"),
    ],
)
def test_switch(value: object, expected: str) -> None:
    """An element is off at its least value, and at nothing else."""
    assert switch_state(value, 0.0) == expected


def test_a_draft_is_a_document() -> None:
    """Whatever a server calls its things, the draft is a valid document, with each of them and the questions."""
    names = ["ThAr", "thar", 'a "b": {c}', "Ne", "", "x" * 80, "mirror is in"]
    elements = [
        Element(place, name, place != 6, 0.0, 3.0 if place == 3 else 1.0, 0.0) for place, name in enumerate(names)
    ]
    found = [
        FoundDevice(AlpacaDevice("switch", 0), "relays", tuple(elements)),
        FoundDevice(AlpacaDevice("covercalibrator", 0), "panel", (), (("maxbrightness", 255),)),
        FoundDevice(AlpacaDevice("camera", 0), "ASI 1600", (), (("hasshutter", False), ("cansetccdtemperature", True))),
        FoundDevice(AlpacaDevice("camera", 1), "ASI 1600", (), (("hasshutter", True),)),
        FoundDevice(AlpacaDevice("telescope", 0), "mount\nnever: [", (), ()),
        FoundDevice(AlpacaDevice("filterwheel", 0), "wheel", (), (("names", ["R"]),)),
        FoundDevice(AlpacaDevice("covercalibrator", 1), "only a cover", (), (("calibratorstate", 0),)),
        FoundDevice(AlpacaDevice("safetymonitor", 0), "clouds"),
        FoundDevice(AlpacaDevice("dome", 0), "dome"),
        FoundDevice(AlpacaDevice("observingconditions", 1), "weather"),
    ]
    for devices in (found, found[:2], found[:1]):
        text = draft("10.0.0.5:11111", devices)
        document = Observatory.model_validate(yaml.safe_load(text))
        assert {"ThAr", "thar_2", "a_b_c", "Ne", "unnamed"} <= document.lamps.units.keys()
        elements_of = {one.get("element") for one in document.lamps.options["lamps"].values()}
        assert set(names[:6]) <= elements_of
        assert "TODO" in text
        assert "only_a_cover" not in document.lamps.units
        assert json.dumps(document.lamps.options["lamps"]["Ne"]["value"]) == "3"
    # What a comment proposes is right, too.
    proposed = "\n".join(line[2:] for line in draft("h:1", found).splitlines() if line.startswith("# conditions: "))
    conditions = [yaml.safe_load(line)["conditions"] for line in proposed.splitlines()]
    assert [*map(list, conditions)] == [["safe"], ["dome_closed"], ["dry"]]
    for condition in conditions:
        Observatory.model_validate(document.model_dump(mode="json") | {"conditions": condition})
    assert not has_lamps(found[6:])
