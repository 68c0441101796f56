"""Errors as one line for people and journals."""

from safelight import SafelightError

__all__ = ["in_words"]


def in_words(error: BaseException) -> str:
    """One line; the type is named where the sentence was not written for people."""
    text = " ".join(str(error).split())
    return text if isinstance(error, SafelightError | TimeoutError) and text else f"{type(error).__name__}: {text}"
