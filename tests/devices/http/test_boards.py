"""Relay boards with a web API: each shipped description against its board, and every mistake of a document."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import DeviceFailed, DeviceUnknown, Observatory, ObservatoryError, load_observatory, open_lamps
from safelight.devices.http.boards import shipped_boards
from safelight.engine.clock import Clock
from tests.devices.http.conftest import lamps_on, observatory_on, options_for
from tests.devices.http.relay_server import BOARDS, LAMPS, EspHome, Kmtronic, Netio, RelayServer, ShellyTwo, Tasmota

Run = Callable[[Any], Any]

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.board)


def test_every_description_has_a_stand_in() -> None:
    """Each shipped description is tested against a board."""
    assert {board.board for board in BOARDS} == set(shipped_boards())


@each_board
def test_on_off_and_read_back(board: Callable[..., RelayServer], tmp_path: Path, run: Run) -> None:
    """A lamp is switched at its own relay and read back from it. A relay that is no lamp is left alone."""
    server = board()
    spare = list(server.relays)[-1]
    server.relays[spare] = True

    async def scene() -> None:
        async with lamps_on(server, tmp_path) as lamps:
            for lamp in LAMPS:
                await lamps.on(lamp)
                assert server.lit() == {lamp}
                assert dict(await lamps.status()) == dict.fromkeys(LAMPS, "off") | {lamp: "on"}
                await lamps.off(lamp)
            server.relays = dict.fromkeys(server.relays, True)
            await lamps.all_off()
            assert set((await lamps.status()).values()) == {"off"}

    run(scene())
    assert [channel for channel, closed in server.relays.items() if closed] == [spare]


@each_board
def test_login(board: Callable[..., RelayServer], tmp_path: Path, run: Run) -> None:
    """User and password go the way that the board wants. A wrong one is a failure that says so."""
    server = board(("admin", "s3cret"))
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")

    async def scene() -> None:
        right = {"user": "admin", "password_file": str(secret)}
        async with lamps_on(server, tmp_path, entry=right) as lamps:
            await lamps.on("Neon")
            assert (await lamps.status())["Neon"] == "on"
            await lamps.off("Neon")
        async with lamps_on(server, tmp_path, entry={"user": "admin", "password": "wrong"}) as lamps:
            with pytest.raises(DeviceFailed, match="password"):
                await lamps.on("Neon")

    run(scene())
    assert server.lit() == set()


@each_board
def test_what_is_acknowledged_and_not_done(board: Callable[..., RelayServer], tmp_path: Path, run: Run) -> None:
    """A relay that does not move although the board says so is read back as it is."""
    server = board()
    server.stuck = True

    async def scene() -> None:
        async with lamps_on(server, tmp_path) as lamps:
            await lamps.on("Argon")
            assert (await lamps.status())["Argon"] == "off"
            server.relays[server.channels["Argon"]] = True
            await lamps.all_off()
            assert (await lamps.status())["Argon"] == "on"

    run(scene())


@each_board
def test_refused(board: Callable[..., RelayServer], tmp_path: Path, run: Run) -> None:
    """A board that refuses is an error, and nothing was done."""
    server = board()
    server.refuses = True

    async def scene() -> None:
        async with lamps_on(server, tmp_path) as lamps:
            with pytest.raises((DeviceFailed, DeviceUnknown)):
                await lamps.on("Argon")

    run(scene())
    assert server.lit() == set()


@each_board
def test_restarted(board: Callable[..., RelayServer], tmp_path: Path, run: Run) -> None:
    """A board that went off the network and came back is spoken to again. Meanwhile nothing is known."""
    server = board()

    async def scene() -> None:
        async with lamps_on(server, tmp_path) as lamps:
            await lamps.on("Argon")
            await lamps.status()
            await server.stop()
            with pytest.raises((DeviceFailed, DeviceUnknown)):
                await lamps.status()
            with pytest.raises(DeviceFailed, match="no server answers"):
                await lamps.off("Argon")
            await server.start()
            await lamps.off("Argon")
            assert set((await lamps.status()).values()) == {"off"}

    run(scene())
    assert server.lit() == set()


def test_a_single_tasmota_relay(tmp_path: Path, run: Run) -> None:
    """Tasmota with one relay answers without its number."""
    server = Tasmota()
    server.single = True

    async def scene() -> None:
        async with lamps_on(server, tmp_path) as lamps:
            await lamps.on("Argon")
            assert (await lamps.status())["Argon"] == "on"

    run(scene())


def test_two_boards(tmp_path: Path, run: Run) -> None:
    """Lamps on two boards: one that does not answer leaves its own lamps unknown and the others known and off."""
    one, two = Netio(), EspHome()

    async def scene() -> None:
        await one.start()
        options = options_for(one)
        second = options_for(two)["servers"]["shed"] | {"lamps": {"LDLS": two.channels["LDLS"]}}
        options["servers"]["shed"]["lamps"] = {"Argon": "1", "Neon": "2"}
        async with lamps_on(two, tmp_path) as _:
            second["url"] = f"http://127.0.0.1:{two.port}"
            options["servers"]["dome"] = second
            where = observatory_on(one).model_dump(mode="json")
            where["lamps"]["options"] = options
            lamps, _, close = open_lamps(Observatory.model_validate(where), clock=Clock(), home=tmp_path)
            for lamp in LAMPS:
                await lamps.on(lamp)
            assert (one.lit(), two.lit()) == ({"Argon", "Neon"}, {"LDLS"})
            await one.stop()
            assert dict(await lamps.status()) == {"Argon": "unknown", "Neon": "unknown", "LDLS": "on"}
            with pytest.raises(DeviceFailed):
                await lamps.all_off()
            assert two.lit() == set()
            await close()

    run(scene())


def test_one_request_darkens_a_board(tmp_path: Path, run: Run) -> None:
    """A board of a description of one's own, with one request for all of its relays."""
    server = Kmtronic()
    board = {
        "switch_on": {"path": "/FF0{channel}01"},
        "switch_off": {"path": "/FF0{channel}00", "expect": {"pattern": "Web Relay"}},
        "all_off": {"path": "/FF0100", "codes": 200},
        "status": {"path": "/status.xml", "answer": {"pattern": "<relay{channel}>(.)", "is_on": "1", "is_off": "0"}},
    }

    async def scene() -> None:
        async with lamps_on(server, tmp_path, boards={"mine": board}, entry={"board": "mine"}) as lamps:
            await lamps.on("Argon")
            await lamps.status()
            await lamps.all_off()

    run(scene())
    assert server.paths == ["/FF0101", "/status.xml", "/FF0100"]


def test_a_second_path(tmp_path: Path, run: Run) -> None:
    """The same boards serve as the second path to lamps that are normally switched by somebody else."""
    server = ShellyTwo()

    async def scene() -> None:
        await server.start()
        plain = load_observatory("simulated").model_dump(mode="json")
        plain["lamps"]["units"] = {lamp: plain["lamps"]["units"][lamp] for lamp in LAMPS}
        plain["lamps"]["second_path"] = {"driver": "http", "options": options_for(server)}
        _, second, close = open_lamps(Observatory.model_validate(plain), clock=Clock(), home=tmp_path)
        assert second is not None
        server.relays["1"] = True
        assert dict(await second.status()) == {"Argon": "off", "Neon": "on", "LDLS": "off"}
        await second.all_off()
        await close()
        await server.stop()

    run(scene())
    assert server.lit() == set()


def test_outlets_are_locked() -> None:
    """A relay has one name, however the document writes its address."""
    server = ShellyTwo()
    server.port = 8080
    lamps, _, _ = open_lamps(
        observatory_on(server, entry={"url": "http://LocalHost:8080/"}), clock=Clock(), home=Path()
    )
    assert lamps.hardware == ("localhost:8080/0", "localhost:8080/1", "localhost:8080/2")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"entry": {"board": "shely-2"}}, "servers.shed.board.*did you mean 'shelly-2'"),
        ({"entry": {"url": "10.0.0.5"}}, "servers.shed.url"),
        ({"entry": {"url": "http://10.0.0.5:65536"}}, "servers.shed.url: .* a port from 1 to 65535, got"),
        ({"entry": {"url": "http://[::1"}}, "servers.shed.url: expected an address"),
        ({"entry": {"lamps": {"Argn": 1}}}, "did you mean 'Argon'"),
        ({"entry": {"lamps": {"Argon": 1}}}, "the lamp Neon is on no server"),
        ({"entry": {"password": "x", "password_file": "y"}}, "exclude each other"),
        ({"boards": {"mine": {"switch_on": {"path": "on"}}}}, "boards.mine.switch_on.path"),
        (
            {"boards": {"mine": {"switch_on": {"path": "/"}, "switch_off": {"path": "/"}, "status": {"path": "/"}}}},
            "boards.mine.status.answer",
        ),
    ],
)
def test_options(more: dict[str, Any], complaint: str) -> None:
    """Options that don't fit are refused before anything is sent, with their place."""
    server = ShellyTwo()
    with pytest.raises(ObservatoryError, match=complaint):
        open_lamps(observatory_on(server, **more), clock=Clock(), home=Path())


def test_a_lamp_on_two_servers() -> None:
    """A lamp that two servers name is refused."""
    server = ShellyTwo()
    entry = options_for(server)["servers"]["shed"]
    with pytest.raises(ObservatoryError, match="is on the server shed as well"):
        open_lamps(observatory_on(server, servers={"shed": entry, "dome": entry}), clock=Clock(), home=Path())
