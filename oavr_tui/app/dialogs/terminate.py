"""The question before a pod is deleted for good, or an own address forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oavr_tui.app.dialogs.question import BACK, Answer, Question
from oavr_tui.models import Pod
from oavr_tui.pods.cost import money
from oavr_tui.text import safe, safe_url

if TYPE_CHECKING:
    from oavr_tui.app.app import OavrApp


async def ask_terminate(app: OavrApp, pod: Pod, spent: float) -> bool:
    """Whether to delete a rented pod, with what is lost. spent: dollars so far. Call it from a worker."""
    lines = [
        "The machine and everything on its disk are deleted; that cannot be undone. "
        + (
            "What is on its network volume stays."
            if pod.volume
            else "The next full video starts a new one, which fetches the video engine again (some 34 GB)."
        ),
        f"It costs nothing from then on{f'; it has cost {money(spent)} so far' if spent else ''}. "
        "Finished videos are on this computer and stay.",
    ]
    if pod.found:
        lines.insert(0, "It was not started here: somebody else, or this app on another computer, may be using it.")
    answers = [Answer("terminate", "Delete it for good", "error"), BACK]
    return await app.push_screen_wait(Question(f"Terminate {safe(pod.name, 60)}?", lines, answers)) == "terminate"


async def ask_forget(app: OavrApp, pod: Pod) -> bool:
    """Whether to forget an own address. Call it from a worker."""
    lines = [f"{safe_url(pod.url)} and its token are taken off this list. Nothing happens to the server itself."]
    answers = [Answer("forget", "Forget it", "warning"), BACK]
    return await app.push_screen_wait(Question(f"Forget {safe(pod.name, 60)}?", lines, answers)) == "forget"
