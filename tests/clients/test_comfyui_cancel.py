"""Cancelling: the named prompt and no other, whatever its state, and only believed once it is seen."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from oavr_tui.clients.comfyui import ComfyUI
from oavr_tui.errors import Unreachable
from tests.clients.scripted import FAST, OTHER_ID, PROMPT_ID, Scripted, hang_up


async def test_running(either: Scripted, comfy_either: ComfyUI) -> None:
    either.running, either.pending = [PROMPT_ID], [OTHER_ID]
    assert await comfy_either.cancel(PROMPT_ID)
    assert (either.running, either.pending) == ([], [OTHER_ID])
    assert (await comfy_either.find(PROMPT_ID)).kind == "cancelled"


async def test_pending(either: Scripted, comfy_either: ComfyUI) -> None:
    either.running, either.pending = [OTHER_ID], [PROMPT_ID]
    assert await comfy_either.cancel(PROMPT_ID)
    assert (either.running, either.pending) == ([OTHER_ID], [])


async def test_never_a_bare_interrupt(either: Scripted, comfy_either: ComfyUI) -> None:
    either.running = [OTHER_ID]
    assert await comfy_either.cancel(PROMPT_ID)
    assert either.running == [OTHER_ID]
    assert not either.asked("POST", "/interrupt"), "a prompt that is not running is not interrupted"


async def test_begins_between_the_question_and_the_answer(comfy_either: ComfyUI, either: Scripted) -> None:
    async def begin_instead(request: web.Request) -> web.StreamResponse:
        either.pending, either.running = [], [PROMPT_ID]
        return web.Response()

    either.new = False
    either.pending = [PROMPT_ID]
    either.script("POST", "/queue", begin_instead)
    assert await comfy_either.cancel(PROMPT_ID)
    assert (await comfy_either.find(PROMPT_ID)).kind == "cancelled"
    assert [each.body for each in either.asked("POST", "/interrupt")] == [{"prompt_id": PROMPT_ID}]


async def test_repeated_until_it_is_seen(either: Scripted, comfy_either: ComfyUI) -> None:
    either.running, either.stubborn = [PROMPT_ID], 5
    assert await comfy_either.cancel(PROMPT_ID)
    assert either.running == [] and either.stubborn == 0


async def test_already_finished(either: Scripted, comfy_either: ComfyUI) -> None:
    either.finish(PROMPT_ID, {})
    assert await comfy_either.cancel(PROMPT_ID) is False


async def test_a_server_that_does_not_stop(either: Scripted) -> None:
    either.running, either.stubborn = [PROMPT_ID], 1_000_000
    timings = replace(FAST, cancel_give_up=0.2)
    async with ComfyUI(either.base, client_id="c1", timings=timings) as comfy:
        assert await comfy.cancel(PROMPT_ID) is False


async def test_a_hiccup_meanwhile(either: Scripted, comfy_either: ComfyUI) -> None:
    either.running = [PROMPT_ID]
    either.script("GET", "/queue", hang_up, hang_up)
    assert await comfy_either.cancel(PROMPT_ID)


async def test_nobody_answers(server: Scripted) -> None:
    server.script("POST", f"/api/jobs/{PROMPT_ID}/cancel", *[hang_up] * 10_000)
    timings = replace(FAST, cancel_give_up=0.2)
    async with ComfyUI(server.base, client_id="c1", timings=timings) as comfy:
        with pytest.raises(Unreachable):
            await comfy.cancel(PROMPT_ID)


async def test_a_cancel_that_ends_a_follow(either: Scripted, comfy_either: ComfyUI) -> None:
    from oavr_tui.errors import Cancelled

    either.running = [PROMPT_ID]
    following = asyncio.create_task(comfy_either.follow(PROMPT_ID))
    await either.until(lambda: "c1" in either.sockets)
    assert await comfy_either.cancel(PROMPT_ID)
    with pytest.raises(Cancelled):
        await following
