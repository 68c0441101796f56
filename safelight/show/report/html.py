"""Report as one self-contained HTML file, without network or scripts, with the pictures inside. Pure functions."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape

from safelight.show.report.parts import Banner, Code, Figure, FrameCard, Frames, Part, Section, Table, Words

__all__ = ["to_html"]

_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1d21;--soft:#555b64;--edge:#d4d8de;--panel:#f6f7f9;
--good:#00694c;--warning:#8a5a00;--bad:#a84300}
@media (prefers-color-scheme:dark){:root{--paper:#15171b;--ink:#eceef1;--soft:#b0b5bd;--edge:#3a3f47;--panel:#1d2025;
--good:#4fd0a6;--warning:#f2b84b;--bad:#ff9a5c}}
@media print{:root{--paper:#fff;--ink:#000;--soft:#333;--edge:#999;--panel:#fff;
--good:#004d38;--warning:#6b4600;--bad:#8a3700}
details::details-content{content-visibility:visible;height:auto}figure svg{min-width:0}
section{break-inside:auto}.card,tr,figure{break-inside:avoid}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:1260px;background:var(--paper);color:var(--ink);
font:15px/1.5 Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.4rem 0}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--edge)}
nav a{color:inherit;margin-right:1rem}nav{color:var(--soft);font-size:.9rem}
.banner{border-left:6px solid var(--soft);background:var(--panel);padding:.45rem .8rem;margin:.4rem 0;font-weight:bold}
.good{border-color:var(--good)}.warning{border-color:var(--warning)}.bad{border-color:var(--bad)}
.banner b{color:var(--soft)}.good b{color:var(--good)}.warning b{color:var(--warning)}.bad b{color:var(--bad)}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.9rem;min-width:20rem}th,td{text-align:left;padding:.25rem .7rem .25rem 0;
border-bottom:1px solid var(--edge);vertical-align:top}th{color:var(--soft);font-weight:normal}
th,td{white-space:nowrap}td.long{white-space:normal;overflow-wrap:anywhere;min-width:14rem}
td.code{font-family:'Roboto Mono',Consolas,'DejaVu Sans Mono',monospace;font-size:.78rem;
white-space:normal;overflow-wrap:anywhere;min-width:11rem}
.pairs{min-width:0}.pairs td,.pairs td.long,.pairs td.code{white-space:normal;overflow-wrap:anywhere;min-width:0}
.pairs td:first-child{min-width:6.6rem}@media(max-width:600px){th,td{padding-right:.4rem}
td.long{min-width:8rem}}
pre{background:var(--panel);padding:.8rem;overflow-x:auto;font-size:.85rem}
summary{cursor:pointer;color:var(--soft);padding:.3rem 0}
figure{margin:.6rem 0}figure svg{max-width:100%;height:auto;min-width:680px;border:1px solid var(--edge)}
figcaption,.soft{color:var(--soft);font-size:.85rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(258px,1fr));gap:.8rem}
.card{border:1px solid var(--edge);border-top:4px solid var(--good);background:var(--panel);
padding:.6rem;font-size:.85rem}
.card.not{border-top-color:var(--bad)}.card h3{font-size:.95rem;margin:0 0 .3rem}.card img{width:112px;height:auto;
image-rendering:pixelated;border:1px solid var(--edge);float:right;margin:0 0 .3rem .5rem}
.card dl{margin:.3rem 0;display:grid;grid-template-columns:auto 1fr;gap:0 .6rem;clear:both}
.card dt{color:var(--soft)}.card dd{margin:0}
.spectrum{width:100%;height:auto;clear:both;display:block}.spectrum text{font-size:10px;fill:var(--soft)}
"""


def to_html(title: str, sections: Sequence[Section]) -> str:
    """Return the whole file.

    Args:
        title: title of the page.
        sections: in order.
    """
    links = " ".join(f'<a href="#{_anchor(one.title)}">{_shown(one.title)}</a>' for one in sections)
    body = "\n".join(line for section in sections for line in _section(section))
    # The policy excludes scripts and addresses, even by mistake.
    rules = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{rules}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_shown(title)}</title>
<style>{_STYLE}</style></head><body>
<h1>{_shown(title)}</h1><nav>{links}</nav>
{body}
</body></html>
"""


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{_anchor(section.title)}"><h2>{_shown(section.title)}</h2>'
    for part in section.parts:
        yield from _part(part)
    yield "</section>"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", title.lower()).strip("-")


def _part(part: Part) -> Iterator[str]:
    if isinstance(part, Banner):
        signs = {"good": "✓", "warning": "!", "bad": "✗", "plain": "·"}
        yield f'<p class="banner {part.tone}"><b>{signs[part.tone]}</b> {_shown(part.words)}</p>'
    elif isinstance(part, Words):
        yield f"<p>{_shown(part.text)}</p>"
    elif isinstance(part, Code):
        yield f"<details><summary>{_shown(part.title)}</summary><pre>{_shown(part.text)}</pre></details>"
    elif isinstance(part, Figure):
        yield f'<figure><div class="wide">{part.svg}</div><figcaption>{_shown(part.words)}</figcaption></figure>'
    elif isinstance(part, Table):
        yield from _table(part)
    else:
        yield from _frames(part)


def _table(table: Table) -> Iterator[str]:
    if table.folded:
        yield f"<details><summary>{_shown(table.folded)}</summary>"
    head = "".join(f"<th>{_shown(name)}</th>" for name in table.head)
    yield '<div class="wide">' + (f"<table><tr>{head}</tr>" if head else '<table class="pairs">')
    for row in table.rows:
        yield "<tr>" + "".join(_cell(cell) for cell in row) + "</tr>"
    yield "</table></div>" + ("</details>" if table.folded else "")


def _cell(words: str) -> str:
    look = ' class="code"' if re.fullmatch("[0-9a-f]{40,}", words) else ' class="long"' if len(words) > _LONG else ""
    return f"<td{look}>{_shown(words)}</td>"


_LONG = 40


def _frames(frames: Frames) -> Iterator[str]:
    yield '<div class="cards">'
    for card in frames.cards:
        yield from _card(card)
    yield "</div>"
    if frames.left_out:
        yield f'<p class="soft">{_shown(frames.left_out)}</p>'


def _card(card: FrameCard) -> Iterator[str]:
    yield f'<div class="card{"" if card.verdict == "good" else " not"}"><h3>{_shown(card.frame)}</h3>'
    if card.thumbnail:
        coded = b64encode(card.thumbnail).decode()
        yield f'<img alt="{_shown(card.frame)}" src="data:image/png;base64,{coded}">'
    yield f"<div>{_shown(card.words)}</div>"
    yield "<dl>" + "".join(f"<dt>{_shown(n)}</dt><dd>{_shown(v)}</dd>" for n, v in card.facts) + "</dl>"
    yield f"{card.spectrum}</div>"


def _shown(text: str) -> str:
    """Return escaped words, without characters that are invisible or change the direction of writing."""
    clear = (letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return escape("".join(clear))
