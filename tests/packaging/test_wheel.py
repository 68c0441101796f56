"""What is built is whole: an environment that has never seen the clone runs, plans, draws, serves and reports."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_S = 240
GIT = shutil.which("git") or "git"


def tracked(*folders: str) -> set[str]:
    """Return the files of the repository, those included that are about to be added."""
    command = [GIT, "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


@dataclass(frozen=True)
class Built:
    """The two files that would be uploaded."""

    wheel: Path
    source: Path


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and an empty folder to work in."""

    environment: Path
    work: Path

    def run(self, *words: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a program of the environment in the empty folder."""
        program, *rest = words
        return subprocess.run(
            [self.environment / "bin" / program, *rest],
            cwd=self.work,
            env=self.variables,
            capture_output=True,
            text=True,
            check=check,
            timeout=LONGEST_S,
        )

    @property
    def variables(self) -> dict[str, str]:
        """Return the surroundings of its processes: nothing that leads to the clone."""
        left = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SAFELIGHT"))}
        return left | {"HOME": str(self.work), "SAFELIGHT_HOME": str(self.work / "home")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build both from the tracked files alone, as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    clone = tmp_path_factory.mktemp("clone") / "safelight"
    clone.mkdir()
    for name in tracked():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(clone)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Package would be ignored" not in done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    (source,) = folder.glob("*.tar.gz")
    return Built(wheel, source)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel, with the extras of a user, into an environment of its own."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    locks = ["web", "pictures"]
    subprocess.run([ROOT / "locks" / "install", sys.executable, environment, *locks], check=True, timeout=LONGEST_S)
    pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, built.wheel], check=True, timeout=LONGEST_S)
    return Installed(environment, tmp_path_factory.mktemp("work"))


def test_both_are_fit_to_be_uploaded(built: Built) -> None:
    """The check of the index where Python packages are published finds nothing to remark."""
    command = [sys.executable, "-m", "twine", "check", "--strict", str(built.wheel), str(built.source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_has_every_file_of_its_packages_and_no_other(built: Built) -> None:
    """Every tracked file of the five rooms is in the wheel, and neither tests nor documentation."""
    rooms = ("devices", "engine", "sequences", "states")
    named = tracked("safelight", *rooms)
    wanted = {name if name.startswith("safelight/") else f"safelight/{name}" for name in named}
    with zipfile.ZipFile(built.wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == wanted


def test_the_source_distribution_is_the_repository(built: Built) -> None:
    """Who packages safelight for a system finds tests, documentation, locks and Makefile in the source distribution."""
    with tarfile.open(built.source) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    left_out = {".gitignore", ".importlinter", ".ci/run"}
    assert tracked() - packed - left_out == set()


def test_what_runs_is_the_wheel(installed: Installed) -> None:
    """Nothing of the clone is imported."""
    where = installed.run(
        "python", "-c", "import safelight, safelight.engine as e; print(safelight.__file__, e.__file__)"
    )
    assert all(str(installed.environment) in path for path in where.stdout.split())


def test_a_sequence_runs_and_is_reported(installed: Installed) -> None:
    """The demo runs to its end: 2 frames on disk, all lamps off, and its report is one file."""
    done = installed.run("safelight", "run", "demo", "--speed", "max", "--frames", "frames", "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["outcome"], last["frames"]) == ("run.finished", "done", 2)
    assert set(last["lamps"].values()) == {"off"}
    assert len(list((installed.work / "frames").rglob("*.fits*"))) == 18
    installed.run("safelight", "report", last["run"], "-o", "report.html")
    assert last["run"] in (installed.work / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("plan", "normal"), r"LDLS"),
        (("check", "normal", "quick-cals"), r"quick-cals"),
        (("schema",), r'"\$schema"'),
        (("graph", "demo", "--format", "svg", "-o", "graph.svg"), r""),
        (("graph", "demo", "--format", "png", "-o", "graph.png"), r""),
    ],
    ids=["plan", "check", "schema", "svg", "png"],
)
def test_a_command_works(installed: Installed, words: tuple[str, ...], expected: str) -> None:
    """Documents, schema and pictures need nothing of the clone."""
    done = installed.run("safelight", *words)
    assert re.search(expected, done.stdout)
    if "-o" in words:
        assert (installed.work / words[-1]).stat().st_size > 1000


def test_python_calibrates(installed: Installed) -> None:
    """A script runs a sequence that it writes as a dict."""
    script = (
        "import asyncio\n"
        "from safelight.engine import calibrate\n"
        "result = asyncio.run(calibrate({'biases': {'count': 1}}, speed='max', frames='from-python'))\n"
        "print(result.outcome)\n"
    )
    assert installed.run("python", "-W", "error", "-c", script).stdout.split()[-1].lower().endswith("done")


@pytest.fixture
def page(installed: Installed) -> Iterator[str]:
    """Serve the page from the installed package. Return its address."""
    command = [installed.environment / "bin" / "safelight", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        command, cwd=installed.work, env=installed.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["address"]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(LONGEST_S)


def test_the_page_is_served(page: str) -> None:
    """The page, its scripts and its styles come with the package."""
    where = urlsplit(page)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=LONGEST_S)

    def fetched(path: str) -> str:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read().decode()
        assert (answer.status, bool(content)) == (200, True), path
        return content

    links = re.findall(r'(?:src|href)="([^":#]+\.(?:js|css|svg))"', fetched("/"))
    assert len(links) >= 3
    for link in links:
        fetched(f"/{link.lstrip('/')}")
    connection.close()
