"""Errors of the judge.

NotReadable             a file holds no image that can be judged
"""

from safelight.errors import SafelightError

__all__ = ["NotReadable"]


class NotReadable(SafelightError):
    """No image can be read from a file. The message says what it is instead."""
