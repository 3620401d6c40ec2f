"""Short last steps that must be carried through, whoever leaves meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(work: Coroutine[Any, Any, T], name: str) -> T:
    """Await short last steps to their end even when the task is cancelled meanwhile; that is not passed on.

    Whoever calls looks at `leaving()` afterwards. work: bounded in time by itself.
    """
    task = asyncio.create_task(work, name=name)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()


def leaving() -> bool:
    """Whether the task that calls has been asked to end."""
    task = asyncio.current_task()
    return task is not None and bool(task.cancelling())
