"""The plot of the license server's bench: an SVG, written by hand."""

from __future__ import annotations

from html import escape

COLORS = ("#2563eb", "#d97706", "#9ca3af", "#60a5fa", "#93c5fd")
WIDTH, LEFT, BAR, GAP = 860, 150, 18, 16


def plot(title: str, rates: dict[str, dict[str, float]], kinds: list[str]) -> str:
    """Bars of requests a second: one group for each kind, one bar for each server."""
    most = max(rate for by_kind in rates.values() for rate in by_kind.values())
    parts = [_text(10, 22, title, "font-weight='bold'")]
    y = 40
    for number, name in enumerate(rates):
        parts.append(_bar(LEFT, y, 12, COLORS[number], 12) + _text(LEFT + 18, y + 11, name))
        y += 18
    for kind in kinds:
        y += GAP
        parts.append(_text(10, y + len(rates) * BAR // 2 + 4, kind))
        for number, by_kind in enumerate(rates.values()):
            long = by_kind[kind] / most * (WIDTH - LEFT - 90)
            parts.append(_bar(LEFT, y, long, COLORS[number]) + _text(LEFT + long + 6, y + 13, f"{by_kind[kind]:,.0f}"))
            y += BAR
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{y + 20}' font-family='sans-serif'"
    return "\n".join([f"{head} font-size='13'>", "<rect width='100%' height='100%' fill='white'/>", *parts, "</svg>\n"])


def _bar(x: float, y: float, width: float, color: str, height: int = BAR - 3) -> str:
    return f"<rect x='{x:.0f}' y='{y:.0f}' width='{width:.1f}' height='{height}' fill='{color}'/>"


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' {more}>{escape(text)}</text>"
