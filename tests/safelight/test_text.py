"""Words on terminals: nothing in a name or an error steers one, and what to type reaches the right lamps."""

import io
import shlex
from pathlib import Path

import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from safelight.commands.output import put, tell, warn
from safelight.engine.command_hints import CommandHints
from safelight.engine.home import users_home
from safelight.show.console import SafeConsole
from safelight.show.progress.live_state import LiveState
from safelight.show.progress.messages import ProgressMessage, alarm
from safelight.show.progress.plain import PlainDisplay
from safelight.show.progress.progress import Progress
from safelight.show.progress.terminal import LiveDisplay
from safelight.text import legible

EVIL = "\x1b[2Jx\x07\x9b31m\r\u202ey\u2028\udcff\x00"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("plain words, °é中 …", "plain words, °é中 …"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("a\u00a0wide\u3000blank", "a wide blank"),
        ("\x1b[31m", "�[31m"),
        ("a\r\x08\x7f\x85b", "a����b"),
        ("\u202e\u2066\u200b\u2028\ufeff", "�����"),
        ("half \udcff", "half �"),
    ],
)
def test_what_can_not_be_printed_has_a_sign(words: str, shown: str) -> None:
    """Escape sequences, turned writing, unseen letters and broken bytes are seen to be there. All else is as it was."""
    assert legible(words) == shown
    assert legible(shown) == shown


def test_rich_alone_steers_the_terminal() -> None:
    """In texts, tables, boxes and plain strings, with styles: all escape sequences that come out are rich's colours."""
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, width=60, color_system="standard", legacy_windows=False)
    table = Table(title=EVIL)
    table.add_column(EVIL)
    table.add_row(Text(EVIL, style="red"))
    table.add_row(f"[bold]{EVIL}[/nonsense]")
    for thing in (EVIL, Text(EVIL, style="bold red"), table, Panel(Text(EVIL), title=Text(EVIL))):
        console.print(thing)
    shown = out.getvalue()
    assert "[bold]" in shown
    assert "\x1b[31m" in shown
    for sign in ("\x1b[2J", "\x07", "\x9b", "\u202e", "\u2028", "\udcff", "\x00"):
        assert sign not in shown


def test_lines_and_alarms_are_clean() -> None:
    """Errors of devices are shown as words in lines and in the alarm, and an error's brackets don't swallow it."""
    told: list[str] = []
    plain = PlainDisplay(told.append)
    plain.say(ProgressMessage(EVIL, "bad", "03:00:00"))
    plain.shout(alarm({EVIL: "on"}, {EVIL: EVIL}))
    assert "".join(told).count("\x07") == 1  # the alarm's own bell
    assert not any(sign in "".join(told) for sign in ("\x1b", "\x9b", "\u202e", "\r"))
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, width=80, color_system=None, legacy_windows=False)
    live = LiveDisplay(LiveState(), lambda: pytest.fail("nothing is drawn"), console)
    live.shout(alarm({"Quartz": "unknown"}, {"Quartz": "refused [/red] [link=x] \x1b[2J"}))
    live.close()
    assert "UNSAFE: Quartz is NOT confirmed off" in out.getvalue()
    assert "refused [/red] [link=x] �[2J" in out.getvalue()


def test_results_and_words_for_people_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    """What commands print, on either stream, holds no letter that steers."""
    put(EVIL)
    tell(EVIL)
    warn(EVIL)
    said = capsys.readouterr()
    assert said.out == legible(EVIL) + "\n"
    assert said.err == 2 * (legible(EVIL) + "\n")


# ---- what to type


def test_commands_by_hand_reach_the_same_lamps(tmp_path: Path) -> None:
    """Another observatory and another home are named, with paths that hold anywhere. The usual ones are not."""
    site, home = tmp_path / "a site.yaml", tmp_path / "home"
    by_hand = CommandHints.at(site, home)
    off = ["safelight", "lamps", "off", "--observatory", str(site), "--state-dir", str(home)]
    assert shlex.split(by_hand.lamps("off")) == off
    assert shlex.split(by_hand.guard_status()) == ["safelight", "guard", "status", "--state-dir", str(home)]
    for usual in (None, users_home()):
        assert CommandHints.at("simulated", usual).lamps("status") == "safelight lamps status"
    assert CommandHints.at("lvm", None).lamps("off") == "safelight lamps off --observatory lvm"


def test_the_alarm_names_the_lamps_that_are_meant(tmp_path: Path) -> None:
    """A run that ends unsafe at a site of its own shouts the command for that site, not for the simulated lamps."""
    out, site = io.StringIO(), tmp_path / "site.yaml"
    progress = Progress(out)
    head = {"time": "2026-01-01T00:00:00+00:00", "run": "r", "folder": "f"}
    begun = {"event": "run.started", "sequence": "s", "observatory": "site", "frames_asked": 1, "total_s": 1.0}
    progress.hear({**head, **begun, "observatory_source": str(site), "home": str(tmp_path)})
    lamps = {"Quartz": "on"}
    end = {"event": "run.finished", "outcome": "unsafe", "frames": 0, "frames_asked": 1, "bad_frames": 0}
    progress.hear({**head, **end, "lamps": lamps, "elapsed_s": 1.0, "reason": None})
    progress.close()
    assert f"`safelight lamps off --observatory {site} --state-dir {tmp_path}`" in out.getvalue()
