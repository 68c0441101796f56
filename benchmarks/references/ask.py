"""Run a reference in a process of its own, and read what it prints."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "ask", "asked_apart", "seconds_of"]

ROOT = Path(__file__).parent.parent.parent
TIMEOUT_S = 900


def ask(module: str, *words: object) -> float:
    """The number that `python -m benchmarks.references.MODULE WORDS` prints.

    Raises:
        RuntimeError: it failed.
    """
    return float(asked_apart(f"benchmarks.references.{module}", *words))


def asked_apart(module: str, *words: object) -> Any:
    """The value that `python -m MODULE WORDS` prints last, as JSON.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def seconds_of(*command: str, cwd: Path = ROOT) -> float:
    """How long a whole process takes, s.

    Raises:
        CalledProcessError: it failed.
    """
    began = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=TIMEOUT_S)
    return time.perf_counter() - began
