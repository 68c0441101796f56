"""Picture laid out by Graphviz, as an alternative to our own layout (decision 0006)."""

import shutil
import subprocess
from typing import Literal

from safelight.engine.errors import DrawingError

__all__ = ["laid_out"]

_LONGEST_S = 120
"""Time limit of Graphviz, s. It takes seconds for hundreds of states, and may never end for more."""


def laid_out(text: str, form: Literal["svg", "png"]) -> bytes:
    """Return the picture that `dot` makes of a text in its language.

    Args:
        text: a `digraph`.
        form: format of the picture.

    Raises:
        DrawingError: it is not installed, or can't draw this.
    """
    program = shutil.which("dot")
    if program is None:
        raise DrawingError(
            "--layout graphviz needs Graphviz's `dot` on the PATH; leave it out, and we draw by ourselves"
        )
    try:
        done = subprocess.run(  # noqa: S603 - the program was found, and nothing of the text is an argument
            [program, f"-T{form}"], input=text.encode(), capture_output=True, check=False, timeout=_LONGEST_S
        )
    except subprocess.TimeoutExpired:
        raise DrawingError(f"Graphviz was not done after {_LONGEST_S} s; `--detail blocks` makes it less") from None
    if done.returncode:
        raise DrawingError(f"Graphviz failed: {done.stderr.decode(errors='replace').strip()[:300]}")
    return done.stdout
