"""Draws the pictures of docs/explanation/architecture.md from the source, so that they can't show anything else.

python docs/make-architecture.py [--check] [FOLDER]

The rooms and their order come from .importlinter, their imports from the source. The ways are lists of functions: each
must call the next one, or nothing is drawn. With --check nothing is written, and the exit code is 1 where a picture is
out of date.
"""

import ast
import configparser
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from safelight.show.drawing import svg

ROOT = Path(__file__).parents[1]
PLACES = {"engine": "engine", "states": "states", "devices": "devices", "sequences": "sequences"}
WIDTH, BOX, GAP, EDGE = 860, 54, 16, 24
LOOKS = ("expose", "readout", "move", "warm", "check")


@dataclass(frozen=True, slots=True)
class Step:
    """One function of a way.

    Attributes:
        place: `file:Class.function`.
        reason: why this step is there.
        calls: how the next step is called here, where not by its own name.
        before: also called by the step before this one: `uncancelled(self._execute())`.
    """

    place: str
    reason: str
    calls: str = ""
    before: bool = False


RUN = (
    Step("safelight/commands/run.py:run", "turns options into a request", "execute"),
    Step("safelight/commands/execution.py:execute", "progress, signals, exit code", "perform"),
    Step("engine/run/start.py:perform", "plan and proof, the lock, the run's page in the journal", "segment.execute"),
    Step("engine/run/segment.py:Segment.execute", "opens the devices, and always closes them"),
    Step("engine/guard/safing.py:uncancelled", "a cancellation can't break off what follows", before=True),
    Step(
        "engine/run/segment.py:Segment._execute", "guards before the first lamp, the manifest at the end", "runner.run"
    ),
    Step("engine/run/runner.py:Runner.run", "executes the graph; ends in one of its endings"),
    Step("engine/guard/safing.py:uncancelled", "the same for whoever runs a graph alone", before=True),
    Step("engine/run/runner.py:Runner._execute", "moves through the statechart, writes before it acts"),
    Step("engine/run/runner.py:Runner._perform", "the deadline of the state"),
    Step("states/lamp_off.py:LampOff.act", "the first state of every run: all lamps off", "paths.off"),
    Step("states/paths.py:LampPaths.off", "by every path at once, then read back", "path.off"),
    Step("devices/protocols.py:Lamps.off", "the driver's command"),
)
STOP = (
    Step("safelight/signals.py:Stops._on_signal", "Ctrl-C, SIGTERM or SIGHUP, at any moment", "self._act"),
    Step("safelight/commands/execution.py:_join", "what a signal means while a run is going on", "runner.stop"),
    Step("engine/run/runner.py:Runner.stop", "from any thread", "self._ask"),
    Step("engine/run/runner.py:Runner._ask", "keeps the reason, wakes the runner", "self._wake.set"),
    Step("engine/run/runner.py:Runner._execute", "starts nothing any more"),
    Step("engine/run/runner.py:Runner._shut_down", "cancels every task, then lamps before all else", "begin"),
    Step("engine/guard/safing.py:FinalSafing.begin", "a task that no cancellation reaches"),
    Step("engine/guard/safing.py:FinalSafing._make_safe", "twice, where a command may be obeyed late", "all_lamps"),
    Step("engine/guard/safing.py:Safing.all_lamps", "every lamp at once, then all-off"),
    Step("engine/guard/safing.py:Safing.one_lamp", "again and again, until it is read back as off", "_paths.off"),
    Step("states/paths.py:LampPaths.off", "by every path at once, confirmed only if none contradicts", "path.off"),
    Step("devices/protocols.py:Lamps.off", "the driver's command"),
)


# ---- the rooms


def sources(folder: Path) -> list[Path]:
    """Python files of a folder, in order."""
    return sorted(folder.rglob("*.py"))


@cache
def layers(contract: str) -> tuple[tuple[str, ...], ...]:
    """The layers of an import contract, from the top; what lies in one layer side by side."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    rows = parser[f"importlinter:contract:{contract}"]["layers"].split("\n")
    return tuple(tuple(name.strip() for name in row.replace(":", "|").split("|")) for row in rows if row.strip())


def home(package: str, room: str) -> Path:
    """Where a room lies: a folder or a file."""
    inside = "" if package == "safelight" else f"{package}/"
    folder = PLACES.get(room, f"safelight/{room}") if package == "safelight" else f"{inside}{room}"
    folder = folder.replace("show/", "safelight/show/") if package == "show" else folder
    return ROOT / folder if (ROOT / folder).is_dir() else ROOT / f"{folder}.py"


def imports(package: str, room: str, others: Sequence[str]) -> list[str]:
    """The other rooms of a package that a room imports, lazily and for types included."""
    prefix = "safelight." if package == "safelight" else f"safelight.{package}."
    place = home(package, room)
    found = set()
    for file in sources(place) if place.is_dir() else [place]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            found |= {name.removeprefix(prefix).partition(".")[0] for name in names if name.startswith(prefix)}
    return [other for other in others if other in found and other != room]


def rooms_picture(package: str, contract: str, title: str) -> str:
    """Draw the rooms of a package in their layers, each with its files and what it imports."""
    rows = layers(contract)
    names = [name for row in rows for name in row]
    body = [svg.words(EDGE, EDGE + 16, title, "big")]
    y = EDGE + 34.0
    for number, row in enumerate(rows):
        width = (WIDTH - 2 * EDGE - GAP * (len(row) - 1)) / len(row)
        for place, name in enumerate(row):
            x = EDGE + place * (width + GAP)
            lies = home(package, name)
            files = f"{len(sources(lies))} files" if lies.is_dir() else "1 file"
            used = ", ".join(imports(package, name, names)) or "nothing of these"
            body.append(svg.rect(x, y, width, BOX, f"box k-{LOOKS[number % len(LOOKS)]}", 6.0))
            body.append(svg.words(x + 10, y + 22, svg.fitting(f"{name}  ({files})", 12, width - 20, bold=True), "bold"))
            body.append(svg.words(x + 10, y + 41, svg.fitting(f"imports {used}", 11, width - 20), "small soft"))
        y += BOX + GAP
    return svg.document(WIDTH, y + EDGE - GAP, body, title)


# ---- the ways


@cache
def parsed(path: str) -> ast.Module:
    """A source file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def function_of(place: str) -> ast.AST:
    """The function that a step names.

    Raises:
        SystemExit: there is none.
    """
    path, _, name = place.partition(":")
    node: ast.AST = parsed(path)
    for part in name.split("."):
        children = [one for one in ast.iter_child_nodes(node) if getattr(one, "name", None) == part]
        if not children:
            raise SystemExit(f"{path} has no {name}: mend the ways in docs/make-architecture.py")
        node = children[0]
    return node


def called_in(place: str) -> set[str]:
    """Everything that a function names: `stop`, `runner.stop`."""
    names = (ast.unparse(one) for one in ast.walk(function_of(place)) if isinstance(one, ast.Name | ast.Attribute))
    return {tail for name in names for tail in (name, name.rpartition(".")[2], ".".join(name.split(".")[-2:]))}


def checked(way: Sequence[Step]) -> Sequence[Step]:
    """The way, if each step calls the next one.

    Raises:
        SystemExit: one does not.
    """
    for number, (step, after) in enumerate(pairwise(way)):
        wanted = step.calls or after.place.rpartition(":")[2].rpartition(".")[2]
        caller = way[number - 1].place if step.before else step.place
        if wanted not in called_in(caller):
            raise SystemExit(f"{caller} does not call {wanted}: mend the ways in docs/make-architecture.py")
    function_of(way[-1].place)
    return way


def way_picture(way: Sequence[Step], title: str) -> str:
    """Draw a way, one function below the other."""
    body = [svg.words(EDGE, EDGE + 16, title, "big")]
    y = EDGE + 34.0
    for number, step in enumerate(checked(way)):
        path, _, name = step.place.partition(":")
        if number:
            body.append(svg.line(EDGE + 20, y - 10, EDGE + 20, y, "wire"))
        body.append(svg.rect(EDGE, y, WIDTH - 2 * EDGE, 34, f"box k-{look(path)}", 6.0))
        body.append(svg.words(EDGE + 10, y + 22, f"{number}  {name}", "bold"))
        body.append(svg.words(EDGE + 240, y + 22, svg.fitting(step.reason, 12, 330)))
        body.append(svg.words(WIDTH - EDGE - 10, y + 22, path, "small soft", "end"))
        y += 44
    return svg.document(WIDTH, y + EDGE - 10, body, title)


def look(path: str) -> str:
    """The colour of a package."""
    looks: Mapping[str, str] = {"safelight": "check", "engine": "expose", "states": "warm", "devices": "readout"}
    return looks[path.partition("/")[0]]


def pictures() -> Iterator[tuple[str, str]]:
    """Name and content of each picture."""
    yield "architecture-packages.svg", rooms_picture("safelight", "packages", "The packages: imports point downwards")
    yield "architecture-engine.svg", rooms_picture("engine", "engine", "The packages of the engine")
    yield "architecture-show.svg", rooms_picture("show", "show", "The packages of show")
    yield "architecture-run.svg", way_picture(RUN, f"From `safelight run` to the first command: {len(RUN) - 1} calls")
    yield "architecture-stop.svg", way_picture(STOP, f"From Ctrl-C to a lamp's off: {len(STOP) - 1} calls")


def main(folder: Path, *, check: bool) -> int:
    """Draw every picture, or look whether that is needed; returns the exit code."""
    stale = []
    for name, content in pictures():
        file = folder / name
        if file.exists() and file.read_text(encoding="utf-8") == content:
            continue
        stale.append(name)
        if not check:
            file.write_text(content, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{name} {'is out of date' if check else 'written'}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--check"]
    sys.exit(main(Path(given[0]) if given else Path(__file__).parent / "pictures", check="--check" in sys.argv))
