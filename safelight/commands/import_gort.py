"""`safelight import-gort`."""

import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from safelight.sequences import Problem, Site

__all__ = ["import_gort"]

_FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_UNKNOWN = ("unknown lamp", "unknown key")

Source = Annotated[Path, typer.Argument(metavar="FILE", help="A configuration of gort (lvmgort.yml).")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE.yaml", help="Where the observatory is written.")]
Sequences = Annotated[
    Path | None,
    typer.Option(
        "--sequences", metavar="FOLDER", show_default=False, help="Where its calibration sequences are written."
    ),
]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What the observatory is called.")]


def import_gort(source: Source, *, output: Output, sequences: Sequences = None, name: Name = "lvm") -> None:
    """Turn a configuration of gort into an observatory document, and report what was left out.

    Values that gort does not have (durations, deadlines, maximum on-times of lamps) are those of the shipped
    observatory `lvm`. Check them before you run with it. Lamps and keys that are not known here, and sequences that
    would be refused, are reported and not written.
    """
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.devices import load_observatory  # noqa: PLC0415 - a command pays for what it uses
    from safelight.devices.clu import gort_import  # noqa: PLC0415
    from safelight.devices.observatory.yaml_document import read_foreign  # noqa: PLC0415

    base = load_observatory("lvm").model_dump(mode="json", exclude_none=True)
    found = gort_import.import_gort(read_foreign(source), base, name)
    _write(output, found.observatory, f"imported from {source.name}")
    tell(f"wrote {output}")
    site = _site(output)
    for each, content in found.sequences.items():
        whole, faults = _that_loads({"name": each, **content}, site)
        found.left_out |= {f"sequence {each}{path and ': ' + path}": sentence for path, sentence in faults.items()}
        if whole is None:
            continue
        if sequences is None:
            found.left_out[f"sequence {each}"] = "give a folder with --sequences"
            continue
        path = sequences / f"{each}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, whole, f"imported from {source.name}")
        tell(f"wrote {path}")
    for path_in_gort, why in found.left_out.items():
        tell(f"left out: {path_in_gort} ({why})")


def _site(output: Path) -> "Site":
    """Read the written observatory, and check whether a run could begin with it.

    Raises:
        ObservatoryError: it does not load, or no run could begin.
    """
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine.planning.frame_cards import require_distinct_cards  # noqa: PLC0415
    from safelight.engine.planning.plan import site_of  # noqa: PLC0415

    observatory = load_observatory(output)
    require_distinct_cards(observatory)
    return site_of(observatory)


def _that_loads(content: dict[str, Any], site: "Site") -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Return the part of a sequence that our loader accepts, and why the rest is left out, by path.

    Unknown lamps and unknown keys are taken out. Where something else is wrong, or no frame is left, the whole
    sequence is left out, under the empty path.
    """
    from safelight.sequences import SequenceError, expand, load  # noqa: PLC0415

    content, why = deepcopy(content), dict[str, str]()
    if re.fullmatch(_FILE_NAME, str(content["name"])) is None:
        return None, {"": "its name can't be a file's name: letters, digits, _ and - are expected"}
    while True:
        try:
            expand(load(content, site), site)
        except SequenceError as error:
            unknown = [problem for problem in error.problems if problem.message.startswith(_UNKNOWN)]
            taken = [problem for problem in unknown if _take_out(content, problem.path)]
            why |= {problem.path: _sentence(problem) for problem in taken}
            if not taken:
                return None, {**why, "": "; ".join(_sentence(problem, problem.path) for problem in error.problems)}
            if not content.get("lamps", True):
                del content["lamps"]
        else:
            return content, why


def _sentence(problem: "Problem", path: str = "") -> str:
    """Return the problem, without the file."""
    return ": ".join(part for part in (path, problem.message, problem.allowed) if part)


def _take_out(content: Any, path: str) -> bool:
    """Remove the value at a path. Return whether there was one."""
    *above, last = path.split(".")
    for key in above:
        content = content.get(key) if isinstance(content, dict) else None
    if not isinstance(content, dict) or last not in content:
        return False
    del content[last]
    return True


def _write(path: Path, content: dict[str, Any], remark: str) -> None:
    import yaml  # noqa: PLC0415

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    text = yaml.dump(content, Dumper=Plain, sort_keys=False, width=120, allow_unicode=True)
    path.write_text(f"# {remark}\n{text}", encoding="utf-8")
