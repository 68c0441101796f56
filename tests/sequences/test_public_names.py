import subprocess
import sys

import safelight.sequences
from safelight.errors import SafelightError


def test_names_are_sorted_and_there() -> None:
    """Every public name exists, and the list is sorted."""
    names = safelight.sequences.__all__
    assert names == sorted(names)
    assert all(hasattr(safelight.sequences, name) for name in names)


def test_one_error_tree() -> None:
    """The room's error is one of the program's."""
    assert issubclass(safelight.sequences.SequenceError, SafelightError)


def test_import_is_light() -> None:
    """Importing the room imports neither yaml nor jsonschema, no loop and no FITS."""
    code = "import sys, safelight.sequences; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"yaml", "jsonschema", "asyncio", "astropy", "numpy"} & set(loaded.split())
