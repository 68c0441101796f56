"""What the matrix needs once: an observatory, a warm process, a run that was killed in a long dark."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.matrix.bench import small_observatory
from tests.matrix.commands import Commands
from tests.matrix.signal_cells import leave_behind

Left = Callable[[], Path]


@pytest.fixture(scope="session")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the document of a small observatory."""
    return small_observatory(tmp_path_factory.mktemp("matrix-observatory"))


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Yield a warm process for commands."""
    with Commands.warm() as warm:
        yield warm


@pytest.fixture
def left_behind(tmp_path_factory: pytest.TempPathFactory, observatory: Path, commands: Commands) -> Left:
    """Make a home whose run was killed in a dark that goes on for ten minutes."""
    return lambda: leave_behind(tmp_path_factory.mktemp("left") / "case", observatory, commands)
