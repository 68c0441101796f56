"""Public names of a package that are imported at their first use, so that a command pays only for what it uses."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["at_first_use"]


def at_first_use(
    package: dict[str, Any], homes: Mapping[str, Sequence[str]], others: str | None = None
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package (PEP 562).

    Args:
        package: its globals.
        homes: module -> the public names that it defines.
        others: the module of all other public names that are not there yet.
    """
    home_of = dict.fromkeys(package["__all__"], others) if others else {}
    home_of |= {name: module for module, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        value = package[name] = getattr(import_module(home_of[name]), name)
        return value

    return find
