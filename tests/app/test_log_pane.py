"""The log pane by its keys: following, pausing, finding, filtering, copying; and what foreign text cannot do to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollUp
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, Label

from oavr_tui.app.widgets.log_pane import LogPane

WAIT_SECONDS = 20.0


class Holder(App[None]):
    """The pane, and what it asked of the app."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Message] = []

    def compose(self) -> ComposeResult:
        yield Label("above", id="above")
        yield LogPane(id="log")

    def on_log_pane_copy(self, message: LogPane.Copy) -> None:
        self.asked.append(message)

    def on_log_pane_save(self, message: LogPane.Save) -> None:
        self.asked.append(message)

    def on_log_pane_pager(self, message: LogPane.Pager) -> None:
        self.asked.append(message)

    def on_log_pane_full_screen(self, message: LogPane.FullScreen) -> None:
        self.asked.append(message)


class Driven:
    """One pane on a log file, driven by keys."""

    def __init__(self, pilot: Pilot[None], app: Holder, file: Path) -> None:
        self.pilot, self.app, self.file = pilot, app, file
        self.pane = app.query_one(LogPane)

    async def until(self, condition: Callable[[], bool]) -> None:
        waited = 0.0
        while not condition():
            assert waited < WAIT_SECONDS, (self.pane.says, self.seen())
            await self.pilot.pause(0.02)
            waited += 0.02

    async def keys(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        await self.until(lambda: self.pane.settled)

    def write(self, *lines: str) -> None:
        with self.file.open("a", encoding="utf-8") as out:
            out.write("".join(f"{line}\n" for line in lines))

    def seen(self) -> list[str]:
        """What stands on the screen, line by line."""
        lines = self.pane.lines
        return [lines.render_line(y).text.rstrip() for y in range(lines.rows_high)]


@asynccontextmanager
async def pane_on(file: Path, size: tuple[int, int] = (80, 12)) -> AsyncIterator[Driven]:
    app = Holder()
    async with app.run_test(size=size) as pilot:
        driven = Driven(pilot, app, file)
        driven.pane.show("studio-1", file, lambda text: text.replace("rpa_key", "•••"))
        driven.pane.focus()
        await pilot.pause()
        yield driven


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pod.log"
    path.write_text("".join(f"2026-11-23T14:02:{n % 60:02}Z line {n}\n" for n in range(100)))
    return path


async def test_it_follows_and_pauses_truly(file: Path) -> None:
    async with pane_on(file) as pane:
        await pane.until(lambda: pane.seen()[-1].endswith("line 99"))
        assert "── Log: studio-1 ──" in pane.pane.says
        assert pane.pane.says.endswith("following · / find · p pause · w wrap")
        pane.write("line 100")
        await pane.until(lambda: pane.seen()[-1] == "line 100")
        await pane.keys("p")
        assert not pane.pane.looking
        before = pane.seen()
        pane.write(*(f"more {n}" for n in range(123)))
        pane.pane.look()
        assert "paused, 123 new, End to follow" in pane.pane.says
        assert pane.seen() == before
        await pane.keys("end")
        assert pane.seen()[-1] == "more 122"
        assert pane.pane.looking


async def test_any_scroll_up_pauses_and_scrolling_to_the_end_follows(file: Path) -> None:
    async with pane_on(file) as pane:
        for up, down in (("up", "down"), ("k", "j"), ("pageup", "pagedown")):
            await pane.keys(up)
            assert "paused" in pane.pane.says
            assert not pane.pane.looking
            await pane.keys(down)
            assert "following" in pane.pane.says
        await pane.pilot._post_mouse_events([MouseScrollUp], pane.pane.lines)
        await pane.until(lambda: "paused" in pane.pane.says)


async def test_top_bottom_and_sideways_are_kept(file: Path) -> None:
    file.write_text("".join(f"{n} " + "abcdefghij" * 20 + "\n" for n in range(50)))
    async with pane_on(file) as pane:
        await pane.keys("home", "right", "right")
        assert pane.seen()[0].startswith("efghijabcd")
        pane.write("a new line")
        await pane.keys("p")
        assert pane.pane.lines.left == 16
        await pane.keys("left", "left", "left", "g")
        assert pane.seen()[0].startswith("0 abcdefghij")
        await pane.keys("G")
        assert pane.seen()[-1] == "a new line"


async def test_find_next_previous_and_count(file: Path) -> None:
    async with pane_on(file) as pane:
        await pane.keys("slash", *"line 1", "enter")
        assert "11 of 11" in pane.pane.says
        assert "line 19" in "\n".join(pane.seen())
        await pane.keys("N")
        assert "10 of 11" in pane.pane.says
        await pane.keys("n", "n")
        assert "1 of 11" in pane.pane.says
        assert any(line.endswith("line 1") for line in pane.seen())
        pane.write("line 1000")
        pane.pane.look()
        assert "1 of 12" in pane.pane.says
        await pane.keys("slash", *"(none", "enter")
        assert "no match" in pane.pane.says
        await pane.keys("n", "N", "slash", *["backspace"] * 5, "enter")
        assert "match" not in pane.pane.says


async def test_a_prompt_is_left_with_escape_and_keeps_what_was(file: Path) -> None:
    async with pane_on(file) as pane:
        await pane.keys("slash", *"99", "enter", "slash", *"nothing", "escape")
        assert "1 of 1" in pane.pane.says
        assert pane.app.focused is pane.pane.lines
        assert not pane.pane.query_one(Input).display


async def test_filter_inverse_and_level(file: Path) -> None:
    file.write_text(
        "[INFO] a\n[WARNING] b\n[ERROR] c\nTraceback (most recent call last):\n  File x\nKeyError: 1\n[INFO] z\n"
    )
    async with pane_on(file) as pane:
        await pane.keys("ampersand", *"INFO", "enter")
        assert pane.seen()[:3] == ["[INFO] a", "[INFO] z", ""]
        assert "only INFO" in pane.pane.says
        pane.write("[INFO] later", "other")
        await pane.until(lambda: pane.seen()[2] == "[INFO] later")
        assert pane.seen()[3] == ""
        await pane.keys("ampersand", *"!INFO", "enter")
        assert "without INFO" in pane.pane.says
        assert pane.seen()[0] == "[WARNING] b"
        await pane.keys("ampersand", "backspace", "enter", "v")
        assert pane.seen()[:6] == [
            "[WARNING] b",
            "[ERROR] c",
            "Traceback (most recent call last):",
            "  File x",
            "KeyError: 1",
            "",
        ]
        await pane.keys("v")
        assert pane.seen()[0] == "[ERROR] c"
        await pane.keys("v")
        assert pane.seen()[0] == "[INFO] a"
        await pane.keys("ampersand", *"no such", "enter")
        assert "No line matches" in pane.seen()[0]


async def test_wrap_keeps_the_place_and_shows_all_of_a_line(file: Path) -> None:
    file.write_text("".join(f"{n} " + "word " * (30 if n % 3 == 0 else 1) + f"end{n}\n" for n in range(60)))
    async with pane_on(file) as pane:
        await pane.keys("w")
        assert pane.seen()[-1] == "59 word end59"
        await pane.keys("home", "pagedown", "pagedown")
        first = pane.pane.lines.spot[0]
        assert first > 5
        await pane.keys("w")
        assert pane.pane.lines.spot[0] == first
        await pane.keys("w", "home")
        assert "".join(pane.seen()).replace(" ", "").startswith("0" + "word" * 30 + "end0")
        seen: set[int] = set()
        while "paused" in pane.pane.says:
            first, last = pane.pane.lines.in_sight()
            seen |= {*range(first, last + 1)}
            await pane.keys("down")
        assert seen | {59} >= set(range(60))


async def test_times_on_and_off(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pane_on(file) as pane:
        assert pane.seen()[-1].split()[1:] == ["line", "99"]
        await pane.keys("t")
        assert pane.seen()[-1] == "line 99"


async def test_what_goes_to_the_app(file: Path) -> None:
    file.write_text("one rpa_key\ntwo\nthree\n")
    async with pane_on(file) as pane:
        await pane.keys("y", "Y", "S", "vertical_line", "f", "f")
        line, seen, save, pager, full, back = pane.app.asked
        assert isinstance(line, LogPane.Copy) and (line.text, line.what) == ("one •••", "")
        assert isinstance(seen, LogPane.Copy) and (seen.text, seen.what) == ("one •••\ntwo\nthree", "")
        assert isinstance(save, LogPane.Save) and (save.file, save.suggested_name) == (file, "studio-1.log")
        assert isinstance(pager, LogPane.Pager) and pager.file == file
        assert isinstance(full, LogPane.FullScreen) and full.on
        assert isinstance(back, LogPane.FullScreen) and not back.on


async def test_dragging_selects_and_y_copies_it(file: Path) -> None:
    file.write_text("first line\n日本語 text\nthird line\n")
    async with pane_on(file) as pane:
        await pane.pilot.mouse_down(pane.pane.lines, offset=(6, 0))
        await pane.pilot.hover(pane.pane.lines, offset=(7, 1))
        await pane.pilot.mouse_up(pane.pane.lines, offset=(7, 1))
        await pane.keys("y")
        assert "paused" in pane.pane.says
        (copy,) = pane.app.asked
        assert isinstance(copy, LogPane.Copy) and copy.what == "the selection"
        assert copy.text.split("\n")[0] == "line"
        assert "日本語 text".startswith(copy.text.split("\n")[1])
        assert copy.text.split("\n")[1].startswith("日本語 ")


async def test_hidden_it_does_not_look(file: Path) -> None:
    async with pane_on(file) as pane:
        await pane.until(lambda: pane.pane.looking)
        pane.pane.display = False
        await pane.until(lambda: not pane.pane.looking)
        pane.write("while hidden")
        pane.pane.look()
        assert pane.pane.lines.count == 100
        pane.pane.display = True
        await pane.until(lambda: pane.seen()[-1] == "while hidden")
        pane.pane.pause_reading()
        await pane.until(lambda: not pane.pane.looking)
        pane.write("while away")
        pane.pane.resume_reading()
        await pane.until(lambda: pane.pane.looking)
        assert pane.seen()[-1] == "while away"


async def test_another_log_and_none_yet(file: Path, tmp_path: Path) -> None:
    async with pane_on(file) as pane:
        await pane.keys("home")
        pane.pane.show("a [b]\x1b[2J", tmp_path / "later.log", str)
        assert "Log: a [b] ──" in pane.pane.says
        assert pane.seen()[0] == "Nothing has been logged yet."
        (tmp_path / "later.log").write_text("here\n")
        await pane.until(lambda: pane.seen()[0] == "here")
        pane.pane.show("fed", None, str)
        pane.pane.feed(["one", "two"])
        await pane.until(lambda: pane.seen()[:2] == ["one", "two"])


async def test_a_long_log_is_shown_from_its_end_and_searched_whole(file: Path) -> None:
    file.write_text("".join(f"2026-11-23T14:02:11Z line {n}\n" for n in range(60_000)))
    async with pane_on(file) as pane:
        await pane.until(lambda: pane.pane.lines.count == 60_000)
        assert pane.seen()[-1].endswith("line 59999")
        await pane.keys("slash", *"line 77$", "enter")
        await pane.until(lambda: "1 of 1" in pane.pane.says)
        assert any(line.endswith("line 77") for line in pane.seen())


async def test_scrolled_up_in_a_long_log_before_all_is_known_stays_where_it_is(file: Path) -> None:
    file.write_text("".join(f"line {n}\n" for n in range(100_000)))
    async with pane_on(file) as pane:
        pane.pane.action_pause()
        before = pane.seen()
        assert before[-1] == "line 99999"
        await pane.until(lambda: pane.pane.settled)
        assert pane.pane.lines.count == 100_000
        assert pane.seen() == before
        await pane.keys("up")
        assert pane.seen()[-1] == "line 99998"


HOSTILE = [
    "[/x] [bold]not bold[/bold] [@click=app.quit]x[/] {braces} %s",
    "\x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m\x9b5A bell\x07 \x08\x08",
    "x" * 1_000_000,
    "日本語" * 400_000,
    "👨‍👩‍👧‍👦 🇯🇵 ⚠️ é é́́́ " * 30,
    "مرحبا بالعالم \u202eoverride\u202c \u2066isolate\u2069",
    "\ttab\x00nul\x7fdel\xa0nbsp\u2028sep\x85nel",
    "\ud7ff\ufffd\U0010ffff\ue000",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_foreign_text_is_drawn_as_it_is_and_without_control_bytes(file: Path, text: str) -> None:
    file.write_text(f"before\n{text}\nafter\n", encoding="utf-8")
    async with pane_on(file, (60, 12)) as pane:
        for keys in ([], ["w"], ["t"], ["up"], ["home"], ["w"], ["right"] * 3, ["slash", "x", "enter"], ["end"]):
            await pane.keys(*keys)
            for y, line in enumerate(pane.seen()):
                assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in line)
                assert not any(letter in "\u202e\u2066\u2028" for letter in line)
                strip = pane.pane.lines.render_line(y)
                assert strip.cell_length == pane.pane.lines.width
                assert {name for _, style, _ in strip if style for name in style.meta} <= {"offset"}
        await pane.keys("left", "left", "left", "Y")
        copy = pane.app.asked[-1]
        assert isinstance(copy, LogPane.Copy)
        assert copy.text.startswith("before\n")


async def test_it_holds_in_a_tiny_terminal(file: Path) -> None:
    async with pane_on(file, (12, 5)) as pane:
        await pane.keys("w", "up", "slash", "9", "enter", "n", "Y")
        await pane.pilot.resize_terminal(80, 24)
        await pane.pilot.pause()
        assert "Log: studio-1" in pane.pane.says


async def test_it_reads_where_nobody_tells_it_that_it_is_shown(file: Path) -> None:
    """The framework forgets to where its map of widgets is made anew, as after a scroll, before they are laid out."""
    async with pane_on(file) as pane:
        pane.pane.display = False
        pane.pane.pause_reading()
        await pane.until(lambda: not pane.pane._visible)
        pane.write("line 100")
        pane.pane.display = True
        compositor = pane.app.screen._compositor
        compositor._full_map_invalidated = True
        assert pane.pane in compositor.full_map
        pane.pane.resume_reading()
        await pane.until(lambda: pane.seen()[-1] == "line 100")
        assert pane.pane.looking
