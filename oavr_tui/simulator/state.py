"""The simulated server's queue and history: in memory only, lost at a restart, as on a real server.

Prompts wait in a heap ordered by their number, and GET /queue shows that heap as it is: a real server does not sort it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HISTORY_LIMIT = 10_000
"""Entries kept before the oldest is forgotten, as in ComfyUI."""

Graph = dict[str, Any]
"""Node ids to nodes, as posted; what its values are is not certain before validation."""


@dataclass(order=True, slots=True)
class Prompt:
    """One prompt as it waits: lower numbers first. outputs: the output nodes that passed validation."""

    number: float
    prompt_id: str
    graph: Graph = field(compare=False)
    extra_data: dict[str, Any] = field(compare=False)
    outputs: list[str] = field(compare=False)

    def as_list(self) -> list[Any]:
        """The five-part form of /queue and /history."""
        return [self.number, self.prompt_id, self.graph, self.extra_data, self.outputs]

    @property
    def client_id(self) -> str | None:
        """Whose socket hears about it."""
        value = self.extra_data.get("client_id")
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Ended:
    """What a prompt left behind. messages: [type, data] as the socket would have had them."""

    success: bool
    outputs: dict[str, Any]
    meta: dict[str, Any]
    messages: list[list[Any]]


class PromptQueue:
    """Waiting, running and finished prompts. `changed` is called whenever the number of unfinished ones may differ."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._arrived = asyncio.Condition()
        self._next_number = 0
        self.pending: list[Prompt] = []
        self.running: Prompt | None = None
        self.history: dict[str, dict[str, Any]] = {}

    def take_number(self, *, front: bool) -> int:
        """The next prompt's place in the order; a negative one goes before everything else."""
        number = self._next_number
        self._next_number += 1
        return -number if front else number

    @property
    def remaining(self) -> int:
        """How many prompts are waiting or running."""
        return len(self.pending) + (self.running is not None)

    async def put(self, prompt: Prompt) -> None:
        """Add a prompt. The same id twice is queued twice: a real server does not look."""
        async with self._arrived:
            heapq.heappush(self.pending, prompt)
            self._changed()
            self._arrived.notify()

    async def take(self) -> Prompt:
        """Wait for the next prompt and mark it as running."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: bool(self.pending))
            self.running = heapq.heappop(self.pending)
            self._changed()
            return self.running

    def finish(self, prompt: Prompt, ended: Ended) -> None:
        """Write the prompt's history, after which it is no longer running."""
        if self.running is not prompt:
            return  # forgotten meanwhile: a lost history stays lost
        self.running = None
        if len(self.history) >= HISTORY_LIMIT:
            self.history.pop(next(iter(self.history)))
        self.history[prompt.prompt_id] = {
            "prompt": prompt.as_list(),
            "outputs": ended.outputs,
            "status": {
                "status_str": "success" if ended.success else "error",
                "completed": ended.success,
                "messages": ended.messages,
            },
            "meta": ended.meta,
        }
        self._changed()

    def delete(self, prompt_id: str) -> bool:
        """Take one waiting prompt out. It leaves no trace; the running one is not touched."""
        for prompt in self.pending:
            if prompt.prompt_id == prompt_id:
                self.pending.remove(prompt)
                heapq.heapify(self.pending)
                self._changed()
                return True
        return False

    def clear(self) -> None:
        """Take every waiting prompt out."""
        self.pending.clear()
        self._changed()

    def forget(self) -> None:
        """Lose queue and history, as a restart does. The running prompt's end is not written any more."""
        self.pending.clear()
        self.running = None
        self.history.clear()
        self._changed()

    def recent(self, max_items: int | None, offset: int) -> dict[str, dict[str, Any]]:
        """The history, oldest first: the last `max_items`, or those from `offset` on where it is not negative."""
        ids = list(self.history)
        if max_items is None:
            chosen = ids[max(0, offset) :]
        elif offset < 0:
            chosen = ids[max(0, len(ids) - max_items) :] if max_items > 0 else []
        else:
            chosen = ids[offset : offset + max(0, max_items)]
        return {prompt_id: self.history[prompt_id] for prompt_id in chosen}
