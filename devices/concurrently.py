"""Running of several coroutines at once, with the first failure raised alone."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from safelight.devices.errors import DeviceError

__all__ = ["each_of", "side_by_side", "those_that_answer", "together"]

T = TypeVar("T")


@asynccontextmanager
async def side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a task group whose first failure is raised bare, after the others are cancelled and awaited.

    Raises:
        Exception: the first failure.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise _first(failures) from None


async def together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Run coroutines in parallel. Return their results in order.

    Raises:
        Exception: the first failure, as `side_by_side`.
    """
    async with side_by_side() as group:
        tasks = [group.create_task(work) for work in works]
    return [task.result() for task in tasks]


async def each_of(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run coroutines in parallel, all to the end. Then raise the first failure.

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


async def those_that_answer(works: Iterable[Coroutine[Any, Any, T]]) -> list[T | None]:
    """Run coroutines in parallel, all to the end. Return their results, None for each that failed.

    Raises:
        DeviceError: all have failed.
        Exception: the first failure, if one is of another kind.
    """
    answers = await asyncio.gather(*works, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    if failures and (
        len(failures) == len(answers) or not all(isinstance(failure, DeviceError) for failure in failures)
    ):
        raise failures[0]
    return [None if isinstance(answer, BaseException) else answer for answer in answers]


def _first(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
