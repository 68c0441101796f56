"""What `pip install -e FOLDER` would leave behind, and `pip uninstall` take away again.

pip itself would fetch what builds the package, and change the environment in which the tests run.
"""

import shutil
import tomllib
from pathlib import Path

__all__ = ["install", "uninstall"]


def install(folder: Path, place: Path) -> None:
    """Make a package's modules and entry points known.

    Args:
        folder: the package, with its `pyproject.toml`.
        place: a folder on the path of Python.
    """
    content = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    project = content["project"]
    modules = content["tool"]["setuptools"]["packages"]
    for name in modules:
        (place / name).symlink_to(folder / name)
    record = place / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    record.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (record / "METADATA").write_text(about, encoding="utf-8")
    (record / "top_level.txt").write_text("\n".join(modules), encoding="utf-8")
    groups = project["entry-points"].items()
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in named.items()) for group, named in groups
    )
    (record / "entry_points.txt").write_text(points, encoding="utf-8")


def uninstall(name: str, place: Path) -> None:
    """Make a package unknown again.

    Args:
        name: of the project, as it was installed.
        place: where.
    """
    (record,) = place.glob(f"{name.replace('-', '_')}-*.dist-info")
    for module in (record / "top_level.txt").read_text(encoding="utf-8").splitlines():
        (place / module).unlink()
    shutil.rmtree(record)
