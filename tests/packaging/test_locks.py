"""Locks name a version and hashes for everything that is installed, and nothing of the machine that wrote them."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
PYTHONS = ("3.11.2", "3.12.3", "3.13.5", "3.14.0")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


@cache
def pinned(lock: Path) -> tuple[tuple[Requirement, int], ...]:
    """Return the requirements of a lock, each with its number of hashes."""
    text = re.sub(r"\\\n", " ", lock.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return tuple((Requirement(line.partition("--hash")[0].strip()), line.count("--hash=sha256:")) for line in lines)


def environment(python: str) -> dict[str, str]:
    """Return the markers of a Linux machine with this Python."""
    return {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "extra": "",
    }


def versions(lock: Path, python: str) -> dict[str, set[str]]:
    """Return what a lock installs with this Python, by canonical name."""
    versions: dict[str, set[str]] = {}
    for requirement, _hashes in pinned(lock):
        if requirement.marker is None or requirement.marker.evaluate(environment(python)):
            (exact,) = requirement.specifier
            versions.setdefault(canonicalize_name(requirement.name), set()).add(exact.version)
    return versions


def declared(extra: str) -> Iterator[Requirement]:
    """Return the direct dependencies of the project with one of its extras."""
    for text in [*PROJECT["dependencies"], *EXTRAS.get(extra, [])]:
        requirement = Requirement(text)
        if requirement.name == "safelight":
            for inner in sorted(requirement.extras):
                yield from declared(inner)
        else:
            yield requirement


def test_there_is_a_lock_for_every_extra_and_environment() -> None:
    """The core, each extra, what builds, the installer and the actors have a lock of their own."""
    assert {lock.stem for lock in LOCKS} == {"core", "build", "installer", "actors", *EXTRAS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_file_that_is_installed_is_pinned(lock: Path) -> None:
    """Each requirement is one exact version with at least one hash."""
    assert pinned(lock)
    for requirement, hashes in pinned(lock):
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert requirement.url is None
        assert hashes > 0, requirement


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["core", *EXTRAS])
def test_a_lock_meets_the_ranges_of_the_project(name: str, python: str) -> None:
    """With every supported Python, each direct dependency has one version, and the project's range allows it."""
    installed = versions(ROOT / "locks" / f"{name}.txt", python)
    for requirement in declared(name):
        if requirement.marker is not None and not requirement.marker.evaluate(environment(python)):
            continue
        found = installed.get(canonicalize_name(requirement.name), set())
        assert len(found) == 1, (requirement.name, found)
        assert requirement.specifier.contains(next(iter(found)), prereleases=True), (requirement, found)


@pytest.mark.parametrize("python", PYTHONS)
def test_locks_agree_with_each_other(python: str) -> None:
    """What is tested (the lock `dev`) is what users of any extra get."""
    tested = versions(ROOT / "locks" / "dev.txt", python)
    for lock in LOCKS:
        if lock.stem not in {"actors", "installer"}:
            shared = tested.keys() & versions(lock, python).keys()
            differing = {name for name in shared if versions(lock, python)[name] != tested[name]}
            assert not differing, lock.stem


def test_no_address_and_no_path_of_a_machine_is_tracked() -> None:
    """Locks hold no address at all, and no tracked file an index of packages or a home of the machine that wrote it."""
    for lock in LOCKS:
        assert not re.search(r"://|--index|--find-links|^/", lock.read_text(encoding="utf-8"), re.MULTILINE)
    hosts = r"pypi\.o[r]g|pythonhosted\.o[r]g|deb\.debian\.o[r]g|registry\.npmj[s]"
    found = subprocess.run(
        [shutil.which("git") or "git", "grep", "-nIE", hosts, "--", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1, found.stdout
