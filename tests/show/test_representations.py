from importlib import import_module

import pytest

from safelight.representable import Representable
from safelight.show.representations import REPRESENTATIONS, html_of


def kinds(kind: type) -> set[str]:
    """Return the names of all classes below one."""
    return {name for below in kind.__subclasses__() for name in (below.__name__, *kinds(below))}


def test_every_value_has_a_picture() -> None:
    """Each class that says a notebook can show it is in the registry, and the function is there."""
    for module in ("api", "states", "engine.planning.plan"):
        import_module(f"safelight.{module}")
    assert kinds(Representable) == set(REPRESENTATIONS)
    assert all(callable(getattr(import_module(module), name)) for module, name in REPRESENTATIONS.values())


def test_what_has_none() -> None:
    """A value without an entry is refused by name."""
    with pytest.raises(LookupError, match="int"):
        html_of(1)
