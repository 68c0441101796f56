"""`safelight judge`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safelight.commands.options import AsJson, WhoseLamps

if TYPE_CHECKING:
    from safelight.engine.light.judge_archive import Archive, JudgedFile

__all__ = ["judge"]

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="FITS files of any camera, plain or gzipped.")]
Flavour = Annotated[
    str | None,
    typer.Option(
        "--flavour",
        metavar="FLAVOUR",
        show_default=False,
        help="What they are: bias, dark, arc or flat.  [default: IMAGETYP]",
    ),
]
Lamp = Annotated[
    list[str] | None,
    typer.Option(
        "--lamp",
        metavar="NAME",
        show_default=False,
        help="A lamp that is on in them. Repeat it for each lamp.  [default: headers]",
    ),
]


def judge(
    files: Files,
    *,
    flavour: Flavour = None,
    lamp: Lamp = None,
    observatory: WhoseLamps = None,
    as_json: AsJson = False,
) -> None:
    """Judge the light in files that lie on a disk. Nothing is kept, and nothing is touched.

    Frames are compared with each other, in the order in which they are named: from three biases on, light is
    distinguished from gradients. From three frames of one kind on, the next ones are compared with them.
    """
    from safelight.commands.output import put, put_json  # noqa: PLC0415 - a command pays for what it uses

    judged = _archive(observatory, flavour, tuple(lamp or ())).judged(files)
    for one in judged:
        if as_json:
            put_json(_plain(one))
        else:
            put(_line(one))


def _archive(name: str | None, flavour: str | None, lamps: tuple[str, ...]) -> "Archive":
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine.light.judge_archive import Archive  # noqa: PLC0415
    from safelight.light import limits_with  # noqa: PLC0415

    if name is None:
        return Archive({}, flavour=flavour, lamps=lamps)
    observatory = load_observatory(name)
    quality = observatory.spectrographs.judging
    return Archive(
        {lamp: observatory.lamps.keyword(lamp) for lamp in observatory.lamps.units},
        limits_with(quality.limits),
        quality.overscan,
        quality.full_well_adu,
        flavour,
        lamps,
    )


def _line(one: "JudgedFile") -> str:
    names = ", ".join(path.name for path in one.paths)
    words = one.verdict.words or (f"not compared: {one.verdict.not_judged}" if one.verdict.not_judged else "")
    return f"{one.verdict.quality:7} {one.flavour:5} {names}{': ' if words else ''}{words}"


def _plain(one: "JudgedFile") -> dict[str, object]:
    return {
        "files": [str(path) for path in one.paths],
        "flavour": one.flavour,
        "quality": one.verdict.quality,
        "words": one.verdict.words,
        "not_judged": one.verdict.not_judged,
        "findings": [
            {"rule": each.rule, "bad": each.bad, "certain": each.certain, "words": each.words, "value": each.value}
            for each in one.verdict.findings
        ],
        "numbers": {name: dict(image.numbers) for name, image in one.verdict.images.items()},
    }
