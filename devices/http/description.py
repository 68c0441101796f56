"""Description of a relay board by its requests, and of the boards that an observatory has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from safelight.devices.http_line import server_name
from safelight.devices.observatory.driver_options import OptionsPart, Wait
from safelight.documents.errors import Refusal
from safelight.documents.expectations import EXPECTED

__all__ = [
    "CHANNEL",
    "Address",
    "Board",
    "BoardCommand",
    "BoardRequest",
    "Expected",
    "HttpOptions",
    "Place",
    "Query",
    "Reading",
    "Server",
]

CHANNEL = "{channel}"
"""Stands for the lamp's channel in paths, bodies, places and patterns."""

_WORDS = "an address that begins with http:// or https://, such as http://10.0.0.5"


def _with_a_host(url: str) -> str:
    try:
        server_name(url)
    except ValueError:
        raise Refusal("", f"{_WORDS}, and a port from 1 to 65535") from None
    return url


Address = Annotated[
    str, Field(pattern=r"^https?://[^/?#\s]+", json_schema_extra={EXPECTED: _WORDS}), AfterValidator(_with_a_host)
]
Plain = bool | int | float | str
Values = tuple[Plain, ...]


def _several(value: Any) -> Any:
    """Return one value as a list of one, as people write it."""
    return value if value is None or isinstance(value, list | tuple) else (value,)


class Place(OptionsPart):
    """Where in an answer a value is: in JSON, or by a pattern.

    Attributes:
        at: steps into the JSON, with dots: `relays.0.ison`. A step `ID=3` takes the entry of a list whose `ID` is 3. Of
            several places the first that the answer has.
        pattern: a regular expression; its first group is the value, without a group the whole match.
    """

    at: tuple[str, ...] | None = None
    pattern: str | None = None

    _list_of_places = field_validator("at", mode="before")(_several)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.at is None) == (self.pattern is None):
            raise Refusal("", "one of `at` (a place in JSON) and `pattern` (a regular expression)")
        if self.pattern is not None:
            try:
                re.compile(self.pattern.replace(CHANNEL, "0"))
            except re.error as error:
                raise Refusal(f"not a regular expression: {error}", "a regular expression", at=("pattern",)) from None
        return self


class Expected(Place):
    """What the answer to a command must hold.

    Attributes:
        values: what the value may be; without them it only has to be there.
    """

    values: Values | None = None

    _list_of_values = field_validator("values", mode="before")(_several)


class Reading(Place):
    """How an answer says whether a lamp is on.

    Attributes:
        is_on: the values that mean on.
        is_off: the values that mean off. Anything else is unknown.
    """

    is_on: Values
    is_off: Values

    _list_of_values = field_validator("is_on", "is_off", mode="before")(_several)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        both = [value for value in self.is_on for other in self.is_off if repr(value) == repr(other)]
        if both:
            raise Refusal(f"{both[0]!r} means both on and off", "a value of its own for each", at=("is_off",))
        return self


class BoardRequest(OptionsPart):
    """One request.

    Attributes:
        method: of HTTP.
        path: with its query, beginning with a slash; `{channel}` in it is the lamp's channel.
        body: what is sent, `{channel}` in it is the lamp's channel.
        headers: in addition to those that every request has.
    """

    method: Literal["GET", "POST", "PUT", "PATCH"] = "GET"
    path: Annotated[str, Field(pattern="^/", json_schema_extra={EXPECTED: "a path that begins with /"})]
    body: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)


class BoardCommand(BoardRequest):
    """Request that switches.

    Attributes:
        expect: what the answer must hold. Without it any text will do.
        codes: the status codes of success; without them every 2xx.
    """

    expect: Expected | None = None
    codes: tuple[int, ...] = ()

    _list_of_codes = field_validator("codes", mode="before")(_several)


class Query(BoardRequest):
    """Request that reads a lamp. One that is the same for several lamps is sent once.

    Attributes:
        answer: how the answer says whether the lamp is on.
    """

    answer: Reading


class Board(OptionsPart):
    """How a kind of relay board is spoken to.

    Attributes:
        description: for people, with the source of the requests.
        switch_on: the request that switches a lamp on.
        switch_off: the request that switches it off.
        status: the request that reads it.
        all_off: one request that switches all relays of the board off. Only for boards that have nothing but lamps.
        login: how user and password are sent: in a header (`basic`, `digest`) or as `user` and `password` in the query.
        read_back: worth of the read-back: `hardware` if the board reads its relays, `memory` if it repeats the last
            command.
        first_channel: the number of the board's first channel; None where channels have names.
    """

    description: str = ""
    switch_on: BoardCommand
    switch_off: BoardCommand
    status: Query
    all_off: BoardCommand | None = None
    login: Literal["basic", "digest", "query"] = "basic"
    read_back: Literal["hardware", "memory"] = "memory"
    first_channel: Literal[0, 1] | None = None


class Server(OptionsPart):
    """One relay board of the observatory.

    Attributes:
        url: its address, `http://HOST` or `http://HOST:PORT`.
        board: the name of its description: a shipped one, or one under `boards`.
        lamps: lamp -> channel, as the board counts or names it.
        user: for boards that want to know it.
        password: in plain text.
        password_file: a file whose first line is the password.
        verify: whether the certificate of an https board has to be valid.
    """

    url: Address
    board: str
    lamps: Annotated[dict[str, int | str], Field(min_length=1)]
    user: str | None = None
    password: str | None = None
    password_file: Path | None = None
    verify: bool = True

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise Refusal("`password` and `password_file` exclude each other", "one of them", at=("password_file",))
        return self


class HttpOptions(OptionsPart):
    """The `options` of the driver `http`.

    Attributes:
        servers: the boards, by any name.
        boards: descriptions of kinds of board, in addition to the shipped ones.
        deadline_s: how long one request may take, s.
    """

    servers: Annotated[dict[str, Server], Field(min_length=1)]
    boards: dict[str, Board] = Field(default_factory=dict)
    deadline_s: Wait = 4.0
