"""Colours that colour-blind people can distinguish (Okabe and Ito, 2008), on light and dark paper. Pure functions.

The meaning of each colour is also given by words, a sign or a pattern, so that it is visible in print as well.
"""

from collections.abc import Mapping
from typing import Literal

__all__ = ["KINDS", "MARKS", "Theme", "look_of", "style"]

Theme = Literal["auto", "light", "dark"]

_ORANGE, _SKY, _GREEN, _YELLOW = "#e69f00", "#56b4e9", "#009e73", "#f0e442"
_BLUE, _RED, _PINK, _GREY = "#0072b2", "#d55e00", "#cc79a7", "#80858d"

KINDS: Mapping[str, str] = {
    "warm": _ORANGE,
    "lit": _YELLOW,
    "expose": _BLUE,
    "readout": _SKY,
    "move": _PINK,
    "off": _GREEN,
    "check": _GREY,
    "bad": _RED,
}
"""Kind of drawn part -> its colour."""

MARKS: Mapping[str, str] = {
    "done": _GREEN,
    "retried": _ORANGE,
    "failed": _RED,
    "stopped": _PINK,
    "now": _BLUE,
    "waiting": _GREY,
}
"""Outcome of a state -> its colour."""

_LOOKS = {
    "lamp-warmup": "warm",
    "lamp-timed": "lit",
    "shutter-timed": "lit",
    "expose": "expose",
    "adopt": "expose",
    "readout": "readout",
    "point": "move",
    "park": "move",
    "fibsel-step": "move",
    "configure": "move",
    "lamp-off": "off",
    "safing": "off",
    "ready": "check",
}

_LIGHT = {"paper": "#ffffff", "ink": "#1b1d21", "soft": "#555b64", "edge": "#8b9099", "panel": "#f6f7f9"}
_DARK = {"paper": "#15171b", "ink": "#eceef1", "soft": "#b0b5bd", "edge": "#767c86", "panel": "#1d2025"}


def look_of(kind: str) -> str:
    """Return the one of `KINDS` for a state's kind."""
    return _LOOKS.get(kind, "check")


def style(theme: Theme, font: str) -> str:
    """Return the style sheet of a picture, with everything below `.safelight`."""
    shape = (
        f".safelight .t{{font-family:{font};font-size:12px}}"
        ".safelight .big{font-size:18px;font-weight:bold}.safelight .bold{font-weight:bold}"
        ".safelight .small{font-size:11px}.safelight .wire{fill:none;stroke-width:1.3}"
        ".safelight .sign{fill:none;stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}"
        ".safelight .box{stroke-width:1.2}.safelight .panel{stroke-width:1}"
        ".safelight .lanes{stroke-width:1.4;stroke-dasharray:6 4}.safelight .split{stroke-width:1;stroke-dasharray:2 4}"
        ".safelight .bar{stroke-width:3.5}.safelight .heavy{stroke-width:2.6}.safelight .none{fill:none}"
        ".safelight .axis{stroke-width:1}.safelight .grid{stroke-width:0.6}.safelight .waiting{stroke-dasharray:4 3}"
    )
    if theme != "auto":
        return shape + _paint(_DARK if theme == "dark" else _LIGHT, 0.30 if theme == "dark" else 0.17)
    dark = _paint(_DARK, 0.30)
    light = _paint(_LIGHT, 0.17)
    return f"{shape}{light}@media (prefers-color-scheme:dark){{{dark}}}@media print{{{light}}}"


def _paint(tones: Mapping[str, str], strength: float) -> str:
    paper, ink, soft, edge, panel = (tones[name] for name in ("paper", "ink", "soft", "edge", "panel"))
    rules = [
        f".safelight .paper{{fill:{paper}}}.safelight .t{{fill:{ink}}}.safelight .soft{{fill:{soft}}}",
        f".safelight .wire,.safelight .split,.safelight .axis{{stroke:{edge}}}.safelight .head{{fill:{edge}}}",
        f".safelight .panel{{fill:{panel};stroke:{edge}}}.safelight .lanes{{fill:{panel};stroke:{soft}}}",
        f".safelight .bar{{stroke:{ink}}}.safelight .grid{{stroke:{edge};stroke-opacity:0.45}}",
        f".safelight .hatch{{stroke:{paper};stroke-opacity:0.75;stroke-width:1.6;fill:none}}",
        f".safelight .way{{fill:{ink}}}",
        f".safelight .box{{fill:{panel};stroke:{edge}}}.safelight .hint{{stroke:{soft};stroke-width:1.4}}",
    ]
    for name, colour in KINDS.items():
        pale = _mixed(colour, paper, strength)
        rules.append(f".safelight .k-{name}{{fill:{pale};stroke:{colour}}}.safelight .f-{name}{{fill:{colour}}}")
    for name, colour in MARKS.items():
        pale = _mixed(colour, paper, strength)
        rules.append(f".safelight .m-{name}{{fill:{pale};stroke:{colour}}}.safelight .g-{name}{{fill:{colour}}}")
        rules.append(f".safelight .mark-{name}{{stroke:{_mixed(colour, ink, 0.8)}}}")
    return "".join(rules)


def _mixed(colour: str, with_: str, share: float) -> str:
    """Return a mixture of two colours. `share` is the part of the first."""
    parts = ((int(colour[at : at + 2], 16), int(with_[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(share * one + (1 - share) * other):02x}" for one, other in parts)
