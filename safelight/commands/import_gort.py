"""`safelight import-gort`."""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["import_gort"]

Source = Annotated[Path, typer.Argument(metavar="FILE", help="A configuration of gort (lvmgort.yml).")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE.yaml", help="Where the observatory is written.")]
Sequences = Annotated[
    Path | None,
    typer.Option(
        "--sequences", metavar="FOLDER", show_default=False, help="Where its calibration sequences are written."
    ),
]
Name = Annotated[str, typer.Option("--name", help="What the observatory is called.")]


def import_gort(source: Source, *, output: Output, sequences: Sequences = None, name: Name = "lvm") -> None:
    """Turn a configuration of gort into an observatory document, and say what was left out.

    What gort does not know (how long things take, deadlines, how long a lamp may burn) is that of the shipped
    observatory `lvm`: look it through before you run with it.
    """
    from safelight.devices import load_observatory  # noqa: PLC0415 - a command pays for what it uses
    from safelight.devices.clu import gort  # noqa: PLC0415
    from safelight.devices.document import read_document  # noqa: PLC0415
    from safelight.speech import tell  # noqa: PLC0415

    base = load_observatory("lvm").model_dump(mode="json", exclude_none=True)
    found = gort.import_gort(read_document(source), base, name)
    _write(output, found.observatory, f"imported from {source.name}")
    tell(f"wrote {output}")
    for each, content in found.sequences.items():
        if sequences is None:
            found.left_out[f"calibration.sequences.{each}"] = "give a folder with --sequences"
            continue
        path = sequences / f"{each}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, {"name": each, **content}, f"imported from {source.name}")
        tell(f"wrote {path}")
    for path_in_gort, why in found.left_out.items():
        tell(f"left out: {path_in_gort} ({why})")


def _write(path: Path, content: dict[str, Any], remark: str) -> None:
    import yaml  # noqa: PLC0415

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    text = yaml.dump(content, Dumper=Plain, sort_keys=False, width=120, allow_unicode=True)
    path.write_text(f"# {remark}\n{text}", encoding="utf-8")
