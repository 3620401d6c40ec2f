"""What can be done next: every way to fail has its own words, every key in them is real, and no command is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import oavr_tui
from oavr_tui.app.actions import ACTIONS, BY_ID
from oavr_tui.app.job_words import detail
from oavr_tui.app.keys import shown_key
from oavr_tui.app.live import Live
from oavr_tui.app.next_steps import NEXT_STEPS, advice, in_app, in_studio, next_step, plain, told_briefly, why
from oavr_tui.app.screens.videos_shelf import when
from oavr_tui.engine.wishes import new_job
from oavr_tui.errors import FailureCode
from oavr_tui.models import AUTO, Failure, Job, JobState, Request

SOURCE = Path(oavr_tui.__file__).parent
SPOKEN = ("engine", "pods", "clients", "workflows", "media", "preview", "store")
"""Whose sentences the app shows; the command line says its own besides."""
KEPT = ("pip install 'oavr-tui[heic]'", "`oavr-tui doctor`", "--max-upload-size")
"""Commands that are meant, in the app too: of other programs, or for a report."""


def failed(code: FailureCode, message: str = "It did not work. Try again.", *, can_retry: bool = True) -> Job:
    job = new_job(Request("a.png", "b.wav"), job_id="j", at=1.0)
    return replace(job, state=JobState.FAILED, failure=Failure(code, message, can_retry))


def strings(file: Path) -> Iterator[str]:
    """Every text that a module may say, with 7 where something is put in; no docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    quiet = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet | inside:
            yield node.value


def test_every_code_has_words_of_its_own() -> None:
    assert set(NEXT_STEPS) == set(FailureCode)
    assert len({step.brief for step in NEXT_STEPS.values()}) == len(FailureCode)
    assert len({step.full for step in NEXT_STEPS.values()}) == len(FailureCode)
    for step in NEXT_STEPS.values():
        assert step.full.endswith(".")
        assert all(name in BY_ID for name in step.actions)


@pytest.mark.parametrize("code", list(FailureCode))
def test_the_keys_named_are_those_of_the_table(code: FailureCode) -> None:
    step = NEXT_STEPS[code]
    keys = {shown_key(key) for action in ACTIONS for key in action.keys.split(",") if key}
    for key in re.findall(r"(?:[Pp]ress |\(|, then )(\^?\w)\b", step.full):
        assert key in keys, step.full
    for name in step.actions:
        assert shown_key(BY_ID[name].keys.split(",")[0]) in step.full, name


@pytest.mark.parametrize("code", list(FailureCode))
@pytest.mark.parametrize("room", [31, 60, 200])
def test_a_line_keeps_its_keys(code: FailureCode, room: int) -> None:
    told = told_briefly(failed(code, "A sentence that is longer than what there is room for. And another one."), room)
    assert told.endswith(next_step(failed(code).failure or pytest.fail("no failure")).keys)
    assert len(told) <= room


def test_a_wide_line_says_why_and_a_narrow_one_as_much_as_fits() -> None:
    job = failed(FailureCode.LOST, "The server forgot it. It costs nothing any more.")
    assert told_briefly(job, 100).startswith("The server forgot it. It costs nothing any more. r")
    assert told_briefly(job, 50).startswith("The server forgot it. r")
    assert told_briefly(job, 30).startswith("Lost. r")
    assert told_briefly(job, 10) == "Lost"


def test_what_may_not_be_tried_again_as_it_is_says_so() -> None:
    once, again = (failed(FailureCode.REJECTED, can_retry=can).failure for can in (False, True))
    assert once is not None and again is not None
    assert "tries the same" not in next_step(once).full
    assert "tries the same" in next_step(again).full


def test_of_a_full_disk_nothing_is_said_twice_and_only_a_full_video_is_fetched() -> None:
    preview = failed(FailureCode.DISK_FULL, "There is no room. Free some space, or choose another folder.")
    full = replace(preview, request=replace(preview.request, on=AUTO))
    assert "ree some space" not in advice(full)
    assert advice(preview) == "With room again, press r."
    assert advice(full).startswith(advice(preview)) and "is fetched, not made again" in advice(full)


@pytest.mark.parametrize("part", SPOKEN)
def test_no_sentence_names_a_command_in_the_app(part: str) -> None:
    """Every text in the source, as the app would show it: a new command in a sentence needs its words here too."""
    looked = 0
    for file in sorted((SOURCE / part).rglob("*.py")):
        for text in strings(file):
            looked += 1
            shown = in_app(text)
            for kept in KEPT:
                shown = shown.replace(kept, "")
            # A sentence has spaces and a full stop; anything else is a part of a command that we run ourselves.
            if re.search(r"[a-z] [a-z].*\.", shown):
                assert "'oavr-tui" not in shown, (file, text)
                assert not re.search(r"(?:^| )--[a-z]", shown), (file, text)
    assert looked > 10


def test_a_command_is_put_as_keys() -> None:
    assert in_app("Wait, or cancel it first: 'oavr-tui jobs cancel'.") == (
        "Wait, or cancel it first: c in the Studio's queue."
    )
    assert plain("Use its beginning with --max-seconds 400.") == (
        "Use its beginning with a Length of 400 under More options (o)."
    )
    assert in_app("It goes on. 'oavr-tui pods terminate a b' ends it for good.") == (
        "It goes on. x on Pods (3) ends it for good."
    )


def test_the_studio_does_not_speak_of_comfyui_unless_a_workflow_does() -> None:
    assert "ComfyUI" not in in_studio("http://a answers, but not as ComfyUI does.")
    assert "ComfyUI" in in_studio("The workflow is no graph. In ComfyUI choose Workflow.")


def test_what_is_foreign_in_a_failure_is_only_text() -> None:
    job = failed(FailureCode.REJECTED, "It says [@click=app.quit]x[/] \x1b[31mred\x1b]52;c;eA==\x07 \u202eback.")
    assert why(job) == "It says [@click=app.quit]x[/] red back."
    assert detail(job, Live(), 1.0) == why(job)


def test_what_is_done_says_what_it_is_what_it_cost_and_when() -> None:
    job = new_job(Request("a.png", "b.wav"), job_id="j", at=1.0)
    done = replace(job, state=JobState.DONE, duration=6.2, updated_at=1e9)
    assert detail(done, Live(), 1e9 + 1) == f"0:06 preview · {when(1e9, 1e9 + 1)}"
    full = replace(done, request=Request("a.png", "b.wav", on=AUTO), cost=0.0004)
    assert detail(full, Live(), 1e9 + 1) == f"0:06 full video · cost about $0.01 · {when(1e9, 1e9 + 1)}"
    assert detail(full, Live(), 1e9 + 1, 40) == "0:06 full video · cost about $0.01"
    assert detail(full, Live(), 1e9 + 1, 33) == "0:06 · cost about $0.01"
    assert detail(full, Live(), 1e9 + 1, 20) == "cost about $0.01"
    assert detail(full, Live(), 1e9 + 1, 15) == ""
