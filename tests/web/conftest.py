"""A server for each file of tests, and a real browser that looks at its page."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import shipped_observatories
from tests.web.hosting import Server, serving

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A name of somebody else's that was made to point here.
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the simulated observatory with one camera, and in a hurry."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = "small"
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "readout_s": 20.0}
    document["telescopes"]["slew_deg_per_s"] *= 4
    path = tmp_path_factory.mktemp("observatory") / "small.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Iterator[Server]:
    """One server for the tests of a file."""
    with serving(tmp_path_factory.mktemp("web") / "home", small, "--speed", "20") as one:
        yield one


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Yield a headless Chromium with an empty profile."""
    found = shutil.which("chromium")
    if found is None:
        # A page that nobody has looked at is no page that works: where everything is to be tested, it fails.
        words = "the page is tested in Debian's chromium (`apt-get install chromium`), which is not here"
        pytest.fail(words) if os.environ.get("CI") == "true" else pytest.skip(words)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as tools:
        profile = tmp_path_factory.mktemp("profile")
        context = tools.chromium.launch_persistent_context(
            profile, executable_path=found, headless=True, args=list(_FLAGS), viewport={"width": 1100, "height": 900}
        )
        context.set_default_timeout(45_000)
        yield context
        context.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Yield a fresh page. A script's error or a breach of the content policy fails the test."""
    one = browser.new_page()
    errors: list[str] = []
    one.on("pageerror", lambda error: errors.append(str(error)))
    one.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield one
    one.close()
    assert errors == []
