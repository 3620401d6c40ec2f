"""The questions before a pod is started or stopped, and the one about what becomes of stopped ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oavr_tui.app.dialogs.question import BACK, Answer, Question
from oavr_tui.errors import OavrError
from oavr_tui.models import Pod, PodKind, PodState
from oavr_tui.pods.cost import rate, storage_rate
from oavr_tui.text import safe

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp

ASKED = "pods.asked_about_deletion"
"""Where the app remembers that the person was asked what becomes of stopped pods."""
_SETTING = "pods.terminate_after_hours"
_USUAL_HOURS = 24


async def ask_start(app: OavrApp, pod: Pod) -> bool:
    """Whether to start a stopped pod, with its price. Call it from a worker."""
    lines = [f"It costs {rate(pod.per_hour)} from now on, until it is stopped." if pod.per_hour else _UNKNOWN]
    lines.append(idle_words(app))
    answers = [Answer("start", "Start it", "primary"), BACK]
    asked = Question(f"Start {safe(pod.name, 60)}?", lines, answers)
    return await app.push_screen_wait(asked) == "start"


_UNKNOWN = "RunPod charges its price by the hour from now on, until it is stopped."


async def ask_stop(app: OavrApp, pod: Pod) -> bool:
    """Whether to stop a pod, with what that saves and keeps. Call it from a worker."""
    name = safe(pod.name, 60)
    lines = [f"It stops costing {rate(pod.per_hour)}." if pod.per_hour else "It stops costing its price by the hour."]
    if pod.volume:
        lines.append("It is on a network volume, so it is deleted rather than stopped; what is on the volume stays.")
    elif pod.starting and not pod.resumed:
        lines.append(
            "It is still starting: what it has fetched so far stays on its disk, and a later start is quicker."
        )
    else:
        storage = f" for {storage_rate(pod.storage_per_hour)}" if pod.storage_per_hour else ""
        lines.append(f"Its disk is kept{storage}, so that it starts again in a few minutes. {_deletion(app)}")
    answers = [Answer("stop", "Stop it", "warning"), BACK]
    return await app.push_screen_wait(Question(f"Stop {name}?", lines, answers, focus="stop")) == "stop"


def _deletion(app: OavrApp) -> str:
    """What becomes of a stopped pod, by the settings."""
    hours = app.settings.pods_terminate_after_hours
    if hours <= 0:
        return "It stays until you delete it."
    return f"Unused for {hours:g} hours, it is deleted; Settings can change that."


def idle_words(app: OavrApp) -> str:
    """When a running pod is stopped by itself."""
    if app.engine is None:
        return ""
    minutes = app.engine.fleet.plan.idle_minutes
    return f"It is stopped by itself after {minutes:g} minutes without work, also when this window is closed."


def deletion_is_open(app: OavrApp) -> bool:
    """Whether a pod of ours is stopped and the person was never asked what becomes of it."""
    return (
        ASKED not in app.memory.views
        and app.engine is not None
        and app.engine.settings.origin(_SETTING) == "default"
        and any(pod.kind is PodKind.RUNPOD and pod.state is PodState.STOPPED and not pod.found for pod in app.live.pods)
    )


async def ask_about_deletion(app: OavrApp) -> None:
    """Ask, once, what becomes of stopped pods, and save it as the setting. Call it from a worker."""
    if app.engine is None:
        return
    stopped = [pod for pod in app.live.pods if pod.state is PodState.STOPPED and not pod.found]
    price = sum(pod.storage_per_hour for pod in stopped)
    lines = [
        "A stopped pod keeps its disk, and that costs"
        f"{f' {storage_rate(price)}' if price else ''} until it is deleted.",
        f"Shall a pod that was stopped for {_USUAL_HOURS} hours be deleted by itself? The next full video would then "
        "start a new one, which takes longer. Videos are safe either way: a pod with an unsaved one is kept.",
        "You are asked this once; Settings can change it.",
    ]
    answers = [
        Answer("delete", f"Delete after {_USUAL_HOURS} hours", "primary"),
        Answer("keep", "Keep until I delete it"),
        Answer("", "Ask me later"),
    ]
    answer = await app.push_screen_wait(Question("What becomes of stopped pods?", lines, answers))
    if not answer:
        return  # put away: asked again another time
    try:
        await app.engine.change_setting(_SETTING, _USUAL_HOURS if answer == "delete" else 0)
    except OavrError as error:
        app.say(error.message, bad=True)
        return
    app.memory = replace(app.memory, views={**app.memory.views, ASKED: "yes"})
