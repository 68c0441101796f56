"""A compiled graph: the same value, and able to show itself in a notebook."""

from safelight.states import StateGraph

__all__ = ["CompiledGraph"]

_MOST_STATES = 60
"""A graph of more states is shown in blocks."""


class CompiledGraph(StateGraph):
    """What the compiler makes."""

    def __repr__(self) -> str:
        """Short: a notebook keeps it beside the picture."""
        return f"<graph of {self.name!r}: {len(self.exposures)} frames, {len(self.states)} states, {self.hash[:12]}>"

    def _repr_html_(self) -> str:
        """In a notebook: drawn."""
        from safelight.engine.drawing import picture_of  # noqa: PLC0415 - only who looks needs it

        return picture_of(self, "blocks" if len(self.states) > _MOST_STATES else "states").svg
