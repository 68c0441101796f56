"""Console whose output contains no control characters from names or other data."""

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from safelight.text import legible

__all__ = ["SafeConsole"]

_TRAILING = re.compile(r" +$", re.MULTILINE)


class SafeConsole(Console):
    """Console that prints tables, boxes and bars. Only rich itself may send control characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Clean all output, piece by piece."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=legible(segment.text))

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        """Return what is written. A pipe or a file gets no blanks at the ends of lines."""
        text = super()._render_buffer(buffer)
        return text if self.is_terminal else _TRAILING.sub("", text)
