"""Running of a scene in a thread with its own event loop, so that a driver that hangs does not hang the suite."""

import asyncio
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from safelight.testing.errors import ContractBroken

__all__ = ["place_of", "play", "turns"]

_PATIENCE_S = 1.0
"""Time limit for the end of a cancelled task after a scene, s of wall time."""

_TURNS = 10

_ABANDONED: list[object] = []
"""Loops with tasks that can't be ended. They are kept, because their finalisers would disturb other tests."""


def play(scene: Callable[[], Awaitable[None]], limit_s: float) -> None:
    """Run a scene to its end, and raise what it raises.

    Args:
        scene: makes the coroutine.
        limit_s: time limit of the whole, s of wall time.

    Raises:
        ContractBroken: the scene did not end in time. The message says where it hangs.
    """
    errors: list[BaseException] = []

    def body() -> None:
        try:
            _run(scene)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=body, name="scene of a contract", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - the only way to it
        where = "".join(traceback.format_stack(frame)[-3:])
        raise ContractBroken(f"the scene did not end in {limit_s:g} s; a driver awaits and never blocks:\n{where}")
    if errors:
        raise errors[0]


def _run(scene: Callable[[], Awaitable[None]]) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_awaited(scene))
    finally:
        left = loop.run_until_complete(_ended())
        if left:
            _ABANDONED.append((loop, left))
        else:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
        asyncio.set_event_loop(None)


async def _awaited(scene: Callable[[], Awaitable[None]]) -> None:
    await scene()


async def _ended() -> "set[asyncio.Task[Any]]":
    """Cancel every other task, and close open connections. Return the tasks that do not end."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        _, left = await asyncio.wait(left, timeout=_PATIENCE_S)
    await turns()
    # A connection that was accepted and not served is closed only here.
    for transport in list(getattr(asyncio.get_running_loop(), "_transports", {}).values()):
        transport.abort()
    await turns()
    return left


async def turns() -> None:
    """Let the loop run a few cycles, in which transports open and close."""
    loop = asyncio.get_running_loop()
    for _ in range(_TURNS):
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned


def place_of(task: "asyncio.Future[Any]") -> str:
    """Return the innermost line of code at which a task waits."""
    inner: Any = task.get_coro() if isinstance(task, asyncio.Task) else None
    place = "an unknown place"
    while (frame := getattr(inner, "cr_frame", None)) is not None:
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        inner = inner.cr_await
    return place
