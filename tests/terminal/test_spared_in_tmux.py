"""What is spared of the bytes changes nothing on the screen of a real terminal either."""

from __future__ import annotations

import random
from pathlib import Path

import pyte

from oavr_tui.app.outside.thrift import Thrift
from tests.terminal.screens import open_terminal

COLUMNS, ROWS = 80, 24
END = "all is drawn"
STYLES = ("", "1", "38;2;200;10;10;48;2;30;30;60", "48;2;30;30;60", "1;38;2;9;200;9;48;2;90;30;60", "4;34", "7", "2;3")
TEXTS = ("video 17", "日本語のごあいさつ", "grüße", " " * 20, "✔ Done", "▀▄█", "0:34", "👩🔬", "—", " " * 3)


def strip(chance: random.Random, width: int) -> str:
    """Some pieces of text, each with its style, that fit."""
    pieces = []
    while width > 0:
        text = chance.choice(TEXTS)
        width -= 2 * len(text)
        if width >= 0:
            style = chance.choice(STYLES)
            pieces.append(f"\x1b[{style}m{text}\x1b[0m" if style else text)
    return "".join(pieces)


def frames(chance: random.Random, count: int) -> list[str]:
    """As Textual draws: strips at places, some of them as before."""
    drawn = [""]
    for _ in range(count):
        frame = "\x1b[?2026h"
        for row in sorted(chance.sample(range(1, ROWS), 12)):
            column = chance.choice((1, 1, 20, 41))
            frame += f"\x1b[{row};{column}H{strip(chance, COLUMNS - column)}\n"
        drawn.append(frame + "\x1b[1;1H\x1b[?2026l")
        if chance.random() < 0.3:
            drawn.append(drawn[-2])
    return drawn


def shown(folder: Path, text: str, term: str) -> list[object]:
    """Every cell as tmux has it after this was written; of blanks only what is seen of them."""
    file = folder / "text"
    file.write_text(f"\x1b[?7l\x1b[2J{text}\x1b[{ROWS};1H\x1b[K{END}", encoding="utf-8")
    with open_terminal(folder / "home", size=(COLUMNS, ROWS), term=term) as window:
        window.type(f"clear; cat {file}; cat\n")
        window.until(lambda screen: END in screen.rstrip().rpartition("\n")[2])
        styled = window.styled()
    screen = pyte.Screen(COLUMNS, ROWS)
    screen.reset_mode(pyte.modes.DECAWM)
    pyte.Stream(screen).feed(styled.rstrip("\n").replace("\n", "\x1b[0m\r\n"))
    cells: list[object] = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            cell = screen.buffer[row][column]
            unseen = cell.data == " " and not (cell.reverse or cell.underscore)
            cells.append(cell.bg if unseen else cell)
    return cells


def test_the_screen_is_the_same(tmp_path: Path) -> None:
    spares = Thrift(lambda: (COLUMNS, ROWS), erases=True)
    drawn = frames(random.Random(7), 60)
    less = [spares.spare(frame) for frame in drawn]
    assert sum(map(len, less)) < 0.8 * sum(map(len, drawn))
    for term in ("screen-256color", "tmux-256color"):
        assert shown(tmp_path, "".join(less), term) == shown(tmp_path, "".join(drawn), term)
