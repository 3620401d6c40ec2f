"""The whole way of somebody new through the demo: by keys alone, by mouse alone, and with a window that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs_runpod import until
from tests.terminal.demo import DemoRun, demo_run


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoRun]:
    with demo_run(tmp_path, (100, 32)) as run:
        yield run


def test_by_keys_alone(demo: DemoRun) -> None:
    window = demo.terminal
    demo.start()
    window.until("The preview is done")
    window.keys("2")
    window.until("Make the full video")
    window.keys("Enter")
    window.until("this file")
    window.keys("f")
    window.until("Your RunPod key")
    window.keys("Enter")  # the demo's key is offered
    window.until("(•) Full video")
    window.until("The key works")
    window.keys("C-g")
    window.until("I agree")
    window.keys("Enter")
    window.until("Starting your studio")
    window.until("Generating")
    window.until("The video is done")
    window.keys("2")
    window.until("portrait-voice-2")
    window.keys("3")
    window.until("Idle")
    window.keys("Enter")
    window.until("got prompt")
    window.keys("Escape")
    window.until(lambda text: "/ Find" not in text)  # a key on its heels would be one with alt
    window.keys("1")
    window.until("New video")
    window.keys("C-g")
    window.until("1 active")
    window.keys("C-q")
    window.until("1 full video is being made")
    window.keys("Enter")  # leave it running
    demo.left()

    until(lambda: len(demo.videos()) == 3, "the keeper brings the video home")
    demo.start()
    window.until(lambda text: "finished" in text and "away" in text)
    window.keys("C-q")
    window.until("Leave OpenAvathar?")
    window.keys("Enter")  # nothing is being made: stop it and quit
    demo.left()
    until(lambda: demo.account.statuses() == ["EXITED"], "the studio is stopped")


@pytest.mark.full
def test_by_mouse_alone(demo: DemoRun) -> None:
    window = demo.terminal
    demo.start()
    window.until("The preview is done")
    window.click("Videos")
    window.click("Make the full video")
    window.click("Use it")
    window.until("(•) Full video")
    window.until("The key works")
    window.click("Generate")
    window.click("I agree")
    window.click("Hide")
    window.until("The video is done")
    window.click("Videos")
    window.until("portrait-voice-2")
    window.click("Pods")
    window.until("Idle")
    window.click("Log")
    window.until("got prompt")
    window.wheel("got prompt", down=False)
    window.click("Studio")
    window.click("Generate")
    window.until("1 active")
    window.click("Quit")
    window.click("Leave it running")
    demo.left()

    until(lambda: len(demo.videos()) == 3, "the keeper brings the video home")
    demo.start()
    window.until(lambda text: "finished" in text and "away" in text)
    window.click("Quit")
    window.click("Stop it and quit")
    demo.left()
    until(lambda: demo.account.statuses() == ["EXITED"], "the studio is stopped")
