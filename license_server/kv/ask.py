"""Asking a store from a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from license_server.kv.interface import Done, Rule

T = TypeVar("T")

ANSWERS_WITHIN = 30.0
"""Seconds that a store may take for one rule, when the server asks for itself."""


async def ask(run: Callable[[Rule[T], Done[T]], None], rule: Rule[T]) -> T:
    """Runs a rule by `store.read` or `store.write`, for who can wait.

    Raises:
        StoreError: the store could not. TimeoutError: not within `ANSWERS_WITHIN`. And whatever the rule raises.
    """
    told: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def done(result: T | Exception) -> None:
        if told.done():
            return
        if isinstance(result, Exception):
            told.set_exception(result)
        else:
            told.set_result(result)

    run(rule, done)
    async with asyncio.timeout(ANSWERS_WITHIN):
        return await told
