"""Values that a notebook shows as a picture or a table.

This is the only place where the engine uses the package for display: lazily, and only in a notebook.
"""

__all__ = ["Representable"]


class Representable:
    """Mixin for classes with an entry in `safelight.show.representations`."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return the HTML for a notebook."""
        from safelight.show.representations import html_of  # noqa: PLC0415 - only a notebook needs it

        return html_of(self)
