"""The whole observatory on one machine: simulated hardware, a broker of our own, unmodified actors between them."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safelight.devices import DeviceError, Observatory, load_observatory, open_devices
from safelight.devices.clu.link import Broker, Link
from safelight.engine.clock import Clock
from tests.devices.clu.broker import RabbitNode, on_a_leash, stop_group
from tests.devices.clu.ccd import Archon
from tests.devices.clu.hardware import Mask, Motor, Plc, Pwi4, Wago
from tests.devices.dli.dli_server import DliServer
from tests.devices.dli.hosting import Host, Listener
from tests.warm_commands import WarmCommands

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[2] / ".venv-actors"
SPECTROGRAPHS = ("sp1", "sp2", "sp3")
TELESCOPES = ("sci", "spec", "skye", "skyw")
NAMES = {
    "nps": ("lvmnps.calib",),
    "ieb": tuple(f"lvmieb.{name}" for name in SPECTROGRAPHS),
    "scp": tuple(f"lvmscp.{name}" for name in SPECTROGRAPHS),
    "pwi": (*(f"lvm.{name}.pwi" for name in TELESCOPES), "lvmecp"),
    "tan": ("lvm.spec.fibsel",),
}
"""Process -> the actors in it."""

_TIMEOUTS = {
    "controller_connect": 60, "write_config_timeout": 2, "write_config_delay": 0.0001, "expose_timeout": 2,
    "readout_expected": 40, "readout_max": 60, "fetching_expected": 5, "fetching_max": 10, "flushing": 4.7,
}  # fmt: skip
"""Those of lvmscp, but for the first: on a busy machine it would come up without its detectors after 5 s."""

ACTORS = tuple(NAMES)

_TRIES = 30
"""How often it is tried to leave the detectors idle."""


@dataclass
class Hardware:
    """All simulated hardware. Attributes are the truth."""

    switch: DliServer = field(default_factory=DliServer)
    telescopes: dict[str, Pwi4] = field(default_factory=lambda: {name: Pwi4() for name in TELESCOPES})
    shutters: dict[str, Motor] = field(default_factory=lambda: {name: Motor() for name in SPECTROGRAPHS})
    doors: dict[str, tuple[Motor, Motor]] = field(
        default_factory=lambda: {name: (Motor(open=True, inverted=True), Motor(open=True)) for name in SPECTROGRAPHS}
    )
    wagos: dict[str, Wago] = field(default_factory=lambda: {name: Wago() for name in SPECTROGRAPHS})
    archons: dict[str, Archon] = field(default_factory=lambda: {name: Archon() for name in SPECTROGRAPHS})
    mask: Mask = field(default_factory=Mask)
    plc: Plc = field(default_factory=Plc)

    @property
    def _parts(self) -> list[Listener]:
        doors = [door for pair in self.doors.values() for door in pair]
        return [
            self.switch, *self.telescopes.values(), *self.shutters.values(), *doors,
            *self.wagos.values(), *self.archons.values(), self.mask, self.plc,
        ]  # fmt: skip

    async def start(self) -> None:
        """Put everything on the network."""
        for part in self._parts:
            await part.start()

    async def stop(self) -> None:
        """Take everything off the network."""
        for part in self._parts:
            await part.stop()

    def heal(self) -> None:
        """Lamps off, shutters closed, doors open, the mask at its reference, nothing stuck, remote mode."""
        self.switch.heal()
        for shutter in self.shutters.values():
            shutter.stuck, shutter.silent, shutter.open = False, False, False
            shutter.moves.clear()
        for telescope in self.telescopes.values():
            telescope.park()
        for door in (door for pair in self.doors.values() for door in pair):
            door.stuck, door.open = False, True
        for archon in self.archons.values():
            archon.late_s = 0.0
        for wago in self.wagos.values():
            wago.coils = dict(Wago().coils)
        self.mask.heal()
        self.plc.labels = Plc().labels


class Bench:
    """Hardware, broker and actors. Made once, and healed between tests."""

    def __init__(self, folder: Path, template: str = "sdR-{hemisphere}-{ccd}-{exposure_no:08d}.fits.gz") -> None:
        self.folder = folder
        self.data = folder / "spectro"
        self.data.mkdir(parents=True)
        (self.data / "nextExposureNumber").write_text("1")
        self.template = template
        self.host = Host()
        self.hardware = Hardware()
        self.broker = RabbitNode(folder / "rabbit")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: WarmCommands | None = None
        self._cleared = 0
        try:
            self.host.call(self.hardware.start())
            self.broker.start()
            self.start_actors(ACTORS)
        except BaseException:
            self.close()
            raise

    @property
    def program(self) -> Path:
        """Program `safelight` that starts quickly. Its guards start as those of any run."""
        if self._commands is None:
            folder = self.folder / "commands"
            folder.mkdir()
            self._commands = WarmCommands(folder, modules=["safelight.devices.clu"], warm_guards=False)
        return self._commands.program

    def close(self) -> None:
        """End everything, each by its own process id."""
        if self._commands is not None:
            self._commands.close()
        for name in list(self._processes):
            self.kill_actors(name)
        self.broker.close()
        self.host.call(self.hardware.stop())
        self.host.close()

    def start_actors(self, names: Iterable[str]) -> None:
        """Start processes with actors, and wait until their actors listen."""
        started = [self._start(name) for name in names]
        deadline = time.monotonic() + 240  # noqa: TID251 - real programs take real time
        for name, ready in started:
            while not ready.exists():
                if self._processes[name].poll() is not None or time.monotonic() > deadline:  # noqa: TID251
                    raise RuntimeError(f"{name}: {(self.folder / f'{name}.log').read_text()[-3000:]}")
                time.sleep(0.1)  # noqa: TID251

    def kill_actors(self, name: str) -> None:
        """Kill one process with its actors."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        assert process.stdin is not None
        process.stdin.close()

    def freeze(self, name: str) -> None:
        """Stop the time of one process with actors."""
        stop_group(self._processes[name].pid)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        os.killpg(self._processes[name].pid, signal.SIGCONT)

    def heal(self) -> None:
        """Make everything as it was at the beginning: broker up, actors running, lamps off, shutters closed."""
        self.hardware.heal()
        self.revive()
        # An actor may still wait for what an earlier test did to its switch.
        self._wait_for_actors({"lvmnps.calib": "nps"}, "status")
        self.revive()
        integrations = sum(archon.integrations for archon in self.hardware.archons.values())
        if integrations != self._cleared:
            self._cleared = integrations
            asyncio.run(self._clear())

    async def _clear(self) -> None:
        """End what an earlier test has left in the detectors: a run would wait for it as somebody else's exposure."""
        clock = Clock()
        devices = open_devices(self.observatory(), clock=clock, home=self.folder / "operator")
        try:
            for _ in range(_TRIES):
                # A readout can't be aborted: it comes to its end.
                with suppress(DeviceError):
                    if all(seen.activity == "idle" for seen in (await devices.spectrographs.status()).values()):
                        return
                    await devices.spectrographs.abort()
                await clock.sleep(1.0)
        finally:
            await devices.close()

    def revive(self) -> None:
        """Broker up and all actors running, as an observatory's operators would see to. Nothing else is touched."""
        if not self.broker.up:
            self.broker.start()
            self._wait_for_actors({what: name for name in self._processes for what in NAMES[name]}, "ping")
        self.start_actors([name for name in ACTORS if name not in self._processes])

    def _wait_for_actors(self, wanted: dict[str, str], verb: str) -> None:
        """Wait until these actors answer. Those that don't are killed."""
        deadline = time.monotonic() + 20  # noqa: TID251 - real programs take real time
        while wanted := {what: name for what, name in wanted.items() if not asyncio.run(self._answers(what, verb))}:
            if time.monotonic() > deadline:  # noqa: TID251
                for name in set(wanted.values()):
                    self.kill_actors(name)
                return
            time.sleep(0.2)  # noqa: TID251

    async def _answers(self, actor: str, verb: str) -> bool:
        link = Link(Broker(host="127.0.0.1", port=self.broker.port), Clock())
        try:
            await link.ask(actor, verb, device="bench", deadline_s=2.0)
        except DeviceError:
            return False
        finally:
            await link.close()
        return True

    def _start(self, name: str) -> tuple[str, Path]:
        config = self.folder / f"{name}.json"
        config.write_text(json.dumps(getattr(self, f"_{name}")()))
        ready = config.with_suffix(".ready")
        ready.unlink(missing_ok=True)
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                on_a_leash([str(ENVIRONMENT / "bin" / "python"), str(HERE / "run_actors.py"), str(config)]),
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": str(self.folder),
                    "OBSERVATORY": "LCO",
                    "TMPDIR": str(self.folder),
                },
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )
        return name, ready

    # ---- what each actor is told

    def _actor(self, name: str) -> dict[str, Any]:
        return {"name": name, "host": "127.0.0.1", "port": self.broker.port}

    def _nps(self) -> list[Any]:
        switch = self.hardware.switch
        login = {"host": "127.0.0.1", "port": switch.port, "user": switch.user, "password": switch.password}
        nps = {"type": "dli", "init_parameters": login}
        return [["lvmnps", {"actor": self._actor("lvmnps.calib"), "nps": nps}]]

    def _ieb(self) -> list[Any]:
        from_file = ENVIRONMENT.glob("lib/python3*/site-packages/lvmieb/etc/schema.json")
        schema = str(next(iter(from_file)))
        return [["lvmieb", self._ieb_of(name) | {"actor": {**self._actor(f"lvmieb.{name}"), "schema": schema}}]
                for name in SPECTROGRAPHS]  # fmt: skip

    def _ieb_of(self, name: str) -> dict[str, Any]:
        left, right = self.hardware.doors[name]
        motors = {"shutter": self.hardware.shutters[name], "hartmann_left": left, "hartmann_right": right}
        relays = {"shutter": (512, "NC"), "hartmann_left": (514, "NO"), "hartmann_right": (515, "NO")}
        return {
            "enabled_specs": [name],
            "specs": {
                name: {
                    "wago": {"address": "127.0.0.1", "port": self.hardware.wagos[name].port},
                    "motor_controllers": {
                        what: {"host": "127.0.0.1", "port": motor.port} for what, motor in motors.items()
                    },
                    "pressure": {},
                }
            },
            "wago_modules": {
                "DO": {
                    "model": "750-530",
                    "mode": "coil",
                    "channels": 8,
                    "devices": {
                        what: {"address": place, "type": "relay", "category": "relays", "relay_type": sort}
                        for what, (place, sort) in relays.items()
                    },
                }
            },
        }

    def _scp(self) -> list[Any]:
        return [["lvmscp", self._scp_of(name)] for name in SPECTROGRAPHS]

    def _scp_of(self, name: str) -> dict[str, Any]:
        cameras = [f"{camera}{name[-1]}" for camera in "rbz"]
        detector = {"serial": "none", "taps": 4, "gain": [2.7] * 4, "readnoise": [3.0] * 4, "type": "STA4850"}
        controller = {
            "host": "127.0.0.1",
            "port": self.hardware.archons[name].port,
            "lvmieb": f"lvmieb.{name}",
            "detectors": dict.fromkeys(cameras, detector),
        }
        return {
            "enabled_controllers": [name],
            "controllers": {name: controller},
            "lvmnps": "lvmnps.calib",
            "timeouts": _TIMEOUTS,
            "files": {"data_dir": str(self.data), "template": self.template, "write_engine": "astropy"},
            "actor": {**self._actor(f"lvmscp.{name}"), "schema": "etc/schema.json"},
        }

    def _pwi(self) -> list[Any]:
        actors: list[Any] = [
            ["lvmpwi", {"actor": self._actor(f"lvm.{name}.pwi"), "pwi4_port": telescope.port}]
            for name, telescope in self.hardware.telescopes.items()
        ]
        return [*actors, ["enclosure", {**self._actor("lvmecp"), "plc_port": self.hardware.plc.port}]]

    def _tan(self) -> list[Any]:
        connection = {"host": "127.0.0.1", "port": self.broker.port}
        worker = {"name": "lvm.spec.fibsel", "connection": connection}
        return [["lvmtan", {"motor_port": self.hardware.mask.port, "worker": worker}]]

    # ---- what we are told

    def observatory(
        self,
        *,
        second_path: bool = True,
        deadline_s: float = 5.2,
        steps_per_s: float = 15000.0,
        lease_s: float | None = None,
        **changes: Any,
    ) -> Observatory:
        """Return the shipped document `lvm`, with the addresses of this bench and times that suit its hardware."""
        plain = load_observatory("lvm").model_dump(mode="json")
        broker = {"host": "127.0.0.1", "port": self.broker.port, "deadline_s": deadline_s}
        for part in ("telescopes", "lamps", "spectrographs", "fibsel"):
            plain[part]["options"]["broker"] = broker
        switch = self.hardware.switch
        login = {"host": "127.0.0.1", "port": switch.port, "user": switch.user, "password": switch.password}
        plain["lamps"]["second_path"] = {"driver": "dli", "options": login} if second_path else None
        plain["spectrographs"]["options"]["data_root"] = str(self.data)
        plain["spectrographs"]["readout_s"] = 6.0
        plain["telescopes"]["slew_deg_per_s"] = 30.0
        plain["telescopes"]["settle_s"] = 1.0
        plain["fibsel"]["steps_per_s"] = steps_per_s
        # lvmtan looks whether a motion has ended after 0.1 s, and then every 0.3 s.
        plain["fibsel"]["settle_s"] = 0.4
        for unit in plain["lamps"]["units"].values():
            unit["warmup_s"] = 1.0
            unit["longest_on_s"] = lease_s or unit["longest_on_s"]
        plain["name"] = "lvm-bench"
        return Observatory.model_validate(plain | changes)
