"""`safelight use`."""

from typing import Annotated

import typer

from safelight.commands.options import AsJson, Home

__all__ = ["use"]

Which = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE|NAME", show_default=False, help="The observatory: a document, or one that comes with safelight."
    ),
]
Forget = Annotated[bool, typer.Option("--forget", help="Have no default any more.")]

_WHY = {
    "variable": "from $SAFELIGHT_OBSERVATORY",
    "default": "the default of this state folder",
    "assumed": "because none was chosen",
}


def use(observatory: Which = None, *, forget: Forget = False, home: Home = None, as_json: AsJson = False) -> None:
    """Set the default observatory of commands and Python. Without FILE, print the present one.

    An option or argument comes first, then $SAFELIGHT_OBSERVATORY, then this default, then the simulated observatory.
    """
    from safelight.commands.check import look_at_drivers  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine.default_observatory import choose_observatory, forget_default  # noqa: PLC0415
    from safelight.engine.default_observatory import use as make_default  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415

    if forget and observatory is not None:
        raise RunRefused("expected an observatory or --forget, got both")
    if forget:
        forget_default(home)
    if observatory is not None:
        look_at_drivers(load_observatory(observatory))
        make_default(observatory, home)
    choice = choose_observatory(None, home)
    if as_json:
        put_json({"observatory": choice.source, "why": choice.why})
    else:
        put(f"{choice.source}  ({_WHY[choice.why]})")
