"""`safelight init`."""

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from safelight.commands.options import AsJson

if TYPE_CHECKING:
    from safelight.commands.first_documents import LampSketch, SiteSketch
    from safelight.engine.errors import RunRefused

__all__ = ["init"]

T = TypeVar("T")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the documents; made if it does not exist.")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", show_default=False, help="Name of the observatory.")
]
Lamps = Annotated[
    list[str] | None,
    typer.Option(
        "--lamp",
        metavar="NAME:FLAVOUR[:SECONDS]",
        show_default=False,
        help="A lamp, `arc` or `flat`, and its warm-up. Repeat it for each lamp.",
    ),
]
Spectrograph = Annotated[
    str | None, typer.Option("--spectrograph", metavar="NAME", show_default=False, help="Name of the spectrograph.")
]
Cameras = Annotated[
    list[str] | None,
    typer.Option("--camera", metavar="NAME", show_default=False, help="A camera of it. Repeat it for each camera."),
]
Readout = Annotated[
    float | None, typer.Option("--readout", metavar="SECONDS", show_default=False, help="Duration of a readout.")
]
Alpaca = Annotated[
    str | None, typer.Option("--alpaca", metavar="HOST:PORT", show_default=False, help="An Alpaca server to ask.")
]
Indi = Annotated[
    str | None, typer.Option("--indi", metavar="HOST:PORT", show_default=False, help="An INDI server to ask.")
]
Relay = Annotated[
    str | None,
    typer.Option(
        "--relay", metavar="URL", show_default=False, help="A relay board with a web interface that has the lamps."
    ),
]
BoardKind = Annotated[
    str | None,
    typer.Option(
        "--board",
        metavar="KIND",
        show_default=False,
        help="Kind of the relay board: shelly-1, shelly-2, tasmota, esphome, netio, kmtronic.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; use an example for what no option gives.")]

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,39}")
_FLAVOURS = ("arc", "flat")
_WARMUP_S = 60.0
_LONGEST_S = 3600.0
_PARTS_OF_LAMP = (2, 3)


def init(
    folder: Folder = Path(),
    *,
    name: Name = None,
    lamps: Lamps = None,
    spectrograph: Spectrograph = None,
    cameras: Cameras = None,
    readout_s: Readout = None,
    alpaca: Alpaca = None,
    indi: Indi = None,
    relay: Relay = None,
    board: BoardKind = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write an observatory document and a first sequence, to begin with.

    Without options it asks on a terminal, and devices are simulated. The documents are ready to run. Existing files are
    never overwritten.

    With --relay and --board, the lamps are on a relay board: the first --lamp on its first channel, and so on. With
    --alpaca or --indi as well, the cameras are those of a server.

    With --alpaca or --indi alone it asks a server what it has, and writes a draft of an observatory document with every
    lamp and camera by its name. What the server can't answer is marked TODO, with the question. Nothing is switched.
    """
    from safelight.engine.errors import RunRefused  # noqa: PLC0415 - a command pays for what it uses

    if alpaca is not None and indi is not None:
        raise RunRefused("--alpaca and --indi exclude each other: make two drafts, and put them together")
    if board is not None and relay is None:
        raise RunRefused("--board: expected --relay with it, the address of the board")
    kind, server = ("alpaca", alpaca) if alpaca is not None else ("indi", indi)
    if server is not None and relay is None:
        _draft(kind, server, folder, _word("observatory" if name is None else name), as_json=as_json)
        return
    from safelight.commands.first_documents import SiteSketch  # noqa: PLC0415

    asking = not yes and not as_json and sys.stdin is not None and sys.stdin.isatty()
    if relay is not None and not lamps and not asking:
        raise RunRefused("--relay: expected a --lamp for each channel of the board, got none")
    given = ",".join(cameras) if cameras else None
    readout = None if readout_s is None else str(readout_s)
    site = SiteSketch(
        name=_answer("Name of the observatory", name, "hilltop", _word, asking=asking),
        lamps=_lamps(lamps, asking=asking),
        spectrograph=_answer("Name of the spectrograph", spectrograph, "spectrograph", _word, asking=asking),
        cameras=()
        if server is not None
        else _answer("Its cameras, separated by commas", given, "ccd", _words, asking=asking),
        readout_s=_answer("Duration of a readout, s", readout, "10", _seconds, asking=asking),
    )
    if relay is not None:
        site = _on_relays(site, relay, board)
    if server is not None:
        site = _with_cameras(site, kind, server, () if given is None else _words(given))
    _write(site, folder, as_json=as_json)


def _draft(kind: str, server: str, folder: Path, name: str, *, as_json: bool) -> None:
    """Write the draft for a server."""
    from safelight.commands.init_servers import draft_of, write_draft  # noqa: PLC0415

    path = folder / f"{name}.yaml"
    write_draft(draft_of(kind, server, name=name, file=str(path)), path, as_json=as_json)


def _on_relays(site: "SiteSketch", url: str, board: str | None) -> "SiteSketch":
    """Return a sketch whose lamps are on a relay board."""
    from safelight.commands.init_servers import relay_options  # noqa: PLC0415

    options = relay_options(url, board, [lamp.name for lamp in site.lamps])
    return replace(site, drivers={"lamps": "http"}, options={"lamps": options})


def _with_cameras(site: "SiteSketch", kind: str, server: str, names: tuple[str, ...]) -> "SiteSketch":
    """Return a sketch with the cameras of a server."""
    from safelight.commands.init_servers import cameras_at  # noqa: PLC0415

    options = cameras_at(kind, server, names)
    return replace(
        site,
        cameras=tuple(options["cameras"]),
        drivers={**site.drivers, "spectrographs": kind},
        options={**site.options, "spectrographs": options},
    )


def _write(site: "SiteSketch", folder: Path, *, as_json: bool) -> None:
    """Write both documents, or none, and say what to do next."""
    from safelight.commands.first_documents import observatory_text, sequence_text  # noqa: PLC0415
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    texts = {
        folder / f"{site.name}.yaml": observatory_text(site),
        folder / site.sequences / "first-light.yaml": sequence_text(site),
    }
    _require_runnable(*texts.values())
    observatory, sequence = texts
    if site.drivers and sequence.is_file():
        del texts[sequence]  # that of the rehearsal
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for done in written:
            done.unlink(missing_ok=True)
        said = "exists already" if isinstance(error, FileExistsError) else f"can't be written: {error.strerror}"
        raise RunRefused(f"{path} {said}; nothing was written. Give another --name or FOLDER") from None
    if as_json:
        put_json({"observatory": str(observatory), "sequence": str(sequence)})
    else:
        put(_next_steps(site, observatory, sequence, written))


def _next_steps(site: "SiteSketch", observatory: Path, sequence: Path, written: list[Path]) -> str:
    from shlex import quote  # noqa: PLC0415

    rehearsal = {"safelight run first-light --speed 20": "a rehearsal, 20 times faster than real"}
    real = {
        f"safelight check --observatory {quote(str(observatory))} --live": "read everything back; nothing moves",
        f"safelight lamps on {site.lamps[0].name} --for 30": "watch the lamp: it goes off by itself",
        "safelight run first-light": "take the frames",
    }
    steps = {
        f"safelight use {quote(str(observatory))}": "make it the default observatory",
        "safelight plan first-light": "what would happen, and how long it takes",
    } | (real if site.drivers else rehearsal)
    width = max(map(len, steps))
    simulated = [part for part in ("lamps", "spectrographs") if part not in site.drivers]
    which = f", with simulated {'devices' if not site.drivers else simulated[0]}" if simulated else ""
    drivers = ", and your devices' drivers where it says `simulated`" if simulated else ""
    return "\n".join(
        [
            f"written: {observatory}, your observatory{which}",
            f"{'written' if sequence in written else 'kept as it is'}: {sequence}, your first sequence",
            "",
            "Next:",
            *(f"  {command:{width}}   {why}" for command, why in steps.items()),
            f"{'Before that' if site.drivers else 'Then'} put your numbers into {observatory.name}{drivers}.",
            "The page docs/how-to/from-relays.md of safelight leads to a first frame.",
        ]
    )


def _require_runnable(observatory_text: str, sequence_text: str) -> None:
    """Check both texts as `check` does, before anything is written.

    Raises:
        ObservatoryError, SequenceError: a name has another meaning somewhere, for example in FITS headers.
    """
    import yaml  # noqa: PLC0415

    from safelight.commands.check import look_at_drivers  # noqa: PLC0415
    from safelight.devices import Observatory  # noqa: PLC0415
    from safelight.engine import site_of  # noqa: PLC0415
    from safelight.engine.planning.compiler import Options  # noqa: PLC0415
    from safelight.engine.planning.frame_cards import require_distinct_cards  # noqa: PLC0415
    from safelight.engine.planning.plan import make_plan  # noqa: PLC0415
    from safelight.sequences import load_text  # noqa: PLC0415

    observatory = Observatory.model_validate(yaml.safe_load(observatory_text))
    require_distinct_cards(observatory)
    look_at_drivers(observatory)
    make_plan(load_text(sequence_text, site_of(observatory)), observatory, Options())


def _answer(question: str, given: str | None, example: str, read: Callable[[str], T], *, asking: bool) -> T:
    """Return what was given, else what a person answers, else the example.

    Raises:
        RunRefused: what was given is wrong; an answer that is wrong is asked for again.
    """
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    if given is not None or not asking:
        return read(example if given is None else given)
    while True:
        try:
            return read(str(typer.prompt(question, default=example, err=True)))
        except RunRefused as error:
            tell(str(error))


def _refusal(words: str) -> "RunRefused":
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    return RunRefused(words)


def _lamps(given: list[str] | None, *, asking: bool) -> "tuple[LampSketch, ...]":
    question = "Lamps as NAME:FLAVOUR:WARM-UP SECONDS, separated by commas"
    text = None if given is None else ",".join(given)
    return _answer(question, text, "ThAr:arc:60,Tungsten:flat:30", _read_lamps, asking=asking)


def _read_lamps(text: str) -> "tuple[LampSketch, ...]":
    lamps = tuple(_lamp(one.strip()) for one in text.split(","))
    names = [lamp.name.casefold() for lamp in lamps]
    if len(set(names)) < len(names):
        raise _refusal(f"lamps: expected each name once, got {text!r}")
    return lamps


def _lamp(text: str) -> "LampSketch":
    from safelight.commands.first_documents import LampSketch  # noqa: PLC0415

    name, *rest = text.split(":")
    if len(rest) + 1 not in _PARTS_OF_LAMP or rest[0].casefold() not in _FLAVOURS:
        raise _refusal(f"lamp: expected NAME:arc or NAME:flat, with :SECONDS of warm-up if known, got {text!r}")
    warmup_s = _seconds(rest[1]) if rest[1:] else _WARMUP_S
    return LampSketch(_word(name), rest[0].casefold(), warmup_s)


def _word(text: str) -> str:
    if not _WORD.fullmatch(text.strip()):
        raise _refusal(f"name: expected 1 to 40 letters, digits, `_`, `+` and `-`, got {text!r}")
    return text.strip()


def _words(text: str) -> tuple[str, ...]:
    words = tuple(_word(one) for one in text.split(","))
    if len(set(words)) < len(words):
        raise _refusal(f"cameras: expected each name once, got {text!r}")
    return words


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_S:
        raise _refusal(f"expected seconds from 0 to {_LONGEST_S:g}, got {text!r}")
    return seconds
