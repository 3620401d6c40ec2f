"""The question at the door: running studios cost money, and videos are being made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oavr_tui.app.dialogs.question import Answer, Question
from oavr_tui.engine.given import is_address
from oavr_tui.errors import OavrError
from oavr_tui.models import PREVIEW, Job, JobState, Pod, PodKind, PodWish
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.heart import Heart
    from oavr_tui.app.live import Live
    from oavr_tui.engine.engine import Engine

_STOP_SECONDS = 60.0
"""How long leaving waits for pods to stop where nobody else sees to it."""


async def leaving(app: Heart) -> bool:
    """Whether to leave now; asks only where something goes on. Call it from a worker."""
    refused = ""
    while True:
        pods = app.live.running_pods
        here = [job for job in app.live.jobs if not job.ended and job.request.on == PREVIEW]
        away = [job for job in app.live.jobs if not job.ended and job.request.on != PREVIEW]
        if not (pods or here or away):
            return True
        lines = _lines(app, pods, away, here)
        given_up = [job for job in away if _is_rented(app, job)]
        answers = _answers(len(pods), len(given_up))
        if refused:
            title, lines = "Still here", [refused, *lines[:1]]
        else:
            title = "Leave OpenAvathar?"
        answer = await app.push_screen_wait(Question(title, lines, answers, focus=answers[-1].id))
        if answer != "stop" or app.engine is None:
            return answer in ("stop", "leave")
        refused = await _refusal(app, app.engine, pods, given_up)
        if not refused:
            return True


def _lines(app: Heart, pods: Sequence[Pod], away: Sequence[Job], here: Sequence[Job]) -> list[str]:
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
    return lines


def _answers(pods: int, given_up: int) -> list[Answer]:
    """given_up: how many videos would have to be canceled for the pods to stop."""
    stay = Answer("stay", "Stay")
    if not pods:
        return [stay, Answer("leave", "Quit", "primary")]
    it = "it" if pods == 1 else "them"
    stop = f"Stop {it} and quit"
    if given_up:
        stop = f"Cancel the video{'s' * (given_up != 1)}, stop {it} and quit"
    return [stay, Answer("stop", stop, "warning"), Answer("leave", f"Leave {it} running")]


def _is_rented(app: Heart, job: Job) -> bool:
    """Whether a full video needs a rented pod; one on an address of the person's own goes on without."""
    own = {name for pod in app.live.pods if pod.kind is PodKind.ADDRESS for name in (pod.name, pod.id)}
    return not is_address(job.request.on) and job.request.on not in own and job.pod not in own


async def _refusal(app: Heart, engine: Engine, pods: Sequence[Pod], given_up: Sequence[Job]) -> str:
    """Have videos canceled and pods stopped. Empty once that is done or seen to; else why not."""
    try:
        for job in given_up:
            now = app.live.job(job.id)
            if now is not None and not now.ended:  # it may have been finished while the question was open
                await engine.cancel(job.id)
        for pod in pods:
            now_there = app.live.pod(pod.id)
            if now_there is not None and now_there.billed:
                await engine.fleet.ask(now_there, PodWish.STOP)
    except OavrError as error:
        return error.message
    if engine.kept:
        return ""
    # Nobody is there who would carry the wish out once this process has ended.
    app.say("Stopping first, then this closes.", seconds=_STOP_SECONDS)
    ids = {pod.id for pod in pods}
    with engine.listen() as told:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                while any(pod.billed and pod.id in ids for pod in engine.fleet.book.all()):
                    await told.next()
        except TimeoutError:
            return "It has not stopped yet and goes on costing. Look at Pods (3), or try to leave again."
    return ""


def _videos(count: int) -> str:
    return "1 full video is" if count == 1 else f"{count} full videos are"


def _previews(count: int) -> str:
    return "1 preview is unfinished and" if count == 1 else f"{count} previews are unfinished; each"


def farewell(live: Live, folder: str, since: float) -> list[str]:
    """One line for the shell, once the app has gone: what goes on, and where the videos are; empty where nothing was
    made and nothing goes on. folder: of the videos. since: unix seconds of the app's start."""
    pods = [pod for pod in live.running_pods if pod.asked not in (PodWish.STOP, PodWish.TERMINATE)]
    making = sum(1 for job in live.jobs if not job.ended and not job.cancel_asked and job.request.on != PREVIEW)
    made = sum(1 for job in live.jobs if job.state is JobState.DONE and job.updated_at >= since)
    parts: list[str] = []
    if making:
        parts.append(f"{_videos(making)} being made")
    if pods:
        price = f"${sum(pod.per_hour for pod in pods):.2f}/h"
        parts.append(f"{'1 pod runs' if len(pods) == 1 else f'{len(pods)} pods run'} ({price})")
    if not (parts or made):
        return []
    going = f"Still going on: {', '.join(parts)}. " if parts else ""
    return [f"{going}Your videos are in {safe(folder, 600)}"]
