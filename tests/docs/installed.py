"""What `pip install -e FOLDER` would leave behind.

pip itself would fetch what builds the package, and change the environment in which the tests run.
"""

import tomllib
from pathlib import Path

__all__ = ["install"]


def install(folder: Path, place: Path) -> None:
    """Make a package's modules and entry points known.

    Args:
        folder: the package, with its `pyproject.toml`.
        place: a folder on the path of Python.
    """
    content = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    project = content["project"]
    for name in content["tool"]["setuptools"]["packages"]:
        (place / name).symlink_to(folder / name)
    record = place / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    record.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (record / "METADATA").write_text(about, encoding="utf-8")
    groups = project["entry-points"].items()
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in named.items()) for group, named in groups
    )
    (record / "entry_points.txt").write_text(points, encoding="utf-8")
