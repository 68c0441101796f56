"""Every release of gort is imported as it is published; `make soak`, as it takes them from the package index."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from safelight.cli import app

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
SEQUENCES_UNTIL = (1, 0)
"""Later ones take theirs from programs of gort, and have parameters of one at the most."""


def releases() -> list[str]:
    """Return the versions that are published."""
    told = subprocess.run([*PIP, "index", "versions", "lvmgort"], capture_output=True, text=True, check=True).stdout
    return told.partition("Available versions:")[2].splitlines()[0].replace(" ", "").split(",")


def configuration(version: str, folder: Path) -> Path:
    """Return the file of a release's wheel."""
    words = ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:", f"lvmgort=={version}"]
    subprocess.run([*PIP, "download", "--quiet", *words, "--dest", str(folder)], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("etc/lvmgort.yml"))
        return Path(archive.extract(name, folder))


@pytest.mark.soak
def test_every_release_is_imported(tmp_path: Path) -> None:
    """Observatory and sequences load, and of each part that is left out the reason is told."""
    versions = releases()
    assert len(versions) > 50
    for version in versions:
        folder = tmp_path / version
        folder.mkdir()
        out, sequences = folder / "o.yaml", folder / "sequences"
        words = ["import-gort", str(configuration(version, folder)), "-o", str(out), "--sequences", str(sequences)]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (version, result.output)
        left_out = [line for line in result.stderr.splitlines() if line.startswith("left out: ")]
        assert left_out, version
        assert all(line.endswith(")") and " (" in line for line in left_out), version
        written = [*sequences.glob("*.yaml")]
        assert written or tuple(map(int, version.split(".")[:2])) >= SEQUENCES_UNTIL, version
        for words in (["check"], *(["check", str(path)] for path in written)):
            checked = CliRunner().invoke(app, [*words, "--observatory", str(out)])
            assert checked.exit_code == 0, (version, checked.output)
