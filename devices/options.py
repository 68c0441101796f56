"""The `options` of a driver in the observatory document: read into a model of the driver's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from safelight.devices.document import nearest
from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Login", "Port", "Wait", "read_options"]

M = TypeVar("M", bound=BaseModel)

Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Wait = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]


class Login(BaseModel):
    """Where a server is, and who we are to it.

    An observatory document is copied into the journal and handed to the guard: a password that matters belongs
    into a file of its own, which only the observers may read.

    Attributes:
        password: as it stands; for defaults that everybody knows.
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
            raise ValueError("give a password or a password_file, not both")
        return self

    def secret(self, default: str) -> str:
        """The password.

        Raises:
            ObservatoryError: the file can't be read.
        """
        if self.password_file is None:
            return default if self.password is None else self.password
        try:
            return self.password_file.expanduser().read_text(encoding="utf-8").partition("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise ObservatoryError(f"password_file {self.password_file}: can't be read: {error}") from error


def read_options(model: type[M], plain: Mapping[str, Any], where: str) -> M:
    """Options as the driver's own model.

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
        raise ObservatoryError("; ".join(_sentence(model, dict(item), where) for item in error.errors())) from error


def _sentence(model: type[BaseModel], item: dict[str, Any], where: str) -> str:
    path = ".".join([where, *(str(part) for part in item["loc"])])
    if item["type"] == "extra_forbidden":
        return f"{path}: unknown option; {nearest(item['loc'][-1], model.model_fields)}"
    return f"{path}: {str(item['msg']).removeprefix('Value error, ')}"
