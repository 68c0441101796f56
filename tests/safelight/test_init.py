"""`safelight init`: documents that run at once, from options or from answers, and nothing overwritten."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from safelight.commands.first_documents import LampSketch, SiteSketch, observatory_text
from safelight.devices import load_observatory
from safelight.engine.errors import RunRefused

Inside = Callable[..., Result]


def test_the_documents_are_checked_planned_and_run(inside: Inside, tmp_path: Path) -> None:
    """What is written is accepted by `check`, found by name, and brings all its frames home with lamps off."""
    told = inside(
        *("init", "site", "--name", "hill", "--lamp", "ThAr:arc:20", "--lamp", "Halogen:flat"),
        *("--spectrograph", "echelle", "--camera", "blue", "--camera", "red", "--readout", "2.5"),
    )
    assert told.exit_code == 0
    assert "safelight use site/hill.yaml" in told.stdout
    observatory = load_observatory(tmp_path / "site" / "hill.yaml")
    assert [(name, lamp.flavour, lamp.warmup_s) for name, lamp in observatory.lamps.units.items()] == [
        ("ThAr", "arc", 20.0),
        ("Halogen", "flat", 60.0),
    ]
    assert observatory.spectrographs.cameras == ("blue", "red")
    assert inside("use", "site/hill.yaml").exit_code == 0
    assert inside("check", "first-light").exit_code == 0
    assert "ThAr is OFF; simulated\n" in inside("check", "--observatory", "site/hill.yaml", "--live").stdout
    lines = inside("run", "first-light", "--speed", "max", "--json").stdout.splitlines()
    end = json.loads(lines[-1])
    assert (end["outcome"], end["frames"]) == ("done", 5)
    assert set(end["lamps"].values()) == {"off"}


def test_nothing_is_overwritten(inside: Inside, tmp_path: Path) -> None:
    """A file that is there stays as it is, and the other one is not written either."""
    assert inside("init", "--yes").exit_code == 0
    path = tmp_path / "sequences" / "first-light.yaml"
    path.write_text("mine")
    with pytest.raises(RunRefused, match=r"hilltop\.yaml exists"):
        raise inside("init", "--yes").exception or AssertionError
    with pytest.raises(RunRefused, match=r"first-light\.yaml exists"):
        raise inside("init", "--yes", "--name", "other").exception or AssertionError
    assert path.read_text() == "mine"
    assert not (tmp_path / "other.yaml").exists()


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("--name", "a b"), "name"),
        (("--lamp", "ThAr"), "NAME:arc"),
        (("--lamp", "ThAr:blue"), "NAME:arc"),
        (("--lamp", "ThAr:arc:-1"), "seconds"),
        (("--lamp", "A:arc", "--lamp", "a:flat"), "each name once"),
        (("--camera", "b", "--camera", "b"), "each name once"),
        (("--readout", "1e9"), "seconds"),
    ],
)
def test_wrong_options_write_nothing(inside: Inside, tmp_path: Path, words: tuple[str, ...], place: str) -> None:
    """The error says what was expected."""
    with pytest.raises(RunRefused, match=place):
        raise inside("init", *words).exception or AssertionError
    assert not list(tmp_path.glob("*.yaml"))


def test_words_that_yaml_reads_as_values_stay_words(tmp_path: Path) -> None:
    """A lamp `on`, a camera `off` and a spectrograph `y` are names."""
    path = tmp_path / "no.yaml"
    path.write_text(observatory_text(SiteSketch("no", (LampSketch("on", "arc", 1.0),), "y", ("off", "12"), 1.0)))
    observatory = load_observatory(path)
    assert (observatory.name, *observatory.lamps.units) == ("no", "on")
    assert (observatory.spectrographs.names, observatory.spectrographs.cameras) == (("y",), ("off", "12"))


def test_other_drivers_come_from_the_sketch(tmp_path: Path) -> None:
    """Whoever finds devices fills in drivers and options. The rest stays as it is."""
    sketch = SiteSketch("hill", (LampSketch("ThAr", "arc", 1.0),), "one", ("ccd",), 1.0)
    sketch = SiteSketch(
        **{name: getattr(sketch, name) for name in ("name", "lamps", "spectrograph", "cameras", "readout_s")},
        drivers={"lamps": "dli"},
        options={"lamps": {"host": "10.0.0.1", "outlets": {"ThAr": 1}}},
    )
    path = tmp_path / "hill.yaml"
    path.write_text(observatory_text(sketch))
    observatory = load_observatory(path)
    assert observatory.lamps.driver == "dli"
    assert observatory.lamps.options == {"host": "10.0.0.1", "outlets": {"ThAr": 1}}
    assert observatory.spectrographs.driver == "simulated"


def test_a_terminal_is_asked(environment: dict[str, str], tmp_path: Path) -> None:
    """Every question has an example. A wrong answer is asked for again."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "safelight", "init"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(terminal)
    for question, answer in (
        ("observatory", "dome one"),
        ("observatory", "dome"),
        ("Lamps", "Ne:arc:5"),
        ("spectrograph", ""),
        ("cameras", ""),
        ("readout", "3"),
    ):
        _read_until(main, question)
        os.write(main, f"{answer}\n".encode())
    assert process.wait(30) == 0
    os.close(main)
    observatory = load_observatory(tmp_path / "dome.yaml")
    assert list(observatory.lamps.units) == ["Ne"]
    assert observatory.spectrographs.readout_s == 3.0


def _read_until(terminal: int, word: str) -> None:
    told = ""
    while f"{word}" not in told or not told.endswith(": "):
        assert select.select([terminal], [], [], 30.0)[0], told
        told += os.read(terminal, 4096).decode()
