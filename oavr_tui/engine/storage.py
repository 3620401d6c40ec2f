"""The store behind one worker thread: a durable write waits for the disk, and the screen must not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from oavr_tui.store.store import Store

T = TypeVar("T")


class StoreThread:
    """Runs calls on the Store one after the other, in the order they were asked for."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "store")
        self._store: Store | None = None

    async def open(self, file: Path, *, read_only: bool = False) -> tuple[str, ...]:
        """Open the store and return what it has to say (repairs, a newer version), as sentences. read_only: nothing is
        created, repaired or written."""

        def work() -> tuple[str, ...]:
            from oavr_tui.store.store import Store  # 30 ms: after the first frame

            self._store = Store(file, read_only=read_only)
            return tuple(self._store.notes)

        return await self._run(work)

    async def do(self, call: Callable[[Store], T]) -> T:
        """Run `call(store)` in the thread. When the caller is cancelled, the call itself still completes."""

        def work() -> T:
            if self._store is None:
                raise RuntimeError("the store is not open")
            return call(self._store)

        return await self._run(work)

    async def close(self) -> None:
        def work() -> None:
            if self._store is not None:
                self._store.close()
                self._store = None

        await self._run(work)
        self._pool.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
