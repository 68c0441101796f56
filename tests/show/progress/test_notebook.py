"""Cells run in a real Jupyter kernel, as a notebook runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from safelight.show.progress.live_state import LiveState
from safelight.show.progress.messages import ProgressMessage
from safelight.show.progress.notebook import NotebookDisplay

SHORT = {"name": "short", "biases": {"count": 1}, "lamps": {"Quartz": {"warmup": 20, "exposure_time": 60}}}
LONG = {"name": "long", "lamps": {"Quartz": {"warmup": 20, "exposure_time": 3000}}}
_PATIENCE_S = 60
EVIL = "<img src=x onerror=alert(1)>\u202e"


class Cell:
    """What one cell has put out.

    Attributes:
        shown: media type -> content, of what the cell displayed first, as it stands after every update.
        value: the same for the cell's last value.
    """

    def __init__(self, messages: list[Mapping[str, Any]]) -> None:
        contents: dict[str, list[Any]] = {}
        for message in messages:
            contents.setdefault(message["msg_type"], []).append(message["content"])
        drawn = [*contents.get("display_data", ()), *contents.get("update_display_data", ())]
        self.drawings = [one["data"]["text/html"] for one in drawn]
        self.places = {one["transient"]["display_id"] for one in drawn}
        self.value: Mapping[str, str] = contents.get("execute_result", [{"data": {}}])[-1]["data"]
        self.printed = "".join(one["text"] for one in contents.get("stream", ()))
        self.error: str | None = contents.get("error", [{"ename": None}])[-1]["ename"]


class Kernel:
    """A kernel with a home for the simulated instrument."""

    def __init__(self, client: BlockingKernelClient, control: KernelManager, folder: Path) -> None:
        self._client, self._control = client, control
        self.folder = folder

    def run(self, code: str, look: Callable[[str, Callable[[], None]], None] = lambda html, interrupt: None) -> Cell:  # noqa: ARG005
        """Run one cell to its end. `look` is given every drawing, and what interrupts the kernel."""
        asked = self._client.execute(code)
        messages: list[Mapping[str, Any]] = []
        while True:
            message = self._client.get_iopub_msg(timeout=_PATIENCE_S)
            if message["parent_header"].get("msg_id") != asked:
                continue
            messages.append(message)
            content = message["content"]
            if content.get("execution_state") == "idle":
                return Cell(messages)
            look(content.get("data", {}).get("text/html", ""), self._control.interrupt_kernel)

    def calibrate(self, sequence: Mapping[str, Any], speed: float | str, **more: Any) -> str:
        """Return the code of a cell that calibrates, its last value the result."""
        words = "".join(f", {name}={value!r}" for name, value in more.items())
        return f"result = await calibrate({sequence!r}, speed={speed!r}, point=False, **PLACES{words})\nresult"

    def outlets(self) -> dict[str, str]:
        """Return each outlet as it stands in the switch's file."""
        text = (self.folder / "home" / "simulated" / "switch.json").read_text(encoding="utf-8")
        return {lamp: outlet["state"] for lamp, outlet in json.loads(text)["outlets"].items()}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Yield a kernel that has imported what the cells use."""
    folder = tmp_path_factory.mktemp("notebook")
    # Nothing of the user's own Jupyter is read or written.
    own = {name: str(folder / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
    control = KernelManager(connection_file=str(folder / "kernel.json"))
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    control.kernel_spec.argv = command
    control.start_kernel(cwd=str(folder), env={**os.environ, **own})
    client = control.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_PATIENCE_S)
        one = Kernel(client, control, folder)
        one.run(
            "from safelight.engine import RunResult, calibrate, look_back, plan_of, Request\n"
            "PLACES = dict(home='home', frames='frames')"
        )
        yield one
    finally:
        client.stop_channels()
        control.shutdown_kernel(now=True)


def test_a_plan_and_a_graph_show_themselves(kernel: Kernel) -> None:
    """The last value of a cell is drawn, and beside the drawing stand few words instead of thousands."""
    for code in ("plan_of(Request('normal'))", "plan_of(Request('normal')).graph"):
        shown = kernel.run(code).value
        assert shown["text/html"].startswith("<svg ")
        assert len(shown["text/plain"]) < 200


def test_calibrate_runs_in_the_kernels_own_loop(kernel: Kernel) -> None:
    """`await calibrate` draws bars and lamps in one place while it goes on. Its result and its run show themselves."""
    cell = kernel.run(kernel.calibrate(SHORT, 60))
    assert cell.error is None
    assert cell.printed.startswith("SIMULATED OBSERVATORY")
    assert len(cell.printed.splitlines()) == 1
    assert len(cell.places) == 1
    assert any("<progress " in html and "Quartz</span> lit" in html for html in cell.drawings)
    assert any("interrupt the kernel" in html for html in cell.drawings)
    assert "done: 2 of 2 frames" in cell.drawings[-1]
    assert "all 6 read back as off" in cell.drawings[-1]
    assert "<progress" not in cell.drawings[-1]
    assert cell.value["text/html"].startswith("<table")
    assert len(cell.value["text/plain"]) < 200
    seen = kernel.run("look_back(result.run, home='home')").value
    assert seen["text/html"].startswith("<svg ")
    assert "done, 2 good frames, lamps all 6 off" in seen["text/plain"]


@pytest.mark.parametrize(("asked", "shown"), [(True, True), (False, False)])
def test_progress_is_shown_as_asked_for(kernel: Kernel, asked: bool, shown: bool) -> None:  # noqa: FBT001
    """`show_progress` decides. The result is the same."""
    cell = kernel.run(kernel.calibrate({"name": "one", "biases": {"count": 1}}, "max", show_progress=asked))
    assert bool(cell.drawings) == shown
    assert "done" in cell.value["text/html"]


def test_an_interrupt_ends_with_the_lamps_off(kernel: Kernel) -> None:
    """Interrupting the kernel while a lamp is on aborts the run: lamps off first, then the cell ends. It is resumable.

    Who presses the button again and again while the lamps go off changes nothing.
    """
    pressed: list[str] = []

    def press(html: str, interrupt: Callable[[], None]) -> None:
        if "expose Quartz" in html or (pressed and len(pressed) < 4):
            assert pressed or kernel.outlets()["Quartz"] == "on"
            pressed.append(html)
            interrupt()

    cell = kernel.run(kernel.calibrate(LONG, 20), press)
    assert pressed
    assert cell.error in ("CancelledError", "KeyboardInterrupt")
    assert set(kernel.outlets().values()) == {"off"}
    assert "aborted: 0 of 1 frame" in cell.drawings[-1]
    assert "safelight resume" in cell.drawings[-1]
    told = kernel.run("run = look_back(home='home'); print(run.status, run.lamps, run.owner)").printed
    assert told.startswith("aborted {")
    assert told.count("'off'") == 6
    assert told.endswith("None\n")


def test_an_error_before_anything_is_one(kernel: Kernel) -> None:
    """A sequence with a mistake raises in the cell, and the kernel goes on."""
    cell = kernel.run(kernel.calibrate({"lamps": {"Argonn": {"exposure_time": 1}}}, "max"))
    assert cell.error is not None
    assert cell.drawings == []
    assert kernel.run("print('still here')").printed == "still here\n"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("safelight.api", "calibrate"),
        ("safelight.engine.planning.schedule", "schedule_of"),
        ("safelight.show.history.run_history", "look_back"),
    ],
)
def test_a_function_is_not_the_file_of_its_name(module: str, name: str) -> None:
    """Whatever was imported before, what `safelight.engine` gives by that name can be called."""
    code = f"import {module}\nfrom safelight.engine import RunResult, {name}\nassert callable({name})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_names_are_words_in_a_cell() -> None:
    """Markup in names, lines and alarms is shown as words."""
    shown: list[Mapping[str, str]] = []
    picture = LiveState()
    display = NotebookDisplay(picture, lambda: datetime(2026, 1, 1, tzinfo=UTC), shown.append)
    event = {"event": "run.started", "time": "2026-01-01T00:00:00+00:00", "run": EVIL, "sequence": EVIL}
    picture.hear({**event, "observatory": EVIL, "folder": EVIL, "frames_asked": 1, "total_s": 10.0})
    picture.lit[EVIL] = datetime(2026, 1, 1, tzinfo=UTC)
    display.say(ProgressMessage(EVIL, "bad", EVIL))
    display.draw()
    display.shout([EVIL])
    assert len(shown) == 2
    for bundle in shown:
        assert EVIL[:-1] in bundle["text/plain"]
        assert "\u202e" not in bundle["text/plain"] + bundle["text/html"]
        assert "<img" not in bundle["text/html"]
        assert "&lt;img src=x onerror=alert(1)&gt;" in bundle["text/html"]


def test_a_notebook_is_not_drawn_too_often() -> None:
    """Bars are drawn at every fifth look, what was said at the next one, and nothing before there is anything."""
    shown: list[Mapping[str, str]] = []
    display = NotebookDisplay(LiveState(), lambda: datetime(2026, 1, 1, tzinfo=UTC), shown.append)
    for _ in range(7):
        display.draw()
    assert shown == []
    display.say(ProgressMessage("something"))
    for _ in range(10):
        display.draw()
    assert len(shown) == 2
