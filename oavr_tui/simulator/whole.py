"""Steps that are done whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def carried_through(work: Coroutine[Any, Any, Result]) -> Result:
    """Do it to its end, which must be near, and only then be cancelled.

    A server whose start is cancelled half-way listens on, and nobody is left who could close it.
    """
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        await asyncio.gather(task, return_exceptions=True)
        raise asyncio.CancelledError
    return task.result()
