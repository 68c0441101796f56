"""Do several things at once; the first failure stops the others and comes out alone."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

__all__ = ["side_by_side", "together"]

T = TypeVar("T")


@asynccontextmanager
async def side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first failure comes out bare; the others are cancelled and awaited before.

    Raises:
        Exception: the first one's error.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise _first(failures) from None


async def together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Run coroutines beside each other; returns their results in order.

    Raises:
        Exception: the first one's error, as `side_by_side`.
    """
    async with side_by_side() as group:
        tasks = [group.create_task(work) for work in works]
    return [task.result() for task in tasks]


def _first(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
