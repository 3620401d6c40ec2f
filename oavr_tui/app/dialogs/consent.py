"""The one thing to agree to before the first video."""

from __future__ import annotations

from oavr_tui.app.dialogs.question import BACK, Answer, Question

AGREED = "agree"


def consent() -> Question:
    """Answers AGREED, or "" (also for Esc)."""
    return Question(
        "Before you make videos",
        [
            "Use only faces and voices that are your own, or that you have permission to use.",
            "Do not deceive anybody with what you make. This is asked only once.",
        ],
        [Answer(AGREED, "I agree", "primary"), BACK],
        focus=AGREED,  # nothing is spent by it
    )
