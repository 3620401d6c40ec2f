"""A QR code as half-blocks: two modules in a character, so that it is square in a terminal."""

from __future__ import annotations

_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}

INK = "#000000 on #ffffff"
"""The look of the lines: black on white whatever the theme, since many readers do not know the inverse."""


def qr_lines(text: str, border: int = 2) -> list[str]:
    """The lines of a QR code of `text`, all of one width; none where it is too long for one (some 2,900 bytes).

    border: modules of white around it; the standard says 4, readers on phones are content with 2.
    """
    import segno  # 72 ms: only when one is drawn

    try:
        code = segno.make_qr(text, error="l", boost_error=False)
    except segno.DataOverflowError:
        return []
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=border)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_HALVES[upper, lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs]


def fitting(text: str, columns: int, rows: int) -> list[str]:
    """The lines of a QR code within so many columns and rows, with as much white as fits; none if it does not fit."""
    for border in (4, 2, 1):
        lines = qr_lines(text, border)
        if lines and len(lines[0]) <= columns and len(lines) <= rows:
            return lines
    return []
