"""The same runs, killed and started again, as the tests of the records."""

from tests.engine.records.conftest import (  # noqa: F401 - fixtures
    case,
    expected,
    make_case,
    quick_folder,
    sequence,
    small,
    warm,
)
