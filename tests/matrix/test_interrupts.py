"""Interrupts, hammered: in every state, while the lamps are being switched off, before the run exists, from Python."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.matrix.bench import ADOPTED, SEQUENCES, observatory_of
from tests.matrix.commands import Commands, Home
from tests.matrix.rows import ROWS, Row
from tests.matrix.signal_cells import faults_on_the_way
from tests.matrix.wall import now, pause

TIMES = 20
LONGEST_S = 60.0


@pytest.mark.parametrize("row", [row for row in ROWS if row.name != "adopt"], ids=lambda row: row.name)
def test_hammered_in_every_state(row: Row, observatory: Path, tmp_path: Path, commands: Commands) -> None:
    """20 Ctrl-Cs within a second, mixed with SIGTERM and SIGHUP, whatever goes on: lamps off, exit code 4."""
    site = observatory_of(row.sequence, observatory)
    home = Home.make(tmp_path, site, SEQUENCES[row.sequence], faults_on_the_way(row))
    command = commands.start(home, *home.run_words(row.speed))
    if row.before is not None:
        assert command.until_state(row.before)
        command.send(signal.SIGINT)
    assert command.until_state(row.state)
    for number in range(TIMES):
        command.send((signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[number % 4])
        pause(0.9 / TIMES)
    assert command.end() == 4
    assert command.last is not None
    assert command.last["outcome"] == "aborted"
    assert set(command.last["lamps"].values()) == {"off"}
    assert set(home.lamps().values()) == {"off"}


HAMMERED = """\
import os, random, signal, sys, threading, time
from safelight import __main__, signals
dice = random.Random(int(sys.argv[1]))
def hammer():
    for _ in range(20):
        os.kill(os.getpid(), dice.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
        time.sleep(dice.uniform(0, 0.1))
watch = signals.Stops.watch
def watch_and_hammer(self):
    watch(self)
    threading.Timer(dice.uniform(0, 1.5), hammer).start()
signals.Stops.watch = watch_and_hammer
sys.argv = ["safelight", *sys.argv[2:]]
__main__.main()
"""


@pytest.mark.parametrize("seed", range(8))
def test_hammered_from_the_start(observatory: Path, tmp_path: Path, seed: int) -> None:
    """Signals that begin at a random moment of the start-up, before the run exists or right after: code 4, all dark."""
    home = Home.make(tmp_path, observatory, ADOPTED)
    words = (str(seed), *home.run_words(20))
    done = subprocess.run(
        [sys.executable, "-c", HAMMERED, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
        env=os.environ | {"SAFELIGHT_HOME": str(home.path)},
        cwd=tmp_path,
    )
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert home.burning() == []


FROM_PYTHON = """\
import asyncio, sys
from safelight.engine import calibrate
async def go():
    await calibrate(sys.argv[1], observatory=sys.argv[2], home=sys.argv[3], frames=sys.argv[4], speed=50,
                    show_progress=False)
asyncio.run(go())
"""


@pytest.mark.parametrize("seed", range(3))
def test_hammered_in_python(observatory: Path, tmp_path: Path, seed: int) -> None:
    """A script that calls `calibrate` and gets 20 Ctrl-Cs while a lamp is on: asyncio gives up, the lamps go off."""
    document = {"lamps": {"Neon": {"warmup": 1000, "exposure_time": 1000}}}
    home = Home.make(tmp_path, observatory, document)
    dice = random.Random(seed)  # noqa: S311 - reproducible, no secret
    places = (tmp_path / "sequence.yaml", observatory, home.path, home.frames)
    command = [sys.executable, "-c", FROM_PYTHON, *map(str, places)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        began = now()
        while not home.burning():
            assert now() - began < LONGEST_S
            assert process.poll() is None
            pause(0.01)
        for _ in range(TIMES):
            process.send_signal(signal.SIGINT)
            pause(dice.uniform(0, 0.05))
        assert home.seconds_until_dark() < 5
        assert process.wait(LONGEST_S) != 0
    assert home.seconds_until_dark() < 1
