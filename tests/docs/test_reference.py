"""The reference says what the code says."""

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from safelight.cli import app
from safelight.devices import load_observatory
from safelight.devices.observatory import observatory, parts, site_habits
from safelight.engine import site_of
from safelight.engine.records.tables import VERSION, metadata
from safelight.sequences import expand, load, model
from safelight.sequences.json_schema import schema
from tests.docs.blocks import DOCS, ROOT, blocks_of
from tests.docs.pages_as_data import anchors, links, named, rows

REFERENCE = DOCS / "reference"
MADE = re.compile(r"<!-- made: (\S+) -->")
PAGES = sorted(page for page in (*REFERENCE.glob("*.md"), *(DOCS / "explanation").glob("*.md")))
PARTS_LISTED = "import tables; print(*sorted(tables.PARTS))"


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run docs/make-reference.py."""
    command = [sys.executable, str(DOCS / "make-reference.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_pages_are_as_the_code_is() -> None:
    """What docs/make-reference.py would write now is what the pages have."""
    made = make("--check")
    assert (made.returncode, made.stdout) == (0, ""), f"run `python docs/make-reference.py`\n{made.stdout}{made.stderr}"


def test_a_stale_page_is_found_and_mended(tmp_path: Path) -> None:
    """A page with another default than the code's is reported, and made right where that is asked for."""
    right = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    page = tmp_path / "configuration.md"
    page.write_text(right.replace("| `0.5` |", "| `0.6` |"), encoding="utf-8")
    found = make("--check", str(tmp_path))
    assert (found.returncode, found.stdout) == (1, f"{page} is not as the code is\n")
    assert make(str(tmp_path)).returncode == 0
    assert page.read_text(encoding="utf-8") == right


def test_no_part_is_left_out() -> None:
    """Each part that can be made stands on exactly one page."""
    made = sorted(name for page in DOCS.rglob("*.md") for name in MADE.findall(page.read_text(encoding="utf-8")))
    listed = subprocess.run([sys.executable, "-c", PARTS_LISTED], cwd=DOCS, capture_output=True, text=True, check=True)
    assert made == listed.stdout.split()


@pytest.mark.parametrize(
    "room", ["safelight", "safelight.engine", "safelight.sequences", "safelight.devices", "safelight.states"]
)
def test_every_public_name_is_told(room: str) -> None:
    """Each name of a room's `__all__` has a section in its part of the page, and nothing else has."""
    text = (REFERENCE / "python.md").read_text(encoding="utf-8")
    mine = text.split(f"\n## {room}\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (\w+)$", mine, re.MULTILINE) == list(import_module(room).__all__)


def test_every_public_name_for_drivers_is_told() -> None:
    """Each name of `safelight.testing` has a section on its own page."""
    text = (REFERENCE / "testing.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE) == list(import_module("safelight.testing").__all__)


def _models(room: Any) -> list[type[BaseModel]]:
    found = [value for value in vars(room).values() if isinstance(value, type) and issubclass(value, BaseModel)]
    return [one for one in found if one.__module__ == room.__name__ and one.model_fields]


@pytest.mark.parametrize(
    ("page", "room"),
    [("document.md", model), *(("configuration.md", room) for room in (parts, observatory, site_habits))],
    ids=["sequence", "parts", "observatory", "site_habits"],
)
def test_every_key_is_told_and_explained(page: str, room: Any) -> None:
    """Each key of a document has a row on its page, and a sentence about it."""
    told = {named(row["key"])[0] for row in rows(f"reference/{page}", "key", "value")}
    for one in _models(room):
        for name, field in one.model_fields.items():
            assert (str(field.validation_alias.choices[0]) if field.validation_alias else name) in told
            assert field.description, f"{one.__name__}.{name} has no description"


def test_every_column_is_told_and_explained() -> None:
    """Each table of the journal has a section, each column a row with a sentence."""
    told = [named(row["column"])[0] for row in rows("reference/journal.md", "column", "type")]
    columns = [column for name in _sections("journal.md") if name in metadata.tables
               for column in metadata.tables[name].columns]  # fmt: skip
    assert told == [column.name for column in columns]
    assert all(column.doc for table in metadata.tables.values() for column in table.columns)
    assert set(metadata.tables) <= set(_sections("journal.md"))
    assert f"version `{VERSION}`" in (REFERENCE / "journal.md").read_text(encoding="utf-8")


def _sections(page: str) -> list[str]:
    return re.findall(r"^### (.+)$", (REFERENCE / page).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_command_is_told() -> None:
    """Each command of the command line has a section, and each section is a command."""
    names = [
        str(one.name or one.callback.__name__) for one in app.registered_commands if one.callback and not one.hidden
    ]
    for group in app.registered_groups:
        inner = group.typer_instance.registered_commands if group.typer_instance else []
        alone = group.typer_instance.registered_callback if group.typer_instance else None
        names += [str(group.name)] if alone and alone.invoke_without_command is True else []
        names += [f"{group.name} {one.name or one.callback.__name__}" for one in inner if one.callback]
    assert _sections("command-line.md") == names


def _examples() -> list[tuple[str, Any, Any]]:
    found = schema()
    nodes = {"": found, **found["$defs"]}
    return [
        (f"{part}.{key}", {**node, "$defs": found["$defs"]}, example)
        for part, one in nodes.items()
        for key, node in one["properties"].items()
        for example in node.get("examples", ())
    ]


@pytest.mark.parametrize(("where", "node", "example"), _examples())
def test_examples_are_right(where: str, node: dict[str, Any], example: Any) -> None:
    """Each example of the published schema is accepted by it."""
    assert list(Draft202012Validator(node).iter_errors(example)) == [], where


def test_documents_of_gort_are_accepted_as_they_stand() -> None:
    """The page's documents in gort's form are loaded and give frames."""
    site = site_of(load_observatory("simulated"))
    texts = [block.text for block in blocks_of(REFERENCE / "document.md") if block.language == "json"]
    frames = [len(expand(load(json.loads(text), site), site).frames) for text in texts]
    assert frames == [4, 1, 2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every file and every heading that a page of reference or explanation points to is there."""
    for target, anchor in links(page):
        assert target.exists(), f"{page.name}: {target.relative_to(ROOT)} is missing"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: no heading #{anchor} in {target.name}"
