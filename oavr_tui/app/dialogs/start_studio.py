"""Where studios are not started by themselves, the person is asked, with the price."""

from __future__ import annotations

from oavr_tui.app.dialogs.question import BACK, Answer, Question

START = "start"


def start_studio(price: str, estimate: str, idle_minutes: float) -> Question:
    """price: of an hour, as "$0.34/h", empty where it is not known. estimate: what this video takes, as a sentence.

    Answers START, or "" (also for Esc).
    """
    lines = ["No studio is running. It takes one to make a full video, and it costs money from its start to its stop."]
    if estimate:
        lines.append(estimate)
    lines.append(f"It is stopped by itself after {idle_minutes:g} minutes without work.")
    return Question(
        f"Start a studio? {price}".rstrip(),
        lines,
        [Answer(START, "Start a studio", "primary"), BACK],
    )
