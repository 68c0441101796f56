"""What is refused before anything is touched."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from safelight.engine import Request, RunRefused, calibrate, perform
from safelight.engine.resume.resumption import ResumeRequest, resume

Start = Callable[[Path], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize(
    "start",
    [
        lambda folder: calibrate("demo", home=folder / "home", frames=folder / "frames", speed="max"),
        lambda folder: perform(Request("demo", home=folder / "home", frames=folder / "frames", speed="max")),
        lambda folder: resume(ResumeRequest(home=folder / "home", speed="max")),
    ],
    ids=["calibrate", "perform", "resume"],
)
def test_without_asyncio(tmp_path: Path, start: Start) -> None:
    """On a loop that is not asyncio's, which drives coroutines by `send` as trio does, nothing is begun."""
    coroutine = start(tmp_path)
    with pytest.raises(RunRefused, match="asyncio"):
        coroutine.send(None)
    assert list(tmp_path.iterdir()) == []
