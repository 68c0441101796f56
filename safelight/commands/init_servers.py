"""What `safelight init` does with hardware: lamps on a relay board, and what a server of Alpaca or INDI has."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from safelight.devices.alpaca.inventory import FoundDevice
    from safelight.devices.indi.inventory import FoundIndiDevice

__all__ = ["cameras_at", "draft_of", "relay_options", "write_draft"]

_LAST_PORT = 65_535
_EXAMPLES = {"alpaca": "10.0.0.5:11111", "indi": "localhost:7624"}
_ELSEWHERE = "If they are on a relay board with a web interface, add --relay URL --board KIND and a --lamp for each"


def write_draft(text: str, path: Path, *, as_json: bool) -> None:
    """Write the draft for a server, and say what to do next.

    Args:
        text: the draft.
        path: of the document. An existing one is not overwritten.
        as_json: whether the answer is JSON.

    Raises:
        RunRefused: the file exists, or can't be written.
    """
    from shlex import quote  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        said = "exists already" if isinstance(error, FileExistsError) else f"can't be written: {error.strerror}"
        raise RunRefused(f"{path} {said}; nothing was written. Give another --name or FOLDER") from None
    questions = text.count("TODO") - 1
    if as_json:
        put_json({"observatory": str(path), "questions": questions})
        return
    put(f"written: {path}; {questions} questions in it are marked TODO")
    put("\nNext, answer them in an editor. Then:")
    put(f"  safelight check --observatory {quote(str(path))} --live   connect, read everything back; nothing moves")


def draft_of(kind: str, server: str, *, name: str, file: str) -> str:
    """Return the draft of a document for a server.

    Args:
        kind: `alpaca` or `indi`.
        server: `HOST:PORT`.
        name: of the observatory.
        file: where the draft will be written.

    Raises:
        RunRefused: the address is none, or the server has nothing that is known as a lamp.
        DeviceError: no such server answers, or it has no device.
        ObservatoryError: the packages of the driver are not installed.
    """
    if kind == "alpaca":
        from safelight.devices.alpaca.draft import draft, has_lamps  # noqa: PLC0415

        devices = _of_alpaca(server)
        if not has_lamps(devices):
            _refuse_without_lamps(f"the Alpaca server {server}", (device.name for device in devices))
        return draft(server, devices, name=name, file=file)
    from safelight.devices.indi.draft import draft as draft_indi  # noqa: PLC0415

    host, port = _host_and_port("indi", server)
    found = _of_indi(host, port)
    text = draft_indi(host, port, found, name=name, file=file)
    if text is None:
        names = (
            f"{device.name} (can't be connected: {device.trouble})" if device.trouble else device.name
            for device in found
        )
        _refuse_without_lamps(f"the INDI server {server}", names)
    return text


def _refuse_without_lamps(server: str, devices: Iterable[str]) -> NoReturn:
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    words = "has nothing that is known as a lamp. Are the lamps' devices connected there?"
    raise RunRefused(f"{server} {words} {_ELSEWHERE}. Its devices: {', '.join(devices)}")


def cameras_at(kind: str, server: str, names: Iterable[str]) -> Mapping[str, Any]:
    """Return the `options` of spectrographs with the cameras of a server. Nothing is exposed.

    Args:
        kind: `alpaca` or `indi`.
        server: `HOST:PORT`.
        names: for the cameras, in the order of the server; none to keep the server's.

    Raises:
        RunRefused: the address is none, the server has no camera, or another number than there are names.
        DeviceError: no such server answers, or it has no device.
        ObservatoryError: the packages of the driver are not installed.
    """
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    options: dict[str, Any]
    if kind == "alpaca":
        from safelight.devices.alpaca.draft import camera_options  # noqa: PLC0415

        options = camera_options(server, _of_alpaca(server))
    else:
        from safelight.devices.indi.draft import camera_options as camera_options_indi  # noqa: PLC0415

        host, port = _host_and_port("indi", server)
        options = camera_options_indi(host, port, _of_indi(host, port))
    found, named = options["cameras"], tuple(names)
    if not found:
        raise RunRefused(f"--{kind}: expected a server with a camera, got {server!r}, which has none")
    if named and len(named) != len(found):
        raise RunRefused(f"--camera: expected a name for each camera of {server}, {', '.join(found)}, got {len(named)}")
    return options | {"cameras": dict(zip(named or found, found.values(), strict=True))}


def relay_options(url: str, board: str | None, lamps: Iterable[str]) -> Mapping[str, Any]:
    """Return the `options` of lamps on a relay board: the first lamp on its first channel, and so on.

    Args:
        url: of the board.
        board: its kind, one of those that come with safelight.
        lamps: their names.

    Raises:
        RunRefused: the kind of the board is missing or unknown.
        ObservatoryError: the packages of the driver are not installed.
    """
    from safelight.devices.drivers import driver_of  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    driver_of("http")  # says what to install
    from safelight.devices.http.boards import shipped_board, shipped_boards  # noqa: PLC0415

    if board not in shipped_boards():
        got = "nothing" if board is None else repr(board)
        kinds = ", ".join(shipped_boards())
        raise RunRefused(f"--board: expected the kind of the relay board, one of {kinds}, got {got}")
    first = shipped_board(board).first_channel
    channels = {lamp: lamp if first is None else first + place for place, lamp in enumerate(lamps)}
    return {"servers": {"relays": {"url": url, "board": board, "lamps": channels}}}


def _of_alpaca(server: str) -> "tuple[FoundDevice, ...]":
    import asyncio  # noqa: PLC0415

    from safelight.devices.drivers import driver_of  # noqa: PLC0415
    from safelight.engine.clock import Clock  # noqa: PLC0415

    _host_and_port("alpaca", server)
    driver_of("alpaca")  # says what to install
    from safelight.devices.alpaca.inventory import inventory  # noqa: PLC0415

    return asyncio.run(inventory(server, Clock()))


def _of_indi(host: str, port: int) -> "tuple[FoundIndiDevice, ...]":
    import asyncio  # noqa: PLC0415

    from safelight.devices.indi.inventory import inventory  # noqa: PLC0415
    from safelight.engine.clock import Clock  # noqa: PLC0415

    return asyncio.run(inventory(host, port, Clock()))


def _host_and_port(kind: str, server: str) -> tuple[str, int]:
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    host, _, port = server.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
        raise RunRefused(f"--{kind}: expected HOST:PORT, such as {_EXAMPLES[kind]}, got {server!r}")
    return host, int(port)
