"""Plain values of numpy and astropy objects in dicts from Python. Neither library is imported for it."""

from typing import Any

from safelight.documents.errors import shown

__all__ = ["is_scientific", "plain_value"]

_LIBRARIES = ("numpy", "astropy")


def is_scientific(value: object) -> bool:
    """Whether a value is an object of numpy or astropy, or of a class derived from one."""
    return any(kind.__module__.partition(".")[0] in _LIBRARIES for kind in type(value).__mro__)


def plain_value(value: Any) -> object:
    """Return a number, a text or nested lists of them. Durations become seconds.

    Args:
        value: for which `is_scientific` holds.

    Raises:
        ValueError: it is a quantity of something else than time.
    """
    if hasattr(value, "to_value"):
        try:
            value = value.to_value("s")
        except Exception as error:
            raise ValueError(f"expected a quantity of time, got {shown(value)}") from error
    return value.tolist() if hasattr(value, "tolist") else value
