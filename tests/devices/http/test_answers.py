"""What answers of relay boards say: values in JSON, in XML, and what says nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from safelight.devices.http.answers import as_expected, state_in
from safelight.devices.http.description import Expected, Reading

TRUE_FALSE = {"is_on": True, "is_off": False}


@pytest.mark.parametrize(
    ("reading", "text", "state"),
    [
        ({"at": "ison", **TRUE_FALSE}, '{"ison": true}', "on"),
        ({"at": "ison", **TRUE_FALSE}, '{"ison": false}', "off"),
        ({"at": "ison", **TRUE_FALSE}, '{"ison": 0}', "unknown"),
        ({"at": "ison", **TRUE_FALSE}, '{"ison": null}', "unknown"),
        ({"at": "ison", **TRUE_FALSE}, "{}", "unknown"),
        ({"at": "ison", **TRUE_FALSE}, "<html>", "unknown"),
        ({"at": "ison", **TRUE_FALSE}, "", "unknown"),
        ({"at": "relays.{channel}.ison", **TRUE_FALSE}, '{"relays": [{}, {}, {"ison": false}]}', "off"),
        ({"at": "relays.{channel}.ison", **TRUE_FALSE}, '{"relays": [{"ison": false}]}', "unknown"),
        ({"at": ["R{channel}", "R"], "is_on": "ON", "is_off": "OFF"}, '{"R": "OFF"}', "off"),
        ({"at": ["R{channel}", "R"], "is_on": "ON", "is_off": "OFF"}, '{"R": "OFF", "R2": "ON"}', "on"),
        (
            {"at": "O.ID={channel}.S", "is_on": [1, 2], "is_off": 0},
            '{"O": [{"ID": 1, "S": 0}, {"ID": 2, "S": 2}]}',
            "on",
        ),
        (
            {"at": "O.ID={channel}.S", "is_on": 1, "is_off": 0},
            '{"O": [{"ID": 2, "S": 0}, {"ID": 2, "S": 1}]}',
            "unknown",
        ),
        ({"at": "O.ID={channel}.S", "is_on": 1, "is_off": 0}, '{"O": {"ID": 2}}', "unknown"),
        ({"at": "v", "is_on": 1, "is_off": 0}, '{"v": 0.0}', "off"),
        ({"pattern": "relay{channel}=(.)", "is_on": "1", "is_off": "0"}, "relay1=1 relay2=0", "off"),
        ({"pattern": "(?:ON|OFF)", "is_on": "ON", "is_off": "OFF"}, "all is OFF", "off"),
        ({"pattern": "relay{channel}=(.)", "is_on": "1", "is_off": "0"}, "relay22=0", "unknown"),
    ],
)
def test_state(reading: dict[str, Any], text: str, state: str) -> None:
    """A lamp is on or off only where the answer says so in the words of the description."""
    assert state_in(text, Reading.model_validate(reading), "2") == state


def test_a_channel_is_no_pattern() -> None:
    """What stands for the channel is taken verbatim, in patterns and in places."""
    reading = Reading.model_validate({"pattern": "{channel}=(.)", "is_on": "1", "is_off": "0"})
    assert state_in("axb=0", reading, "a.b") == "unknown"
    place = Reading.model_validate({"at": "{channel}.v", "is_on": 1, "is_off": 0})
    assert state_in('{"a.b": {"v": 1}}', place, "a.b") == "on"


def test_expected() -> None:
    """The answer to a command must hold what is described: a value, one of several values, or anything at all."""
    assert as_expected('{"was_on": false}', Expected.model_validate({"at": "was_on", "values": [True, False]}), "0")
    assert not as_expected('{"was_on": null}', Expected.model_validate({"at": "was_on", "values": [True, False]}), "0")
    assert as_expected('{"was_on": null}', Expected.model_validate({"at": "was_on"}), "0")
    assert not as_expected("{}", Expected.model_validate({"at": "was_on"}), "0")


@pytest.mark.parametrize(
    "plain",
    [
        {"is_on": 1, "is_off": 0},
        {"at": "a", "pattern": "b", "is_on": 1, "is_off": 0},
        {"pattern": "(", "is_on": 1, "is_off": 0},
        {"at": "a", "is_on": 1, "is_off": [0, 1]},
    ],
)
def test_descriptions_that_say_nothing(plain: dict[str, Any]) -> None:
    """A reading names one place, and no value means both on and off."""
    with pytest.raises(ValidationError):
        Reading.model_validate(plain)
