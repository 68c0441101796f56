"""Reading of a driver's `options` in the observatory document into the driver's own model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory.yaml_document import refusal
from safelight.documents.errors import Problem, Refusal, Unreadable
from safelight.documents.expectations import EXPECTED
from safelight.documents.parsed import Parsed
from safelight.documents.source import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HostAndPort", "Login", "OptionsPart", "Port", "Wait", "read_options", "secret_of"]

M = TypeVar("M", bound=BaseModel)

Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
_ADDRESS = {EXPECTED: "`HOST:PORT`, such as 10.0.0.5:11111"}
_PORT = r"0*(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
HostAndPort = Annotated[str, Field(pattern=rf"^[^/\\?#\[\]\s:]+:{_PORT}$", json_schema_extra=_ADDRESS)]
Wait = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False, strict=True)]


class OptionsPart(BaseModel):
    """Part of a driver's options. It is frozen and refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Login(BaseModel):
    """Address of a server, and our login.

    An observatory document is copied into the journal and passed to the guard. A password that matters belongs into a
    file of its own, which only the observers may read.

    Attributes:
        password: in plain text; only for well-known defaults.
        password_file: a file whose first line is the password.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1)]
    port: Port
    user: str
    password: str | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise Refusal("`password` and `password_file` exclude each other", "one of them", at=("password_file",))
        return self

    def secret(self, default: str) -> str:
        """Return the password.

        Raises:
            ObservatoryError: the file can't be read.
        """
        return default if self.password is None and self.password_file is None else secret_of(self)


class HasPassword(Protocol):
    """Options with a password, or with a file that holds it."""

    @property
    def password(self) -> str | None:
        """The password, as it is in the document."""

    @property
    def password_file(self) -> Path | None:
        """The file whose first line is the password."""


def secret_of(options: HasPassword) -> str:
    """Return the password of options, or an empty text where they have none.

    Raises:
        ObservatoryError: the file can't be read.
    """
    file = options.password_file
    if file is None:
        return options.password or ""
    try:
        return read_text(file.expanduser()).partition("\n")[0].strip()
    except Unreadable as error:
        raise ObservatoryError(f"password_file {file}: {error.message}") from error
    except RuntimeError as error:  # ~nobody/...
        raise ObservatoryError(f"password_file {file}: there is no such user") from error


def read_options(model: type[M], plain: Mapping[str, Any], where: str) -> M:
    """Read options into the driver's own model.

    Args:
        model: what the driver understands.
        plain: the mapping in the document.
        where: its path in the document, for the error (`lamps.options`).

    Raises:
        ObservatoryError: every fault, with its path.
    """
    try:
        return model.model_validate(dict(plain))
    except ValidationError as error:
        found = refusal(error, model, Parsed(dict(plain)), "").problems
        raise ObservatoryError(problems=[_inside(where, problem) for problem in found]) from error


def _inside(where: str, problem: Problem) -> Problem:
    """Return a problem of the options as one of the whole document."""
    return replace(problem, path=f"{where}.{problem.path}" if problem.path else where)
