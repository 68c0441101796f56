"""`alpaca-simulators`, made by somebody else: switch, light panel, camera and telescope in a process of its own."""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.devices.clu.broker import on_a_leash
from tests.matrix.wall import now, pause

LAMPS = ("ThAr", "Tungsten")
_START_S = 120.0


def missing() -> str | None:
    """Why the simulators can't be run here, or None if they can."""
    if find_spec("alpaca_simulators") is None or _program() is None:
        return "alpaca-simulators is not installed (pip install alpaca-simulators)"
    return None


def _program() -> str | None:
    return shutil.which("alpaca-simulators", path=str(Path(sys.executable).parent)) or shutil.which("alpaca-simulators")


@dataclass(frozen=True)
class Simulators:
    """The running server."""

    port: int

    def ask(self, path: str) -> Any:
        """Ask for a property, past safelight."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=90.0, trust_env=False)
        return answer.json().get("Value")

    def lit(self) -> set[str]:
        """Return what is on."""
        lit = {name for place, name in enumerate(LAMPS) if self.ask(f"switch/0/getswitchvalue?Id={place}")}
        return lit | ({"Panel"} if self.ask("covercalibrator/0/calibratorstate") == 3 else set())

    def places(self) -> tuple[float, int]:
        """Return the value of the mirror, and the slot of the filter wheel."""
        mirror = self.ask(f"switch/0/getswitchvalue?Id={len(LAMPS)}")
        return float(mirror), int(self.ask("filterwheel/0/position"))

    def observatory(self, shipped: Mapping[str, Any], **times: Any) -> dict[str, Any]:
        """Return the shipped document with this server in it, and quick times."""
        text = yaml.safe_dump(dict(shipped)).replace("127.0.0.1:11111", f"127.0.0.1:{self.port}")
        plain: dict[str, Any] = yaml.safe_load(text)
        return plain | times


@contextmanager
def simulators(folder: Path) -> Iterator[Simulators]:
    """Run the simulators on a free port. Their camera needs no star catalogue."""
    import alpaca_simulators  # noqa: PLC0415 - it may be missing

    config = yaml.safe_load((Path(alpaca_simulators.__file__).parent / "config" / "template.yaml").read_text())
    devices = config["devices"]
    element = {"description": "x", "canwrite": True, "canasync": False, "value": False}
    limits = {"minimum": 0.0, "maximum": 1.0, "step": 1.0}
    names = [*LAMPS, "mirror", "mirror is in"]
    devices["switch"][0]["switches"] = {
        place: {"name": name, **element, **limits, "canwrite": name != names[-1]} for place, name in enumerate(names)
    }
    devices["switch"][0]["maxswitch"] = len(names)
    devices["covercalibrator"][0]["calibratorstate"] = 1
    devices["camera"][0] |= {"cameraxsize": 64, "cameraysize": 48, "numx": 64, "numy": 48}
    stars = folder / "stars.sqlite"
    with closing(sqlite3.connect(stars)) as catalogue, catalogue:  # noqa: TID251 - not a journal
        catalogue.execute("create table gaia_sources(ra real, dec real, pmra real, pmdec real, phot_g_mean_mag real)")
    config["tap_source"] = str(stars)
    path, log = folder / "bench.yaml", folder / "simulators.log"
    path.write_text(yaml.safe_dump(config))
    program = _program()
    assert program is not None
    command = [program, "--host", "127.0.0.1", "--port", "0", "--config", str(path)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            on_a_leash(command), stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield Simulators(_port(log))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _port(log: Path) -> int:
    end = now() + _START_S
    while now() < end:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
        if found:
            return int(found[1])
        pause(0.1)
    raise AssertionError(log.read_text(errors="replace"))
