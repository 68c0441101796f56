"""Conditions of a night that a device of a server knows: its part of the observatory document."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from safelight.devices.observatory.driver_options import HostAndPort
from safelight.devices.observatory.parts import ObservatoryPart, Positive
from safelight.documents.errors import Refusal

__all__ = ["DOME_STATES", "AlpacaConditionModel", "IndiConditionModel", "WeatherSensor"]

DOME_STATES = ("open", "closed", "opening", "closing", "error")
"""States of a dome's shutter, in the order of Alpaca's `ShutterStatus`."""

WeatherSensor = Literal[
    "cloudcover",
    "dewpoint",
    "humidity",
    "pressure",
    "rainrate",
    "skybrightness",
    "skyquality",
    "skytemperature",
    "starfwhm",
    "temperature",
    "winddirection",
    "windgust",
    "windspeed",
]
"""Sensors of Alpaca's ObservingConditions, as in the address of a request."""

_Number = Annotated[int, Field(ge=0, le=4_294_967_295, strict=True)]
_Text = Annotated[str, Field(min_length=1, max_length=200)]


class AlpacaConditionModel(ObservatoryPart):
    """Value of a device of an Alpaca server: a SafetyMonitor, a Dome or an ObservingConditions."""

    server: HostAndPort = Field(description="`HOST:PORT`")
    safety_monitor: _Number | None = Field(
        None, description="number of a SafetyMonitor; the value is `true` while it is safe"
    )
    dome: _Number | None = Field(
        None, description="number of a Dome; the value is `open`, `closed`, `opening` or `closing`"
    )
    weather: _Number | None = Field(
        None, description="number of an ObservingConditions; the value is the number of its `sensor`"
    )
    sensor: WeatherSensor | None = Field(None, description="sensor of an ObservingConditions, such as `humidity`")
    longest_age_s: Positive = Field(600.0, description="a number of `weather` that is older counts as not read")

    @model_validator(mode="after")
    def _one_device(self) -> Self:
        if [self.safety_monitor, self.dome, self.weather].count(None) != 2:  # noqa: PLR2004 - one of three
            raise Refusal("", "one of `safety_monitor`, `dome` and `weather`, each a number from 0")
        if (self.weather is None) != (self.sensor is None):
            raise Refusal("", "`weather` and `sensor` together", at=("sensor",))
        return self


class IndiConditionModel(ObservatoryPart):
    """Element of a property vector of an INDI server: a switch, a number, a light or a text."""

    host: _Text = Field("localhost", description="of the server")
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = Field(7624, description="of the server")
    device: _Text = Field(description="as the server names it")
    property: _Text = Field(description="name of the vector, or `label:` and what people see")
    element: _Text = Field(
        description="name of the element, or `label:` and what people see; the value of a switch is `true` or `false`, "
        "that of a light is `Idle`, `Ok`, `Busy` or `Alert`"
    )
    believe_idle: bool = Field(
        False,
        description="whether a vector in state Idle counts; by default it does not, because that is how drivers begin, "
        "whatever their hardware does",
    )
