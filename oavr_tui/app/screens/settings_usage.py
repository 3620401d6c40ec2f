"""What was made and spent so far, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oavr_tui.text import counted

if TYPE_CHECKING:
    from oavr_tui.engine.engine import Engine


async def usage_lines(engine: Engine) -> list[str]:
    """Videos made, and what studios have cost."""
    from oavr_tui.pods.cost import lasting

    spending = await engine.spending()
    videos = await engine.videos()
    previews = sum(1 for video in videos if video.preview)
    lines = [f"Made: {counted(len(videos) - previews, 'full video')}, {counted(previews, 'preview')}."]
    today = f"${spending.today:.2f} of at most ${spending.day_cap:.2f} today"
    lines.append(f"Studios: {today}, ${spending.month:.2f} in thirty days.")
    if spending.seconds_month:
        used, long = (_hours(seconds) for seconds in (spending.seconds_today, spending.seconds_month))
        lines.append(f"GPU time: {used} today, {long} in thirty days.")
    if spending.balance is None:
        lines.append("Balance on RunPod: not available.")
    else:
        lasts = f", which lasts {lasting(spending.runway_seconds)} now" if spending.runway_seconds is not None else ""
        lines.append(f"Balance on RunPod: ${spending.balance:.2f}{lasts}.")
    return lines


def _hours(seconds: float) -> str:
    """As 42m, or 3h 05m; what is less than a minute is one, unless it is nothing."""
    minutes = -int(-seconds // 60)
    return f"{minutes // 60}h {minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"
