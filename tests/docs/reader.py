"""A reader who does all that a page says, from its top to its end, in one folder."""

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.blocks import CTRL_C, FREE, MARKS, Block, Command
from tests.docs.device_servers import EXAMPLES
from tests.docs.documents import check_yaml, is_sequence
from tests.docs.hurry import hurried
from tests.docs.installed import install, uninstall
from tests.docs.loosely import begins_with, is_like
from tests.docs.notebook import Notebook
from tests.docs.terminal import Ended, Terminal

__all__ = ["Reader"]


def _shell_syntax(text: str) -> None:
    subprocess.run(["/usr/bin/env", "bash", "-n"], input=text, text=True, check=True)


def _ini_syntax(text: str) -> None:
    configparser.RawConfigParser(strict=False, allow_no_value=True).read_string(text)


_SYNTAX: Mapping[str, Callable[[str], object]] = {
    "sh": _shell_syntax,
    "toml": tomllib.loads,
    "ini": _ini_syntax,
    "json": json.loads,
    # tests/web/test_proxy.py starts nginx with it.
    "nginx": str,
}

_INSTALL = re.compile(r"pip install -e (\S+)")
_UNINSTALL = re.compile(r"pip uninstall --yes (\S+)")


class Reader:
    """Reads a page block by block.

    Args:
        folder: looks like the checkout; everything happens in there.
        environment: of everything that is started.
        scratch: a folder that is not the reader's.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], scratch: Path) -> None:
        self._folder = folder
        self._environment = environment
        self._scratch = scratch
        self._notebook = Notebook(folder, environment)
        self._terminals: dict[str, Terminal] = {}

    def do(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            AssertionError, SafelightError: it is not so.
        """
        unknown = set(block.marks) - MARKS
        assert not unknown, f"{block}: no such mark: {unknown}"
        if "not run" in block.marks or block.language in FREE:
            return
        self._provide(block.marks.get("needs", ""))
        if block.language == CTRL_C:
            self._interrupt(block)
        elif block.language == "console":
            self._type(block)
        else:
            self._check(block)
        if "file" in block.marks:
            self._save(block)

    def close(self) -> list[str]:
        """Close everything. Return the commands that a page has begun and not ended."""
        left = [terminal.going for terminal in self._terminals.values() if terminal.going]
        for terminal in self._terminals.values():
            terminal.close()
        self._terminals.clear()
        self._notebook.close()
        return left

    def _provide(self, needed: str) -> None:
        """Copy a file that this reader has had for long. Servers are there already."""
        given, _, name = needed.partition(" as ")
        if name:
            shutil.copy(self._folder / given, self._folder / name)

    def _check(self, block: Block) -> None:
        sequence = block.language == "json" and is_sequence(json.loads(block.text))
        if block.language == "yaml" or sequence:
            check_yaml(block.text, self._scratch)
        elif block.language == "python":
            self._execute(block)
        else:
            _SYNTAX[block.language](block.text)

    def _execute(self, block: Block) -> None:
        if "file" in block.marks:
            compile(block.text, str(block), "exec")
            return
        trouble = self._notebook.run(block.text, str(block))
        assert not trouble, f"{block}:\n{trouble}"

    def _save(self, block: Block) -> None:
        path = self._terminal("").folder / block.marks["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = hurried(block.text) if block.language == "sh" else block.text
        for name, example in EXAMPLES.items():
            text = text.replace(example, self._environment.get(name, example))
        path.write_text(text, encoding="utf-8")

    def _terminal(self, name: str) -> Terminal:
        if name not in self._terminals:
            self._terminals[name] = Terminal(self._folder, self._environment, self._scratch)
        return self._terminals[name]

    def _type(self, block: Block) -> None:
        terminal = self._terminal("another" if "another terminal" in block.marks else "")
        *first, last = block.commands
        for command in first:
            self._expect(block, command, terminal.run(hurried(command.text)), 0)
        place = Path(self._environment["PYTHONPATH"])
        if package := _INSTALL.fullmatch(last.text):
            install(terminal.folder / package[1], place)
        elif package := _UNINSTALL.fullmatch(last.text):
            uninstall(package[1], place)
        elif "goes on" in block.marks:
            terminal.begin(hurried(last.text))
            printed = terminal.wait_for(lambda printed: begins_with(last.prints, printed))
            assert begins_with(last.prints, printed), _unlike(block, last, printed)
        else:
            ended = terminal.run(hurried(last.text)) if last.text else terminal.end()
            # Of what went on, the page shows the end.
            shown = last if last.text else Command("", f"...\n{last.prints}")
            self._expect(block, shown, ended, int(block.marks.get("exits", 0)))

    def _interrupt(self, block: Block) -> None:
        going = [terminal for terminal in self._terminals.values() if terminal.going]
        assert len(going) == 1, f"{block}: {len(going)} commands go on, not one"
        going[0].interrupt()
        self._expect(block, Command(going[0].going, ""), going[0].end(), int(block.marks.get("exits", 0)))

    def _expect(self, block: Block, command: Command, ended: Ended, code: int) -> None:
        assert ended.code == code, f"{_unlike(block, command, ended.printed)}\nexit code {ended.code}, not {code}"
        assert is_like(command.prints, ended.printed), _unlike(block, command, ended.printed)


def _unlike(block: Block, command: Command, printed: str) -> str:
    return f"{block}: {command.text}\n--- the page shows\n{command.prints}\n--- it has printed\n{printed}\n---"
