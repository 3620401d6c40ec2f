"""How far a start is, from the markers of the image's log: whatever else is in it, and however often it is replayed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.models import PodState
from oavr_tui.pods.phases import BootLog

STARTED = "--- [SYSTEM] Container Started at 2026-11-20T10:00:00+00:00 ---"
SETUP = "--- [PROCESS] Starting Wan 2.1 Setup ---"
COMFYUI = "--- [SYSTEM] Starting ComfyUI ---"
BOOT = (
    STARTED,
    "--- [SYSTEM] Features Enabled: wan2.1 ---",
    "--- [SYSTEM] Starting Log Server on port 8001 ---",
    SETUP,
    "--- 1. Installing Nodes (Sequential) ---",
    "✅ [VALID] vae.safetensors - Skipping.",
    "🚀 [STARTING] model.safetensors...",
    "🚀 [STARTING] text.safetensors...",
    "🎉 [COMPLETE] text.safetensors",
    "🎉 [COMPLETE] model.safetensors",
    "--- [PROCESS] Wan 2.1 Setup Complete ---",
    COMFYUI,
    "Total VRAM 24210 MB, total RAM 128641 MB",
    "To see the GUI go to: http://0.0.0.0:8188",
)

Seen = tuple[PodState, int, int, tuple[str, ...]]


def seen(log: BootLog) -> Seen:
    return log.phase, log.done, log.total, log.failed


def after(*lines: str, expected: int = 0) -> BootLog:
    log = BootLog(expected)
    for line in lines:
        log.feed(line)
    return log


def test_a_whole_start() -> None:
    log = BootLog()
    told = [(log.feed(line), *seen(log)[:3]) for line in BOOT]
    boot, fetch, warm = PodState.BOOTING, PodState.FETCHING, PodState.WARMING
    assert told == [
        (False, boot, 0, 0),
        (False, boot, 0, 0),
        (False, boot, 0, 0),
        (True, fetch, 0, 0),
        (False, fetch, 0, 0),
        (True, fetch, 1, 1),
        (True, fetch, 1, 2),
        (True, fetch, 1, 3),
        (True, fetch, 2, 3),
        (True, fetch, 3, 3),
        (False, fetch, 3, 3),
        (True, warm, 3, 3),
        (False, warm, 3, 3),
        (False, warm, 3, 3),
    ]


@pytest.mark.parametrize("before", ["", "🎉 ", "  ", "?? ", "ðŸŽ‰ ", "‚úÖ ", "--- "])
def test_the_picture_before_a_marker_may_be_missing_or_spoiled(before: str) -> None:
    assert after(f"{before}[COMPLETE] model.safetensors").done == 1


def test_a_failed_file_is_named_until_it_is_there_after_all() -> None:
    log = after(SETUP, "❌ [FAILED] model.safetensors")
    assert (log.done, log.total, log.failed) == (0, 1, ("model.safetensors",))
    assert log.feed("🚀 [STARTING] model.safetensors...")
    assert log.failed == ()
    assert log.feed("🎉 [COMPLETE] model.safetensors")
    assert (log.done, log.total, log.failed) == (1, 1, ())


def test_the_count_does_not_fall_while_a_log_is_replayed() -> None:
    log = after("[STARTING] a...", "[COMPLETE] a", "[VALID] b - Skipping.")
    assert not log.feed("[STARTING] a...")
    assert not log.feed("[STARTING] b...")
    assert log.done == 2


def test_the_name_is_the_same_in_every_marker() -> None:
    log = after("[STARTING] a.safetensors...", "[COMPLETE] a.safetensors", "[VALID] a.safetensors - Skipping.")
    assert (log.done, log.total) == (1, 1)


def test_what_earlier_starts_fetched_is_expected() -> None:
    log = after("[STARTING] a", "[COMPLETE] a", expected=12)
    assert (log.done, log.total) == (1, 12)
    assert after(*(f"[STARTING] {n}" for n in range(20)), expected=12).total == 20
    assert BootLog(-3).total == 0


def test_a_container_that_starts_again_begins_anew() -> None:
    log = after(*BOOT)
    assert log.feed(STARTED)
    assert seen(log) == (PodState.BOOTING, 0, 0, ())


@pytest.mark.parametrize(
    "line",
    [
        "got prompt: [COMPLETE] everything",
        "a person says --- [SYSTEM] Container Started ---",
        "[INFO] [FAILED] model",
        "[COMPLETE]",
        "[STARTING] ...",
        "--- [SYSTEM] Starting Log Server on port 8001 ---",
        "",
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    log = after(SETUP, "[STARTING] a")
    before = seen(log)
    assert not log.feed(line)
    assert seen(log) == before


def test_files_after_comfyui_started_are_counted_and_the_phase_stays() -> None:
    log = after(COMFYUI, "[COMPLETE] late.safetensors")
    assert (log.phase, log.done) == (PodState.WARMING, 1)


def test_foreign_text_is_bounded_and_safe() -> None:
    log = after("[FAILED] \x1b]0;owned\x07" + "x" * 100_000)
    assert len(log.failed[0]) <= 120
    assert log.failed[0].isprintable()
    assert after(*(f"[STARTING] {n}" for n in range(1000))).total == 200


NAMES = st.sampled_from(["model", "text", "vae"])
LINES = st.one_of(
    st.sampled_from([*BOOT, COMFYUI, "noise"]),
    st.builds(
        lambda before, word, name, end: f"{before}[{word}] {name}{end}",
        st.sampled_from(["", "🚀 "]),
        st.sampled_from(["STARTING", "COMPLETE", "FAILED", "VALID"]),
        NAMES,
        st.sampled_from(["", "...", " - Skipping."]),
    ),
    st.text(max_size=60),
)
LOGS = st.lists(LINES, max_size=30)


@given(LOGS, st.integers(0, 5))
def test_the_counts_always_agree(lines: list[str], expected: int) -> None:
    log = BootLog(expected)
    order = (PodState.BOOTING, PodState.FETCHING, PodState.WARMING)
    for line in lines:
        before = seen(log)
        changed = log.feed(line)
        assert changed == (seen(log) != before)
        assert 0 <= log.done + len(log.failed) <= log.total
        assert log.total >= expected
        if "Container Started" not in line:
            assert order.index(log.phase) >= order.index(before[0])
            assert log.total >= before[2]


@given(LOGS)
def test_a_replay_from_the_beginning_leads_to_the_same(lines: list[str]) -> None:
    whole = [STARTED, *lines]
    assert seen(after(*whole, *whole)) == seen(after(*whole))


@given(st.lists(st.tuples(st.sampled_from(["STARTING", "COMPLETE", "VALID"]), NAMES), max_size=20), st.data())
def test_a_replay_without_its_beginning_takes_nothing_back(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    lines = [f"[{word}] {name}" for word, name in pairs]
    cut = data.draw(st.integers(0, len(lines)))
    assert seen(after(*lines, *lines[cut:])) == seen(after(*lines))
