"""Making a preview in a child process, so that a hostile file or a crash in C cannot take the app down."""

from __future__ import annotations

from collections.abc import Callable

from oavr_tui.child import run_in_child
from oavr_tui.errors import Rejected
from oavr_tui.preview.spec import PreviewResult, PreviewSpec

SILENCE_LIMIT = 120.0
"""Seconds without a word from the child after which it counts as stuck. The longest quiet stretch is the end of a
half-hour preview, when its index is moved to the front of the file."""

CRASHED = (
    "The preview engine stopped before the video was finished, so there is no video and nothing was spent. "
    "Try once more, or try another picture or recording."
)

OnProgress = Callable[[float, int, int], None]
"""Called with how much is done (0 .. 1), the frames made so far, and how many there will be (0 while unknown)."""


async def render_preview(spec: PreviewSpec, on_progress: OnProgress | None = None) -> PreviewResult:
    """Make a preview in a child process and return what came of it.

    Raises BadInput, DiskFull, OutOfMemory or Rejected, each with a sentence. Whatever goes wrong, and on cancelling,
    the child is gone and no unfinished file is left when this returns.
    """
    spec = spec.checked()
    try:
        answer = await run_in_child(
            "oavr_tui.preview",
            spec.to_dict(),
            deadline=SILENCE_LIMIT,
            crash_message=CRASHED,
            on_progress=None
            if on_progress is None
            else lambda m: on_progress(float(m["done"]), int(m["frame"]), int(m["frames"])),
        )
        try:
            return PreviewResult.from_dict(answer)
        except TypeError:
            raise Rejected(CRASHED) from None
    finally:
        spec.part.unlink(missing_ok=True)
