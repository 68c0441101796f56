"""Hold the drivers of the documentation to the contract with an installed wheel: `outside_the_clone.py WHEEL`.

Makes a fresh environment in a temporary folder, installs the wheel and pytest into it, writes the two packages of
docs/how-to/write-a-driver.md beside it, and runs their tests there. Exits with the code of pytest.
"""

import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.docs.blocks import DOCS, blocks_of  # noqa: E402 - found by the line above
from tests.docs.installed import install  # noqa: E402

PAGE = DOCS / "how-to" / "write-a-driver.md"
PACKAGES = ("relays", "camera")
WHERE = "import pathlib, safelight.testing as t; print(pathlib.Path(t.__file__).parent)"


def environment(folder: Path, wheel: Path) -> Path:
    """Make an environment with the wheel and pytest in it. Return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel), "pytest"]
    subprocess.run([python, *words], check=True)
    return python


def main(wheel: Path) -> int:
    """Try it. Return the exit code."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = environment(folder / "environment", wheel)
        for block in blocks_of(PAGE):
            if block.marks.get("file", "").startswith(PACKAGES):
                path = folder / block.marks["file"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
        ran = subprocess.run([python, "-c", WHERE], cwd=folder, check=True, capture_output=True, text=True)
        installed = Path(ran.stdout.strip())
        assert installed.is_relative_to(folder), f"safelight.testing is taken from {installed}, not from the wheel"
        assert (installed / "py.typed").exists(), "the wheel's safelight.testing has no py.typed"
        for package in PACKAGES:
            install(folder / package, installed.parents[1])
        return subprocess.run([python, "-m", "pytest", "-q", *PACKAGES], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
