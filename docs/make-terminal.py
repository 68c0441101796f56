"""Make the picture of a run in a terminal, docs/pictures/terminal.svg, from a run of the simulated observatory.

python docs/make-terminal.py [FOLDER]

The run takes four minutes, in real time: its times then agree with the plan, also on a busy machine. The picture shows
the screen during an exposure, and below it the end of the run.
"""

import io
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
from collections.abc import Iterator
from fcntl import ioctl
from html import escape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COMMAND = ("safelight", "run", "demo")
WIDTH, HEIGHT = 100, 30
"""Size of the terminal, columns and rows."""
_MOMENT = re.compile(r"light P1-7")
"""Words on the screen at the moment of the picture: a lamp is lit, and the mask moves."""
_ENDING = re.compile(r"(done|aborted|faulted|unsafe): ")
_PIECE = re.compile(rb"\x1b\[([?0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+|\x1b|\x07")

_COLOURS = [(240, 113, 120), (126, 200, 120), (229, 192, 96), (97, 175, 239), (198, 120, 221), (86, 182, 194)]
"""Red, green, yellow, blue, magenta, cyan."""
_THEME = TerminalTheme(
    (17, 21, 28),
    (222, 226, 230),
    [(17, 21, 28), *_COLOURS, (171, 178, 191)],
    [(92, 99, 112), *_COLOURS, (255, 255, 255)],
)

_FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>{title}</title>
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 16px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Screen:
    """Lines of a terminal with their colours, for the few control sequences that rich sends."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = 0
        self._look = ""
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Take output of the program, which may end within a letter or a control sequence."""
        data = self._rest + data
        kept = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        data, self._rest = data[:kept], data[kept:]
        for piece in _PIECE.finditer(data):
            self._piece(piece)

    def shown(self) -> list[str]:
        """Return all lines, with the last one that no line feed has ended yet."""
        return [*self.lines[: self._row], self._rest.decode(errors="replace")] if self._rest else list(self.lines)

    def _piece(self, piece: "re.Match[bytes]") -> None:
        text = piece[0]
        if text == b"\n":
            self._row += 1
            if self._row == len(self.lines):
                self.lines.append("")
        elif piece[2] == b"A":
            self._row = max(0, self._row - int(piece[1] or b"1"))
        elif piece[2] == b"K":
            self.lines[self._row] = ""
        elif piece[2] == b"m" or (piece[2] is None and text not in (b"\r", b"\x07", b"\x1b")):
            self.lines[self._row] += text.decode(errors="replace")


def main(folder: Path) -> None:
    """Make the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        during, after = _shots(Path(place))
    if not during or not Text.from_ansi(after[0]).plain.startswith("done: "):
        raise SystemExit("the run did not end as done, so no picture was made: is the machine too busy?")
    prompt = f"\x1b[1;32m$\x1b[0m {' '.join(COMMAND)}"
    (folder / "terminal.svg").write_text(_drawn([prompt, *during, "", "\x1b[2m...\x1b[0m", *after]), encoding="utf-8")


def _shots(place: Path) -> tuple[list[str], list[str]]:
    """Return the screen at the moment of the picture, and the last lines of the run."""
    screen, during = Screen(), list[str]()
    for data in _output(place):
        screen.take(data)
        words = Text.from_ansi("\n".join(screen.lines)).plain
        if not during and _MOMENT.search(words):
            during = _without_blanks(screen.shown())
    ends = [number for number, line in enumerate(screen.lines) if _ENDING.search(line)]
    last = [line.replace(str(place), "...") for line in _without_blanks(screen.lines[ends[-1] :])]
    return during, last


def _without_blanks(lines: list[str]) -> list[str]:
    return [line for line in lines if Text.from_ansi(line).plain.strip()]


def _output(place: Path) -> Iterator[bytes]:
    """Run the command in a terminal of its own, and yield its output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(place)
        program = Path(sys.executable).with_name(COMMAND[0])
        known = {"SAFELIGHT_HOME": str(place / "home"), "SAFELIGHT_OBSERVATORY": "simulated", "TERM": "xterm-256color"}
        os.execve(program, COMMAND, os.environ | known | {"COLUMNS": str(WIDTH), "LINES": str(HEIGHT)})  # noqa: S606
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    while select.select([terminal], [], [])[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        yield data
    os.waitpid(pid, 0)


def _drawn(lines: list[str]) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines:
        console.print(Text.from_ansi(line.rstrip("\n")), no_wrap=True, overflow="crop")
    frame = _FRAME.replace("{title}", escape("A run of safelight in a terminal"))
    return console.export_svg(title="", theme=_THEME, code_format=frame, unique_id="run")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
