"""What the commands that touch the instrument by hand share."""

from pathlib import Path
from typing import Any

__all__ = ["facts", "opening"]


def opening(home: Path | None, faults: Path | None, speed: str) -> dict[str, Any]:
    """The options of a command, as `bench_top` takes them.

    Raises:
        ObservatoryError: the file of faults can't be read.
    """
    from safelight.devices.simulated.faults import load_faults  # noqa: PLC0415 - a command pays for what it uses

    return {"home": home, "faults": load_faults(faults) if faults else (), "speed": speed}


def facts(bench: Any) -> dict[str, Any]:
    """What every answer of an instrument carries: which, and when."""
    return {"observatory": bench.observatory.name, "time": bench.instrument.clock.utc().isoformat()}
