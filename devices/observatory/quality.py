"""The part of the observatory document that says how the light in frames is judged, and what follows."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from safelight.documents.errors import Refusal
from safelight.documents.names import listed
from safelight.documents.names import nearest as meant
from safelight.light.limits import Limits

__all__ = ["Mode", "QualityModel"]

Mode = Literal["off", "watch", "act"]
"""Not judged; judged, and only remarked on; a bad frame is moved aside and taken again."""

Pixel = Annotated[int, Field(ge=0, le=100_000, strict=True)]
Limit = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class QualityModel(BaseModel):
    """How the light in frames is judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Field(
        "act",
        description="what a bad frame means by the absolute rules: `off` judges nothing, `watch` only remarks on it, "
        "`act` moves it aside and takes it again",
    )
    learned: Mode = Field(
        "watch",
        description="the same for the rules that compare with earlier frames; never more than `mode` allows",
    )
    retakes: Annotated[int, Field(ge=0, le=10, strict=True)] = Field(
        1, description="how often a frame is taken again because of its light; 0: it is only remarked on"
    )
    full_well_adu: Annotated[float, Field(gt=0, le=1e9, strict=True)] | None = Field(
        None, description="value of a saturated pixel; without it the largest value of 8 and 16 bits"
    )
    overscan: tuple[tuple[Pixel, Pixel, Pixel, Pixel], ...] = Field(
        (),
        description="sections that see no light: first row, row after the last, first column, column after the last; "
        "without them the header's BIASSEC",
    )
    references: Annotated[int, Field(ge=3, le=20, strict=True)] = Field(
        5, description="how many of the last good frames of one kind are compared with"
    )
    limits: dict[str, tuple[Limit, Limit]] = Field(
        {}, description="limit -> the value at which a frame is suspect, and the one at which it is bad"
    )
    dark_lamps: dict[str, tuple[str, ...]] = Field(
        {}, description="camera -> lamps that have no line on it; their frames are not judged for light there"
    )

    @field_validator("mode", "learned", mode="before")
    @classmethod
    def _written(cls, given: Any) -> Any:
        """YAML 1.1 reads a bare `off` as false."""
        return "off" if given is False else given

    @model_validator(mode="after")
    def _known(self) -> Self:
        names = [field.name for field in fields(Limits)]
        for name in self.limits:
            if name not in names:
                raise Refusal(f"unknown limit {name!r}", listed(names), meant(name, names), at=("limits", name))
        for left in self.overscan:
            if left[0] >= left[1] or left[2] >= left[3]:
                said = f"the section {list(left)} is empty"
                raise Refusal(said, "first row, row after the last, first column, column after it", at=("overscan",))
        return self

    @property
    def judges(self) -> bool:
        """Whether frames are looked at."""
        return self.mode != "off"

    @property
    def acts(self) -> bool:
        """Whether a bad frame is taken again."""
        return self.mode == "act" and self.retakes > 0

    @property
    def learned_acts(self) -> bool:
        """Whether a frame is taken again that is bad by comparison only."""
        return self.acts and self.learned == "act"
