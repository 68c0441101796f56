"""Descriptions of common relay boards, each in a file that names the source of its requests."""

from functools import cache
from pathlib import Path

from pydantic import ValidationError

from safelight.devices.http.description import Board
from safelight.devices.observatory.yaml_document import read_parsed, refusal

__all__ = ["shipped_board", "shipped_boards"]


@cache
def shipped_boards() -> dict[str, Path]:
    """Return the files of the descriptions that come with safelight, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


def shipped_board(name: str) -> Board:
    """Return a description that comes with safelight.

    Raises:
        ObservatoryError: its file is damaged.
    """
    path = shipped_boards()[name]
    parsed = read_parsed(path)
    try:
        return Board.model_validate(parsed.raw)
    except ValidationError as error:
        raise refusal(error, Board, parsed, str(path)) from error
