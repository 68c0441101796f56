"""Python blocks of a page, executed one after the other in one process, with `await` at the top as in a notebook."""

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Notebook"]

_KERNEL = """
import ast, asyncio, inspect, json, sys, traceback
names = {"__name__": "__main__"}
answers = sys.stdout
sys.stdout = sys.stderr
with asyncio.Runner() as runner:
    for line in sys.stdin:
        cell = json.loads(line)
        try:
            code = compile(cell["text"], cell["name"], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            going = eval(code, names)
            if inspect.iscoroutine(going):
                runner.run(going)
            trouble = ""
        except BaseException:
            trouble = traceback.format_exc()
        print(json.dumps(trouble), file=answers, flush=True)
"""


class Notebook:
    """One Python process for the blocks of a page, started with the first one.

    Args:
        folder: where it works.
        environment: its variables.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, text: str, name: str) -> str:
        """Execute a block. Return the traceback where it fails."""
        ast.parse(text)
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _KERNEL],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self._folder,
                env=dict(self._environment),
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"text": text, "name": name}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        return str(json.loads(answer)) if answer else "the process has ended"

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None
