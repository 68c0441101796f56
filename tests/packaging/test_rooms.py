"""The layout: no circle of imports, and no folder that nobody can take in at one look."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "safelight": "safelight",
    "engine": "safelight.engine",
    "states": "safelight.states",
    "devices": "safelight.devices",
    "sequences": "safelight.sequences",
}
MOST_FILES = 20


def modules() -> dict[str, Path]:
    """Import name -> file."""
    found = {}
    for folder, package in PACKAGES.items():
        for file in (ROOT / folder).rglob("*.py"):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = file
    return found


def imported(file: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield every module of ours that a file imports: at its top, in a function, or for types alone."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_circle_of_imports() -> None:
    """All modules can be put into one order in which each imports only earlier ones."""
    known = modules()
    graph = {name: {other for other in imported(file, known) if other in known} for name, file in known.items()}
    assert sum(map(len, graph.values())) > 1000
    # Raises CycleError, with the circle, where there is one.
    assert set(TopologicalSorter(graph).static_order()) == set(known)


def test_no_crowded_folder() -> None:
    """No folder of the packages has more than twenty Python files, but that of the commands."""
    folders = {file.parent for file in modules().values()} - {ROOT / "safelight" / "commands"}
    sizes = {folder: len([file for file in folder.glob("*.py") if file.name != "__init__.py"]) for folder in folders}
    assert {str(folder): size for folder, size in sizes.items() if size > MOST_FILES} == {}


def test_names_of_classes_are_unique() -> None:
    """No two classes of the packages have one name: whoever reads one finds the right one by its name alone."""
    places: dict[str, list[str]] = {}
    for name, file in modules().items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name)
    assert len(places) > 300
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
