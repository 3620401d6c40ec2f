"""Children: what they answer, how they die, and that cancelling kills them."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.child import run_in_child
from oavr_tui.errors import BadInput, OutOfMemory, Rejected

SENTENCE = "The helper stopped unexpectedly. Try again."


async def ask(task: Mapping[str, Any], *, deadline: float = 30.0, on_progress: Any = None) -> dict[str, Any]:
    return await run_in_child(
        "tests.children", task, deadline=deadline, crash_message=SENTENCE, on_progress=on_progress
    )


async def test_progress_and_result() -> None:
    heard: list[Mapping[str, Any]] = []
    result = await ask({"do": "count", "to": 3}, on_progress=heard.append)
    assert [each["at"] for each in heard] == [0, 1, 2]
    assert result == {"to": 3}


async def test_what_a_library_prints_is_no_answer() -> None:
    assert await ask({"do": "chatter"}) == {"quiet": True}


async def test_an_error_comes_back_as_itself() -> None:
    with pytest.raises(BadInput, match="nothing of use") as raised:
        await ask({"do": "refuse"})
    assert not raised.value.can_retry


@pytest.mark.parametrize("how", ["abort", "exit", "raise"])
async def test_a_crash_is_a_sentence(how: str) -> None:
    with pytest.raises(Rejected) as raised:
        await ask({"do": how})
    assert raised.value.message == SENTENCE


async def test_memory() -> None:
    with pytest.raises(OutOfMemory):
        await ask({"do": "memory"})
    with pytest.raises(OutOfMemory):
        await ask({"do": "killed"})


async def test_silence_ends_at_the_deadline() -> None:
    with pytest.raises(Rejected) as raised:
        await ask({"do": "hang"}, deadline=1.0)
    assert raised.value.can_retry


async def test_cancelling_kills_the_child(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    task = asyncio.create_task(ask({"do": "hang", "mark": str(mark)}))
    async with asyncio.timeout(30):
        while not mark.exists() or not mark.read_text():
            await asyncio.sleep(0.01)
    pid = int(mark.read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_cancellation_that_comes_together_with_the_answer_is_not_forgotten() -> None:
    def cancel(_said: Mapping[str, Any]) -> None:
        task.cancel()

    task = asyncio.create_task(ask({"do": "count", "to": 1}, on_progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("turns", range(4))
def test_a_loop_that_ends_leaves_no_child(tmp_path: Path, turns: int) -> None:
    """Whoever asked has been cancelled a moment ago, when the loop cancels all that is left in it."""
    mark = tmp_path / "pid"

    async def leave() -> None:
        task = asyncio.create_task(ask({"do": "hang", "mark": str(mark)}))
        async with asyncio.timeout(30):
            while not mark.exists() or not mark.read_text():
                await asyncio.sleep(0.01)
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)

    asyncio.run(leave())
    gc.collect()  # what is left open is warned of, which is an error here
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
