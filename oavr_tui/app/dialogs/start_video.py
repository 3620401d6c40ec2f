"""The question before money is spent by somebody who does not have the price before their eyes."""

from __future__ import annotations

from oavr_tui.app.dialogs.question import BACK, Answer, Question
from oavr_tui.text import clock, safe

START = "start"


def start_video(portrait: str, voice: str, seconds: float, price: str, estimate: str) -> Question:
    """portrait, voice: names of the files. seconds: of the voice that are used. price: what it costs, as "about $0.10",
    empty where that is not known. estimate: what it takes, as a sentence.

    Answers START, or "" (also for Esc).
    """
    lines = [
        f"{safe(portrait, 60)} speaks {clock(seconds)} of {safe(voice, 60)}, on your RunPod.",
        estimate or "What it costs could not be found out now: RunPod charges its price by the second.",
    ]
    title = f"Make the full video, {price}?" if price else "Make the full video?"
    return Question(title, lines, [Answer(START, "Start", "primary"), BACK])
