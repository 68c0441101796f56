"""Command `safelight`, and `python -m safelight`.

The version is printed before anything else is imported. Every command imports what it needs when it runs.
"""

import gc
import os
import sys

from safelight.version import __version__

__all__ = ["main"]

_MOVING = {"run", "resume", "lamps", "point", "fibsel", "expose"}
"""Commands that touch the instrument. A signal means abort from their beginning on."""

_TELLING_CODE = _MOVING | {"abort", "pause", "guard", "serve"}
"""Commands whose exit code reports lamps and runs. It does not depend on their output streams."""


def main() -> None:
    """Run one command. It never returns."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"safelight {__version__}")  # noqa: T201
        sys.exit(0)
    from safelight.commands import output  # noqa: PLC0415
    from safelight.engine.gc_tuning import CALM  # noqa: PLC0415
    from safelight.streams import lost_output, open_streams  # noqa: PLC0415

    gc.set_threshold(*CALM)
    open_streams()
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    moving = bool(words) and words[0] in _MOVING
    if moving:
        from safelight.signals import STOPS  # noqa: PLC0415

        STOPS.watch()
    code: int | str | None = 0
    try:
        from safelight.cli import app  # noqa: PLC0415

        app(prog_name="safelight")
    except SystemExit as exit_:
        code = exit_.code
    except Exception as error:  # noqa: BLE001 - a person gets a sentence, never a traceback
        code = output.complain(error, debug="--debug" in sys.argv or bool(os.environ.get("SAFELIGHT_DEBUG")))
    output.settle()
    lost = lost_output()
    if lost is not None:
        output.tell(f"a part of the result could not be written to standard output: {lost.strerror or lost}")
        code = code or (0 if words and words[0] in _TELLING_CODE else output.INTERNAL)
    if moving:
        STOPS.ignore()
        _leave_what_hangs(code)
    sys.exit(code)


def _leave_what_hangs(code: int | str | None) -> None:
    """End at once if a connection to lamps that are dark still hangs: the interpreter would wait for its thread."""
    if "safelight.commands.conducting" in sys.modules and isinstance(code, int | None):
        from safelight.commands.conducting import still_waits  # noqa: PLC0415

        if still_waits():
            os._exit(code or 0)


if __name__ == "__main__":
    main()
