"""The commands of the README, as whole processes, in its order."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT
from tests.docs.hurry import hurried
from tests.docs.terminal import Terminal

README = (ROOT / "README.md").read_text(encoding="utf-8")

ENDS = {"safelight resume": 2, "safelight abort": 2, "safelight pause": 2}
"""Nothing is left to resume there, and nothing is running."""


@pytest.fixture
def terminal(folder: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Terminal]:
    """Yield a terminal with the README's sequence at hand."""
    document = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert document is not None
    (folder / "my.yaml").write_text(document[1], encoding="utf-8")
    one = Terminal(folder, environment, tmp_path)
    yield one
    one.close()


def test_the_commands_of_the_readme_work(terminal: Terminal) -> None:
    """Whoever types the README's commands one after the other meets none that doesn't work."""
    typed = re.findall(r"^    (safelight .*?) *#", README, re.MULTILINE)
    assert len(typed) > 8
    for command in typed:
        if command == "safelight serve":
            terminal.begin(hurried(command))
            assert "Watch and control" in terminal.wait_for(lambda printed: "Ctrl-C" in printed)
            terminal.interrupt()
            assert terminal.end().code == 0
            continue
        ended = terminal.run(hurried(command))
        assert ended.code == ENDS.get(command, 0), f"{command}:\n{ended.printed}"
