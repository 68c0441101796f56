"""Ask several actors at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

__all__ = ["all_of", "each_of"]

T = TypeVar("T")


async def all_of(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run them beside each other; the first failure stops the others and comes out alone.

    Raises:
        Exception: the first one's error.
    """
    failure: BaseException
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
        return [task.result() for task in tasks]
    except BaseExceptionGroup as failures:
        failure = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    raise failure


async def each_of(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run them beside each other, all to the end; then the first failure comes out.

    Raises:
        Exception: the first one's error.
    """
    results = await asyncio.gather(*works, return_exceptions=True)
    found: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found
