"""Free and Pro as a person meets them, in a real terminal before a real license server: keys pressed, screens read."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from oavr_tui.app.memory import Draft, Memory, save_memory
from oavr_tui.paths import Paths
from tests.journeys.shops import CHECKOUT, shop
from tests.programs import command, simulator
from tests.samples import portrait, voice
from tests.terminal.screens import open_terminal


@pytest.mark.full
def test_the_days_video_then_the_limit_then_pro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    paths = Paths.find({"OAVR_HOME": str(home)})
    with shop(tmp_path / "shop", monkeypatch) as vendor, simulator(tmp_path / "comfy") as comfy:
        draft = Draft(image=str(portrait()), audio=str(voice()), full=True, max_seconds="1", on=comfy.url)
        save_memory(paths.app_memory, Memory(draft=draft, consented=1.0, welcomed=True))
        with open_terminal(home, size=(110, 40), env={"OAVR_CLIPBOARD": "file"}) as window:
            window.type(shlex.join(command()) + "\n")
            window.until("Free · 1 full video left today · previews free")
            window.until("25 frames")
            window.keys("C-g")
            window.until(lambda text: "The video is done: 2 shows it." in text)
            window.until(lambda text: re.search(r"Free · daily limit reached · next in (\d+h )?\d+m", text) is not None)
            window.keys("C-g")
            window.until("The next one is yours in")
            window.keys("Left", "Left", "Enter")
            window.until("Waiting for your purchase")
            window.keys("y")
            window.until("saved in")
            address = (paths.state / "copied.txt").read_text()
            assert address.startswith(CHECKOUT)
            vendor.sell(address)
            window.until("Pro is unlocked")
            window.until(lambda text: text.split("\n")[0].rstrip().endswith("Pro"))
            window.until("2 done")
            window.keys("C-q")
            window.until("Your videos are in")
        assert len(list(paths.videos.glob("*.mp4"))) == 2
