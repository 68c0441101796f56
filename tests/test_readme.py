"""What the README says is so."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from safelight.cli import app
from safelight.devices import load_observatory
from safelight.engine.planning.plan import make_plan, site_of
from safelight.sequences import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_sequence_of_the_readme_is_planned_and_proved(tmp_path: Path) -> None:
    """The README's document is accepted as it stands there, without a warning, and its graph is proved."""
    found = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert found is not None
    path = tmp_path / "my.yaml"
    path.write_text(found.group(1), encoding="utf-8")
    observatory = load_observatory("simulated")
    plan = make_plan(load(path, site_of(observatory)), observatory)
    assert [frame.id for frame in plan.expansion.frames][-2:] == ["Argon-10s-001", "Argon-30s-001"]
    assert plan.expansion.warnings == ()


@pytest.mark.parametrize("words", sorted(set(re.findall(r"^    safelight ([a-z]+(?: [a-z]+)?)", README, re.MULTILINE))))
def test_the_commands_of_the_readme_exist(words: str) -> None:
    """Every command that the README names is one that the command line has."""
    command = get_command(app)
    for word in words.split():
        commands = getattr(command, "commands", None)
        if commands is None:
            return  # an argument
        assert word in commands
        command = commands[word]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_the_links_of_the_readme_lead_somewhere(target: str) -> None:
    """Every file that the README points to is there."""
    assert (ROOT / target).exists()


@pytest.mark.parametrize("goal", ["run", "test"])
def test_the_two_commands_are_goals_of_the_makefile(goal: str) -> None:
    """`make run` and `make test` exist under the names that the README gives."""
    assert f"make {goal} " in README
    assert re.search(rf"^{goal}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
