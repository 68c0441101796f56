"""Photographs the web page and a report in a headless Chromium, from runs on the simulated observatory.

python docs/make-screenshots.py [FOLDER]

They go into docs/pictures/. Each is taken at the same moment of the same run, with nothing that moves; only the times
of the day and a run's four random letters differ from one making to the next. It needs Debian's `chromium` and what
`.[dev]` installs.
"""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from safelight.devices.simulated.faults import Fault
from safelight.engine import Request, look_back, perform
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.show.report import report_on

FAULTS = (
    Fault(device="spectrographs.sp1", verb="read_out", nth=2, what="error"),
    Fault(device="spectrographs.sp2", verb="expose", nth=4, what="error", times=9),
)
_SPEED = "20"
_PATIENCE_MS = 900_000
_PHONE = {"width": 390, "height": 844}
_DESK = {"width": 1000, "height": 900}


def main(folder: Path) -> None:
    """Make them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        html = _reported(Path(place))
        with sync_playwright() as tools:
            browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            _of_report(browser, html, folder)
            with _served(Path(place)) as (server, told):
                _of_page(browser, server, told, folder)
            browser.close()


def _of_page(browser: Any, server: "subprocess.Popen[str]", told: dict[str, str], folder: Path) -> None:
    """A run with a lamp lit, on a desk and on a phone; then the server is killed under the page."""
    # Nothing breathes; the cover that a page draws over itself when it hangs stays away while it does not.
    page, phone, dark = (
        _opened(browser, viewport=size, color_scheme=scheme, reduced_motion="reduce")
        for size, scheme in ((_DESK, "light"), (_PHONE, "dark"), (_DESK, "dark"))
    )
    page.goto(f"{told['address']}#token={told['token']}")
    page.wait_for_selector("#lamps li[data-state=off] >> nth=5")
    page.select_option("#library", "normal")
    page.click("#start")
    phone.goto(told["address"])
    dark.goto(told["address"])
    page.wait_for_selector(".active .what:has-text('expose Quartz-270s-001')")
    page.wait_for_selector(".active .what:has-text('light P1-7')")
    page.wait_for_selector("#frame-name:has-text('LDLS-90s-001')")
    _photograph(phone, folder / "web-phone.webp", _PHONE["height"])
    _photograph(page, folder / "web-run.webp", _bottom(page, "#run-part"))
    server.kill()
    dark.wait_for_selector("#banner:has-text('NO CONNECTION')")
    dark.wait_for_timeout(12_000)
    _photograph(dark, folder / "web-stale.webp", _bottom(dark, "#top", -8))


def _of_report(browser: Any, html: str, folder: Path) -> None:
    """What a report tells of troubles and frames."""
    page = _opened(browser, viewport={**_DESK, "height": 9000}, color_scheme="light")
    page.set_content(html)
    first = page.locator("section:has(h2:text('Retries'))").bounding_box()
    last = page.locator(".cards").bounding_box()
    clip = {"x": 0, "y": first["y"], "width": _DESK["width"], "height": last["y"] + last["height"] + 4 - first["y"]}
    _shoot(page, folder / "report.webp", clip)


def _opened(browser: Any, **options: Any) -> Any:
    """A page that waits for a busy machine."""
    page = browser.new_page(**options)
    page.set_default_timeout(_PATIENCE_MS)
    return page


def _bottom(page: Any, selector: str, margin: int = 12) -> int:
    """Where a part of the page ends, px, with a margin."""
    box = page.locator(selector).first.bounding_box()
    return round(box["y"] + box["height"]) + margin


def _photograph(page: Any, path: Path, height: int) -> None:
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    _shoot(page, path, {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height})


def _shoot(page: Any, path: Path, clip: dict[str, float]) -> None:
    """As WebP, a third of the size of a PNG; only the browser's own language can ask for that."""
    asked = {"format": "webp", "quality": 88, "clip": {**clip, "scale": 1}, "captureBeyondViewport": True}
    answer = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def _served(place: Path) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """A server in a home of its own; what it has started is ended with it."""
    # The user's own state folder, so that no command on the page has to name it.
    environment = {name: value for name, value in os.environ.items() if name != "SAFELIGHT_HOME"}
    environment["XDG_STATE_HOME"] = str(place / "state")
    words = ["serve", "--port", "0", "--json", "--frames", str(place / "frames"), "--speed", _SPEED]
    safelight = [sys.executable, "-m", "safelight"]
    server = subprocess.Popen([*safelight, *words], stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603
    try:
        assert server.stdout is not None  # noqa: S101 - it was asked for
        yield server, json.loads(server.stdout.readline())
    finally:
        server.send_signal(signal.SIGKILL)
        server.communicate()
        subprocess.run([*safelight, "abort"], check=False, capture_output=True, env=environment)  # noqa: S603


def _reported(place: Path) -> str:
    """A run that meets faults and is resumed to its end, explained."""
    home = place / "home"
    request = Request("quick-cals", home=home, frames=place / "frames", speed="max", faults=FAULTS)
    run = asyncio.run(perform(request)).run
    asyncio.run(resume(ResumeRequest(run=run, home=home, speed="max")))
    # Where the picture was made is nobody's concern.
    return report_on(look_back(run, home=home)).replace(str(place), "~")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
