"""The command `safelight`, and `python -m safelight`.

A version is told before anything else is imported; every command imports what it needs when it runs.
"""

import gc
import os
import sys

from safelight import __version__

__all__ = ["main"]

_MOVING = {"run", "resume", "lamps", "point", "fibsel", "expose"}
"""Commands that touch the instrument: from their first moment on, a signal means abort."""


def main() -> None:
    """Run one command; never returns."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"safelight {__version__}")  # noqa: T201
        sys.exit(0)
    from safelight import speech  # noqa: PLC0415
    from safelight.engine.collector import CALM  # noqa: PLC0415

    gc.set_threshold(*CALM)
    speech.open_streams()
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
    except BrokenPipeError:
        code = 0
    except Exception as error:  # noqa: BLE001 - a person gets a sentence, never a traceback
        code = speech.complain(error, debug="--debug" in sys.argv or bool(os.environ.get("SAFELIGHT_DEBUG")))
    speech.settle()
    if moving:
        STOPS.ignore()
    sys.exit(code)


if __name__ == "__main__":
    main()
