"""What holds for every test."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

# Under nohup, and under some services, SIGHUP is ignored, behind a `&` of a shell SIGINT, and children inherit that;
# safelight respects it. The tests want to see what a closed terminal and Ctrl-C do, whoever started them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Guards go on for ever where lamps can't be read: those that tests have left so are ended."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is None:
        return
    for note in factory.getbasetemp().rglob("guards/*.json"):
        with suppress(OSError, ValueError, KeyError):
            pid = int(json.loads(note.read_text(encoding="utf-8"))["pid"])
            if b"safelight.engine.guard" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
