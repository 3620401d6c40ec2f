from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.models import Request, Shape
from oavr_tui.store.tags import (
    LARGEST_SIDECAR,
    request_from_sidecar,
    request_from_tags,
    sidecar_for,
    tags_for,
    video_from_sidecar,
)
from tests.store.helpers import make_video

HOME = Path("/home/me")
fixed = ["https://example.org/me.png?size=2&x=%20", "~", "~/x", "~me/x", "./~/x", "/home/me", "/home/meg/x"]
paths = st.text(max_size=30).filter(lambda path: not path.lower().startswith(("http://", "https://")))
places = paths | paths.map(lambda name: f"{HOME}/{name}") | st.sampled_from(fixed)
requests = st.builds(
    Request,
    image=places,
    audio=places,
    prompt=st.text(max_size=50),
    shape=st.sampled_from(Shape),
    workflow=st.none() | places,
    on=places,
    max_seconds=st.none() | st.floats(0.1, 400),
)


@settings(deadline=None)
@given(requests)
def test_what_was_asked_for_comes_back_with_the_seed_that_was_used(request: Request) -> None:
    video = replace(make_video(), request=request)
    again = request_from_tags(tags_for(video, home=HOME), home=HOME)
    expected = replace(request, seed=video.seed)
    for name in ("image", "audio", "workflow", "on"):
        before, after = getattr(expected, name), getattr(again, name)
        # A path that begins with ~ but means no home is written as ./~, which is the same place.
        assert after == before or (before.startswith("~") and after == f".{os.sep}{before}")
    unplaced = Request(image="", audio="", on="")
    assert replace(again, image="", audio="", workflow=None, on="") == replace(
        unplaced,
        prompt=request.prompt,
        shape=request.shape,
        seed=video.seed,
        max_seconds=request.max_seconds,
    )


def test_nobody_s_name_or_password_is_passed_on() -> None:
    request = Request(
        image="/home/me/pictures/me.png",
        audio="https://anna:secret@example.org/hello.wav?size=2",
        workflow="/home/me/flow.json",
        on="http://anna:secret@10.0.0.5:8188",
    )
    text = tags_for(replace(make_video(), request=request), home=HOME)["comment"]
    assert "secret" not in text and "anna" not in text and "/home/me" not in text
    again = request_from_tags({"comment": text}, home=Path("/Users/me"))
    assert again.image == "/Users/me/pictures/me.png" and again.workflow == "/Users/me/flow.json"
    assert again.audio == "https://example.org/hello.wav?size=2" and again.on == "http://10.0.0.5:8188"


def test_tags_say_what_kind_of_video_it_is_and_are_one_line_each() -> None:
    video = replace(make_video(), title="Line\none\x1b[31m")
    tags = tags_for(video)
    assert tags["title"] == "Line one" and tags["description"].startswith("Preview")
    assert tags_for(replace(video, preview=False))["description"].startswith("Full video")
    assert all(text.isprintable() for text in tags.values())
    assert json.loads(tags["comment"])["image_hash"] == "a" * 64


def test_tags_survive_a_real_mp4_file(tmp_path: Path) -> None:
    import av
    import numpy

    path = tmp_path / "a.mp4"
    video = replace(make_video(), title="Grüße 日本")
    with av.open(str(path), "w") as container:
        container.metadata.update(tags_for(video))
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for picture in (av.VideoFrame.from_ndarray(numpy.zeros((64, 64, 3), numpy.uint8)), None):
            container.mux(stream.encode(picture))
    with av.open(str(path)) as container:
        tags = dict(container.metadata)
    assert tags["title"] == "Grüße 日本" and tags["description"].startswith("Preview")
    assert request_from_tags(tags) == replace(video.request, seed=video.seed)
    assert request_from_tags({"COMMENT": tags["comment"]}) == replace(video.request, seed=video.seed)


def test_a_sidecar_gives_back_request_and_video(tmp_path: Path) -> None:
    video = make_video(path=str(tmp_path / "Hello.mp4"))
    sidecar = tmp_path / "Hello.json"
    sidecar.write_text(json.dumps(sidecar_for(video)))
    assert request_from_sidecar(sidecar) == replace(video.request, seed=video.seed)
    assert video_from_sidecar(sidecar) == video


def test_times_are_written_for_people() -> None:
    assert sidecar_for(make_video())["created_at"] == "2023-11-14T22:13:20.500000+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "{}",
        '{"app":"other","request":{"image":"a","audio":"b"}}',
        '{"app":"oavr-tui"}',
        '{"app":"oavr-tui","request":[]}',
        '{"app":"oavr-tui","request":{"image":1,"audio":"b"}}',
        '{"app":"oavr-tui","request":{"image":"a","audio":"b","shape":"round"}}',
        '{"app":"oavr-tui","seed":"x","request":{"image":"a","audio":"b"}}',
        "[" * 50_000,
        '{"app":"oavr-tui","request":{"image":"a","audio":"' + "b" * LARGEST_SIDECAR + '"}}',
    ],
)
def test_what_is_not_ours_is_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    sidecar = tmp_path / "x.json"
    sidecar.write_text(text)
    for read in (
        lambda: request_from_tags({"comment": text}),
        lambda: request_from_sidecar(sidecar),
        lambda: video_from_sidecar(sidecar),
    ):
        with pytest.raises(BadInput, match="does not say how it was made"):
            read()


def test_a_pipe_that_is_named_like_a_sidecar_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(BadInput):
        request_from_sidecar(tmp_path / "x.json")
