"""A voice that is longer than a video can be is cut, if the person wants that."""

from __future__ import annotations

from oavr_tui.app.dialogs.question import BACK, Answer, Question
from oavr_tui.text import clock

CUT = "cut"


def voice_too_long(duration: float, longest: float, *, full: bool) -> Question:
    """duration, longest: seconds. Answers CUT, or "" (also for Esc)."""
    kind = "A full video" if full else "A preview"
    return Question(
        "This voice is too long",
        [
            f"It is {clock(duration)} long. {kind} takes at most {clock(longest)}.",
            f"Use the first {clock(longest)} of it? Your file stays as it is. For other parts, cut the file yourself.",
        ],
        [Answer(CUT, f"Use the first {clock(longest)}", "primary"), BACK],
        focus=CUT,
    )
