"""A terminal, or a file in its place, that no name can steer."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from safelight.engine.legible import legible

__all__ = ["SafeConsole"]


class SafeConsole(Console):
    """Whatever is printed, in tables, boxes and bars: only rich itself says how the terminal moves and looks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Everything comes by here, piece by piece."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=legible(segment.text))
