"""Version of safelight."""

__all__ = ["__version__"]


__version__ = "0.1.0"
"""Version of this package."""
