"""The question at the door: running studios cost money, and videos are being made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oavr_tui.app.dialogs.question import Answer, Question
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, Pod, PodWish

if TYPE_CHECKING:
    from oavr_tui.app.heart import Heart
    from oavr_tui.engine.engine import Engine

_STOP_SECONDS = 60.0
"""How long leaving waits for pods to stop where nobody else sees to it."""


async def leaving(app: Heart) -> bool:
    """Whether to leave now; asks only where something goes on. Call it from a worker."""
    pods = app.live.running_pods
    here = [job for job in app.live.jobs if not job.ended and job.request.on == PREVIEW]
    away = [job for job in app.live.jobs if not job.ended and job.request.on != PREVIEW]
    if not (pods or here or away):
        return True
    lines: list[str] = []
    if pods:
        price = f"${sum(pod.per_hour for pod in pods):.2f}/h"
        count = "1 pod is running" if len(pods) == 1 else f"{len(pods)} pods are running"
        lines.append(f"{count} ({price}).")
        if app.engine is not None:
            minutes = app.engine.fleet.plan.idle_minutes
            lines.append(
                f"Left running, {'it is' if len(pods) == 1 else 'each is'} stopped after {minutes:g} minutes without "
                "work, also when this is closed."
            )
    if away:
        lines.append(f"{_videos(len(away))} being made; that goes on, and is here at the next start.")
    if here:
        lines.append(f"{_previews(len(here))} starts over at the next start.")
    answers = [Answer("stay", "Stay")]
    if pods:
        it = "it" if len(pods) == 1 else "them"
        answers += [Answer("stop", f"Stop {it} and quit", "warning"), Answer("leave", f"Leave {it} running")]
    else:
        answers += [Answer("leave", "Quit", "primary")]
    answer = await app.push_screen_wait(Question("Leave OpenAvathar?", lines, answers, focus=answers[-1].id))
    if answer == "stop" and app.engine is not None:
        return await _stopped(app, app.engine, pods)
    return answer in ("stop", "leave")


async def _stopped(app: Heart, engine: Engine, pods: Sequence[Pod]) -> bool:
    """Have pods stopped; returns whether that is done, or is seen to by somebody who stays."""
    try:
        for pod in pods:
            await engine.fleet.ask(pod, PodWish.STOP)
    except OavrError as error:
        app.say(error.message, bad=True)
        return False
    if engine.kept:
        return True
    # Nobody is there who would carry the wish out once this process has ended.
    app.say("Stopping first, then this closes.", seconds=_STOP_SECONDS)
    ids = {pod.id for pod in pods}
    with engine.listen() as told:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                while any(pod.billed and pod.id in ids for pod in engine.fleet.book.all()):
                    await told.next()
        except TimeoutError:
            app.say("It has not stopped yet and goes on costing. Look at Pods (3), or try to leave again.", bad=True)
            return False
    return True


def _videos(count: int) -> str:
    return "1 full video is" if count == 1 else f"{count} full videos are"


def _previews(count: int) -> str:
    return "1 preview is unfinished and" if count == 1 else f"{count} previews are unfinished; each"
