"""The Digital Loggers switch: what is on the wire, what is read back, and every way in which it fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import DeviceDisconnected, DeviceFailed, DeviceUnknown, ObservatoryError
from tests.devices.dli.conftest import lamps_on
from tests.devices.dli.dli_server import DliServer
from tests.devices.dli.hosting import Host

Run = Callable[[Any], Any]


def test_on_off_and_read_back(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """A lamp is switched at its own outlet, and read back from the relay."""

    async def scene() -> None:
        async with lamps_on(switch, tmp_path) as lamps:
            await lamps.on("LDLS")
            assert switch.lit() == {"LDLS"}
            assert (await lamps.status())["LDLS"] == "on"
            await lamps.off("LDLS")
            assert switch.lit() == set()
            assert set((await lamps.status()).values()) == {"off"}

    run(scene())
    assert switch.switched == [("LDLS", True), ("LDLS", False)]


def test_all_off_spares_what_is_no_lamp(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """All-off is one request for all lamps, and leaves the other outlets of the switch alone."""
    for outlet in switch.outlets:
        outlet.relay = outlet.state = True

    async def scene() -> None:
        async with lamps_on(switch, tmp_path) as lamps:
            await lamps.all_off()

    run(scene())
    assert switch.lit() == {"Fan", "Spare"}
    assert [request.path for request in switch.requests if request.method == "PUT"] == [
        "/restapi/relay/outlets/=0,1,2,3,4,5/state/"
    ]


def test_outlets_by_other_name_and_by_number(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """The document may say which outlet a lamp is on: by the outlet's name, or by its number from 1."""

    async def scene() -> None:
        async with lamps_on(switch, tmp_path, outlets={"Argon": "spare", "Neon": 7}) as lamps:
            await lamps.on("Argon")
            await lamps.on("Neon")

    run(scene())
    assert switch.lit() == {"Spare", "Fan"}


def test_done_that_is_not_done(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """A relay that does not move although the switch says so is read back as it is."""
    switch.stuck.add("Argon")

    async def scene() -> None:
        async with lamps_on(switch, tmp_path) as lamps:
            await lamps.on("Argon")
            assert (await lamps.status())["Argon"] == "off"

    run(scene())


def test_undecided_is_unknown(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """Where what was asked and what the relay does differ, the lamp is unknown, never off."""
    switch.outlets[0].state = True

    async def scene() -> None:
        async with lamps_on(switch, tmp_path) as lamps:
            assert (await lamps.status())["Argon"] == "unknown"

    run(scene())


def test_renamed_outlet(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """A lamp whose outlet was renamed is unknown, and is not lit somewhere else."""
    switch.outlets[0].name = "Coffee"

    async def scene() -> None:
        async with lamps_on(switch, tmp_path) as lamps:
            assert (await lamps.status())["Argon"] == "unknown"
            with pytest.raises(DeviceFailed, match="Coffee"):
                await lamps.on("Argon")
            switch.outlets[1].relay = True
            with pytest.raises(DeviceFailed, match="Argon"):
                await lamps.all_off()

    run(scene())
    assert switch.lit() == set()


def test_refusing(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """A switch that refuses is a failure, with what it said."""
    switch.broken = True
    switch.outlets[1].locked = True

    async def scene() -> None:
        async with lamps_on(switch, tmp_path) as lamps:
            with pytest.raises(DeviceFailed, match="500"):
                await lamps.on("Argon")
            switch.broken = False
            with pytest.raises(DeviceFailed, match="409"):
                await lamps.on("Neon")

    run(scene())


def test_wrong_password(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """Wrong credentials are a failure that says so."""

    async def scene() -> None:
        async with lamps_on(switch, tmp_path, password="wrong") as lamps:  # noqa: S106
            with pytest.raises(DeviceFailed, match="password"):
                await lamps.status()

    run(scene())


def test_password_file(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """The password may stand in a file of its own."""
    secret = tmp_path / "password"
    secret.write_text(f"{switch.password}\n")

    async def scene() -> None:
        async with lamps_on(switch, tmp_path, password=None, password_file=str(secret)) as lamps:
            assert set((await lamps.status()).values()) == {"off"}

    run(scene())


def test_no_answer_is_unknown(switch: DliServer, tmp_path: Path, run: Run) -> None:
    """A switch that obeys and does not answer leaves the outcome unknown. Afterwards it is read back."""
    switch.mute = True

    async def scene() -> None:
        async with lamps_on(switch, tmp_path, deadline_s=0.3, outlets={"Argon": 1}) as lamps:
            with pytest.raises(DeviceUnknown, match="no answer"):
                await lamps.status()
            switch.mute = False
            assert set((await lamps.status()).values()) == {"off"}

    run(scene())


def test_down_and_up_again(switch: DliServer, hardware: Host, tmp_path: Path, run: Run) -> None:
    """A switch that is off the network has failed, nothing was sent. When it is back it is spoken to again."""

    async def scene() -> None:
        async with lamps_on(switch, tmp_path) as lamps:
            await lamps.on("Argon")
            hardware.call(switch.stop())
            with pytest.raises((DeviceFailed, DeviceDisconnected)):
                await lamps.off("Argon")
            with pytest.raises(DeviceFailed, match="no switch answers at"):
                await lamps.off("Argon")
            hardware.call(switch.start())
            assert (await lamps.status())["Argon"] == "on"
            await lamps.off("Argon")

    run(scene())
    assert switch.lit() == set()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"hots": "x"}, "did you mean 'host'"),
        ({"port": 0}, "lamps.options.port"),
        ({"outlets": {"Argn": 1}}, "did you mean 'Argon'"),
        ({"password_file": "x"}, "exclude each other"),
    ],
)
def test_options(switch: DliServer, tmp_path: Path, run: Run, options: dict[str, Any], complaint: str) -> None:
    """Options that don't fit are refused before anything is sent, with the nearest known."""

    async def scene() -> None:
        async with lamps_on(switch, tmp_path, **options):
            pass

    with pytest.raises(ObservatoryError, match=complaint):
        run(scene())
