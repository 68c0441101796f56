"""Processes of this machine, looked up by number: a number may have been given to another process since."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["process_exists", "process_runs", "process_started"]

_LARGEST_PID = 2**31


def process_exists(pid: int) -> bool:
    """Return whether a process of any user has this number now."""
    if not 0 < pid < _LARGEST_PID:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def process_started(pid: int) -> str:
    """Return when a process began, in the system's own words, to distinguish it from a later one with its number.

    Returns:
        An empty text where there is no such process, or where it has ended and only its entry is left.
    """
    if not 0 < pid < _LARGEST_PID:
        return ""
    with suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The second field is the name, which may hold blanks and brackets; the 22nd is the start in clock ticks.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else f"{boot[:8]}-{fields[19]}"
    return "running" if process_exists(pid) else ""


def process_runs(pid: int, module: str) -> bool:
    """Return whether a process was started with this module in its command line.

    Where the system lists no command lines, any process with the number counts.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return process_exists(pid) if not Path("/proc/self").exists() else False
    return module.encode() in command
