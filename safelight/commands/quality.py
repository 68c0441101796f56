"""`safelight quality`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, JournalUrl, WhoseLamps
from safelight.commands.usage import CommandLine
from safelight.text import counted

if TYPE_CHECKING:
    from safelight.engine.light.store import LightStore

__all__ = ["app"]

app = CommandLine(no_args_is_help=True, help="The references that the light in frames is compared with.")

What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LAMP|bias|dark", show_default=False, help="Whose references. Without any name: all of them."
    ),
]


Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", show_default=False, help="Where the picture is written, as SVG."),
]
Lamp = Annotated[str, typer.Argument(metavar="LAMP", help="The lamp, as the observatory document names it.")]


@app.command()
def show(*, observatory: WhoseLamps = None, home: Home = None, as_json: AsJson = False) -> None:
    """Print what frames are compared with: each kind, how many frames, and the light since the last `forget`."""
    from safelight.commands.output import put, put_json, tell  # noqa: PLC0415 - a command pays for what it uses

    store = _store(observatory, home)
    found = [_plain(store, kind) for kind in store.kinds()]
    if as_json:
        put_json(found)
        return
    if not found:
        tell("no references yet: they are learned from good frames")
    for each in found:
        ratio = "" if each["light"] is None else f", light {each['light']:.2f} of what it was at first"
        put(f"{each['kind']}: {each['frames']} frames at {each['cameras']} cameras{ratio}")


@app.command()
def forget(what: What = None, *, observatory: WhoseLamps = None, home: Home = None) -> None:
    """Forget references, after a new lamp or work on the instrument: they are learned anew from the next frames."""
    from safelight.commands.output import put  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    store = _store(observatory, home)
    kinds = list(store.kinds())
    known = {name.casefold() for kind in kinds for name in (kind.flavour, *kind.lamps)}
    names = {name.casefold() for name in what or ()}
    for name in what or ():
        if name.casefold() not in known:
            listed = ", ".join(sorted({name for kind in kinds for name in (*kind.lamps, kind.flavour)})) or "nothing"
            raise RunRefused(f"no references of {name!r}: expected one of {listed}")
    for kind in kinds:
        if not names or names & {name.casefold() for name in (kind.flavour, *kind.lamps)}:
            store.forget(kind)
            put(f"forgotten: {kind.words}")


@app.command()
def warmup(lamp: Lamp, *, home: Home = None, journal: JournalUrl = None, as_json: AsJson = False) -> None:
    """Print how much light LAMP gave after each time of warm-up, from the frames that were judged."""
    from dataclasses import asdict  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.open_journal import opened  # noqa: PLC0415
    from safelight.commands.output import put, put_json, tell  # noqa: PLC0415
    from safelight.engine.light.warmth import warmth_of  # noqa: PLC0415

    with opened(home, journal) as book:
        found = warmth_of(book, lamp)
    if as_json:
        put_json([asdict(each) for each in found])
        return
    if not found:
        tell(f"no judged frames of {lamp} alone: set `quality` in the observatory document, and take some")
    for each in found:
        put(f"{each.frames}: {each.light:.1%} of the light after {each.warm_s:g} s ({counted(each.count, 'frame')})")


@app.command()
def nights(*, output: Output = None, home: Home = None, journal: JournalUrl = None, as_json: AsJson = False) -> None:
    """Print how much light each lamp gave from night to night, against its first frames; -o FILE draws it (SVG)."""
    from dataclasses import asdict  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.open_journal import opened  # noqa: PLC0415
    from safelight.commands.output import put, put_json, tell  # noqa: PLC0415
    from safelight.commands.output_files import write_sheet  # noqa: PLC0415
    from safelight.engine.light.lamp_light import lamp_light_of  # noqa: PLC0415
    from safelight.show.report.light_strip import nights_picture  # noqa: PLC0415

    with opened(home, journal) as book:
        found = [asdict(each) for each in lamp_light_of(book)]
    if output is not None:
        write_sheet(nights_picture(found), output)
    if as_json:
        put_json(found)
        return
    if not found:
        tell("no judged frames of single lamps: set `quality` in the observatory document, and take some")
    for each in found if output is None else ():
        frames = counted(each["count"], "frame")
        put(f"{each['night']} {each['frames']}: {each['light']:.2f} of its first light ({frames})")


def _store(name: str | None, home: Path | None) -> "LightStore":
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine.default_observatory import choose_observatory  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.light import light_folder  # noqa: PLC0415
    from safelight.engine.light.store import LightStore  # noqa: PLC0415

    observatory = load_observatory(choose_observatory(name, home).source)
    return LightStore(
        light_folder(home or default_home(), observatory.name), observatory.spectrographs.judging.references
    )


def _plain(store: "LightStore", kind: Any) -> dict[str, Any]:
    from safelight.light.learned_rules import Comparison  # noqa: PLC0415 - numpy
    from safelight.light.limits import Limits  # noqa: PLC0415

    kept = [(camera, store.kept(kind, camera)) for camera in store.cameras(kind)]
    ratios = []
    for camera, each in kept:
        reference, bias = store.reference(kind, camera), store.bias(camera)
        if reference is not None and each.anchor:
            spread_adu = bias.spread_adu if bias else 0.0
            ratios.append(Comparison(each.samples[-1], reference, spread_adu, Limits()).total_adu / each.anchor)
    return {
        "kind": kind.words,
        "flavour": kind.flavour,
        "lamps": list(kind.lamps),
        "exposure_s": kind.exposure_s,
        "frames": max((len(each.samples) for _, each in kept), default=0),
        "cameras": len(kept),
        "light": sum(ratios) / len(ratios) if ratios else None,
    }
