"""The child process of the preview engine: a task on standard input, progress and the result on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from oavr_tui.child import child_main
from oavr_tui.errors import Rejected
from oavr_tui.preview.spec import PreviewSpec


def make(task: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Make the preview that the task describes; every progress goes out through `send`."""
    try:
        from oavr_tui.preview.engine import make_preview
    except ImportError:
        raise Rejected("A part of the preview engine is missing on this computer. Install oavr-tui again.") from None

    def report(done: float, frame: int, frames: int) -> None:
        send({"done": done, "frame": frame, "frames": frames})

    return make_preview(PreviewSpec.from_dict(task), report).to_dict()


if __name__ == "__main__":
    sys.exit(child_main(make))
