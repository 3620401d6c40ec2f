"""A draft and what is asked for, one into the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oavr_tui.app.memory import Draft
from oavr_tui.app.request import Wrong, draft_from, draft_of, limit_of, request_of
from oavr_tui.models import AUTO, DEFAULT_PROMPT, PREVIEW, Quality, Request, Shape
from oavr_tui.settings import Settings

WHOLE = Draft(image="/a/b.png", audio="'/a/my voice.wav'")


def test_what_was_made_can_be_asked_for_again() -> None:
    for request in (
        Request("/a/b.png", "/a/c.wav"),
        Request(
            "/a/b.png", "https://host/c.wav?t=1", "she nods", Shape.SQUARE, 7, Quality.HIGH, 1.5, 12.25, "/w.json", AUTO
        ),
        Request("/a/b.png", "/a/c.wav", on="studio-1"),
    ):
        assert request_of(draft_of(request)) == request


def test_an_empty_form_is_as_the_settings_have_it() -> None:
    draft = draft_from(Settings(videos_folder=str(Path("/v")), on="http://host:8188", quality=Quality.DRAFT))
    assert (draft.full, draft.on, draft.quality) == (True, "http://host:8188", "draft")


def test_what_is_pasted_is_understood() -> None:
    request = request_of(replace(WHOLE, prompt="  ", seed=" 42 "))
    assert isinstance(request, Request)
    assert (request.audio, request.prompt, request.seed, request.on) == ("/a/my voice.wav", DEFAULT_PROMPT, 42, PREVIEW)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("image", "  "),
        ("audio", ""),
        ("seed", "-1"),
        ("seed", "9" * 19),
        ("seed", "²"),
        ("strength", "3"),
        ("strength", "nan"),
        ("max_seconds", "0"),
        ("max_seconds", "inf"),
        ("max_seconds", "1:-5"),
        ("prompt", "x" * 2001),
        ("quality", "best"),
        ("workflow", "mine.json"),
    ],
)
def test_the_field_that_is_wrong_is_named_with_a_sentence(field: str, text: str) -> None:
    changes: dict[str, Any] = {field: text}
    wrong = request_of(replace(WHOLE, **changes))
    assert isinstance(wrong, Wrong)
    assert wrong.field == field
    assert wrong.sentence.endswith((".", "Browse."))


@pytest.mark.parametrize(("text", "seconds"), [("12.5", 12.5), ("1:05", 65.0), ("", None), ("long", None)])
def test_lengths_as_people_write_them(text: str, seconds: float | None) -> None:
    assert limit_of(replace(WHOLE, max_seconds=text)) == seconds
