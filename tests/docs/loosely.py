"""Comparing what a command has printed with what a page shows, without what differs each time."""

import re

__all__ = ["begins_with", "is_like"]

# What no two runs have in common, and what stands for it.
_VOLATILE = (
    # A shell that nobody types into speaks otherwise of its jobs.
    (re.compile(r"^(\[\d+\]([+-] .*| \d+)|\S+\.sh: line \d+: +\d+ Killed .*)$", re.MULTILINE), ""),
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\a|\r"), ""),
    (re.compile(r"\b\d{8}T\d{6}-([\w-]+?)-[0-9a-f]{4}\b"), r"RUN-\1"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DATE"),
    (re.compile(r"(?<![\d:])\d\d:\d\d:\d\d(\.\d+)?(?![\d:])"), "TIME"),
    (re.compile(r"\bDATET(?=TIME)"), "DATE "),
    (re.compile(r"\bprocess(es)? \d+( and \d+)?"), "PROCESS"),
    (re.compile(r"\b\d+(?= +(watching|acting|lingering|UNSAFE)\b)"), "PROCESS"),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "HASH"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "PORT"),
    (re.compile(r" --(home|state-dir) [^\s`]+"), ""),
    (re.compile(r"─+"), "─"),
    (re.compile(r"[ \t]+"), " "),
)


def _settled(text: str) -> list[str]:
    """Return the lines that say something, with the same word for all that differs each time."""
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _pattern(shown: str) -> str:
    """Return a regular expression for settled lines: `...` is anything in a line, or any lines."""
    parts = []
    for line in _settled(shown):
        if line == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(".*?".join(re.escape(part) for part in line.split("...")) + r"\n")
    return "".join(parts)


def is_like(shown: str, printed: str) -> bool:
    """Return whether a command printed what the page shows. Where the page shows nothing, anything is right."""
    lines = "".join(f"{line}\n" for line in _settled(printed))
    return not shown.strip() or re.fullmatch(_pattern(shown), lines) is not None


def begins_with(shown: str, printed: str) -> bool:
    """Return whether a command that goes on has printed what the page shows by now."""
    lines = "".join(f"{line}\n" for line in _settled(printed))
    return re.match(_pattern(shown), lines) is not None
