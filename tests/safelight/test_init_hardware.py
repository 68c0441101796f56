"""`safelight init` with hardware: lamps on a relay board, cameras of a server, and what is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from safelight.devices import ObservatoryError, load_observatory
from safelight.engine.errors import RunRefused
from tests.devices.dli.hosting import Host
from tests.devices.http.relay_server import RelayServer, ShellyTwo, Tasmota
from tests.devices.indi.ccd import Ccd
from tests.devices.indi.indi_server import IndiServer

Inside = Callable[..., Result]
LAMPS = ("--lamp", "ThAr:arc:5", "--lamp", "Tungsten:flat:5")


@pytest.fixture
def hardware() -> Iterator[Host]:
    """Yield the thread in which the devices live."""
    host = Host()
    yield host
    host.close()


@pytest.fixture
def camera(hardware: Host) -> Iterator[IndiServer]:
    """Yield an INDI server that has a camera and no lamp."""
    server = IndiServer(Ccd())
    hardware.call(server.start())
    yield server
    hardware.call(server.stop())


@pytest.mark.parametrize(("board", "first"), [(ShellyTwo, 0), (Tasmota, 1)])
def test_from_two_addresses_to_a_checked_observatory(
    inside: Inside, hardware: Host, camera: IndiServer, board: type[RelayServer], first: int
) -> None:
    """The lamps are on the first channels of the board, the camera is that of the server, and both are read back."""
    relays = board()
    hardware.call(relays.start())
    try:
        made = inside(
            *("init", "dome", "--name", "dome", *LAMPS, "--relay", f"http://127.0.0.1:{relays.port}"),
            *("--board", board.board, "--indi", f"127.0.0.1:{camera.port}", "--camera", "ccd", "--yes"),
        )
        assert made.exit_code == 0, made.output
        assert "safelight lamps on ThAr --for 30" in made.stdout
        assert "simulated" not in made.stdout
        assert "--speed" not in made.stdout
        document = load_observatory("dome/dome.yaml")
        assert document.lamps.options["servers"]["relays"]["lamps"] == {"ThAr": first, "Tungsten": first + 1}
        assert document.spectrographs.options["cameras"] == {"ccd": {"device": "CCD Simulator"}}
        live = inside("check", "--observatory", "dome/dome.yaml", "--live")
        assert live.exit_code == 0, live.output
        assert "ThAr is OFF" in live.stdout
        assert "spectrograph: idle, shutter closed" in live.stdout
        assert not relays.turned
        hardware.call(relays.stop())
        gone = inside("check", "--observatory", "dome/dome.yaml", "--live")
        assert gone.exit_code == 3
        assert "ThAr is UNKNOWN\n" in gone.stdout
        assert "no program listens on that port" in gone.stdout
    finally:
        hardware.call(relays.stop())


def test_the_sequence_of_the_rehearsal_stays(inside: Inside, tmp_path: Path) -> None:
    """Where the first sequence exists, it is kept, and the document is written all the same."""
    assert inside("init", *LAMPS, "--yes").exit_code == 0
    sequence = tmp_path / "sequences" / "first-light.yaml"
    sequence.write_text("mine")
    words = ("init", "--name", "real", *LAMPS, "--relay", "http://10.0.0.5", "--board", "shelly-1", "--yes")
    assert "kept as it is: sequences/first-light.yaml" in inside(*words).stdout
    assert sequence.read_text() == "mine"
    with pytest.raises(RunRefused, match=r"real\.yaml exists already"):
        raise inside(*words).exception or AssertionError


def test_relays_and_a_simulated_camera(inside: Inside) -> None:
    """Without a server the spectrograph is simulated, and is said to be."""
    words = ("init", *LAMPS, "--relay", "http://10.0.0.5", "--board", "esphome", "--yes")
    assert "hilltop.yaml, your observatory, with simulated spectrographs\n" in inside(*words).stdout
    document = load_observatory("hilltop.yaml")
    assert (document.lamps.driver, document.spectrographs.driver) == ("http", "simulated")
    assert document.lamps.options["servers"]["relays"]["lamps"] == {"ThAr": "ThAr", "Tungsten": "Tungsten"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--relay", "http://10.0.0.5", *LAMPS), "--board: expected the kind of the relay board, one of esphome"),
        (("--relay", "http://10.0.0.5", *LAMPS, "--board", "shelly"), "got 'shelly'"),
        (("--relay", "http://10.0.0.5", "--board", "tasmota"), "expected a --lamp"),
        (("--relay", "10.0.0.5", *LAMPS, "--board", "tasmota"), "such as http://10.0.0.5, got '10.0.0.5'"),
        (("--board", "tasmota"), "expected --relay with it"),
        (("--alpaca", "http://10.0.0.5:11111"), "expected HOST:PORT, such as 10.0.0.5:11111"),
        (("--alpaca", "10.0.0.5:1", "--indi", "10.0.0.5:1"), "exclude each other"),
    ],
)
def test_what_is_refused(inside: Inside, words: tuple[str, ...], said: str) -> None:
    """The error says what was expected, before anything is written or sent."""
    error = inside("init", "site", "--yes", *words).exception
    assert isinstance(error, RunRefused | ObservatoryError)
    assert said in str(error)


def test_a_server_without_lamps(inside: Inside, camera: IndiServer) -> None:
    """The error says what the server has, and how lamps elsewhere are described."""
    where = f"127.0.0.1:{camera.port}"
    error = inside("init", "--indi", where).exception
    assert isinstance(error, RunRefused)
    assert "add --relay URL" in str(error)
    assert str(error).endswith("Its devices: CCD Simulator")
    more = ("--camera", "a", "--camera", "b", "--relay", "http://10.0.0.5", "--board", "netio", *LAMPS)
    with pytest.raises(RunRefused, match=r"a name for each camera of .*, CCD_Simulator, got 2"):
        raise inside("init", "--indi", where, *more).exception or AssertionError
