"""What goes over the wire: a cursor that moves in a list of 10,000 rows and scrolls it, and a list left alone."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.pty_run import PtyRun

QUIET_SECONDS = 0.3


def test_a_moved_cursor_is_two_rows_a_scrolled_list_what_differs_and_an_idle_one_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.bench.app_line_list", "10000"]
    root = Path(__file__).parent.parent.parent
    with PtyRun(
        words, {"HOME": str(tmp_path), "OAVR_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, folder=root
    ) as run:
        assert run.until(lambda: b"video 0" in b"".join(piece.data for piece in run.pieces), 60.0)
        assert run.rest(1.5)
        sizes = [run.answer(key, QUIET_SECONDS)[1] for key in ("down", "down", "up", "down")]
        for _ in range(40):
            run.answer("down", 0.05)
        scrolled = [run.answer(key, QUIET_SECONDS)[1] for key in ("down", "down", "pagedown", "down")]
        before = run.size
        run.for_seconds(2.0)
        assert run.size == before
    assert all(0 < size <= 2000 for size in sizes), sizes
    assert all(0 < size <= 8000 for size in scrolled), scrolled
