"""Registry of what a notebook shows for each kind of value.

Functions are named by module and imported at first use, so that the values don't depend on drawings.
"""

from collections.abc import Mapping
from importlib import import_module

__all__ = ["REPRESENTATIONS", "html_of"]

REPRESENTATIONS: Mapping[str, tuple[str, str]] = {
    "StateGraph": ("safelight.show.drawing.pictures", "graph_html"),
    "Plan": ("safelight.show.drawing.pictures", "plan_html"),
    "RunResult": ("safelight.show.progress.notebook", "result_html"),
    "RunHistory": ("safelight.show.report.executed_graph", "history_html"),
}
"""Class -> module and name of the function that makes HTML (or SVG) of its values."""


def html_of(value: object) -> str:
    """Return the HTML of a value for a notebook.

    Args:
        value: of a class in `REPRESENTATIONS`, or derived from one.

    Raises:
        LookupError: its class has no entry.
    """
    for kind in type(value).__mro__:
        if kind.__name__ in REPRESENTATIONS:
            module, name = REPRESENTATIONS[kind.__name__]
            html: str = getattr(import_module(module), name)(value)
            return html
    raise LookupError(f"{type(value).__name__} has no entry in REPRESENTATIONS")
