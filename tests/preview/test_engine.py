"""Whole previews: the file is what it says it is, as long as the voice, and named only when it is whole."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from oavr_tui.errors import BadInput, Rejected
from oavr_tui.preview.engine import make_preview
from oavr_tui.preview.spec import PreviewResult
from tests.preview.conftest import spec_of
from tests.preview.reading import frames, samples
from tests.preview.voices import SENTENCE, save, speak

VOICE_SECONDS = sum(length for _, length in SENTENCE)


def test_the_file_is_what_players_want(finished: PreviewResult) -> None:
    with av.open(finished.path) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, video.average_rate) == (480, 832, Fraction(25))
        context = video.codec_context
        assert (context.color_range, context.colorspace, context.color_primaries, context.color_trc) == (1, 6, 6, 6)
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 48000, 2)
        assert file.metadata["description"].startswith("PREVIEW")
        assert file.metadata["title"] == "preview"
    data = Path(finished.path).read_bytes()
    assert len(data) == finished.bytes
    assert data.index(b"moov") < data.index(b"mdat"), "the index comes first, so that playing starts at once"


def test_the_video_is_as_long_as_the_voice(finished: PreviewResult) -> None:
    assert finished.face_found
    assert finished.duration == pytest.approx(VOICE_SECONDS, abs=2 / 25)
    assert sum(1 for _ in frames(Path(finished.path))) == finished.frames == round(finished.duration * 25)
    heard = len(samples(Path(finished.path))) / 16000
    assert heard == pytest.approx(finished.duration, abs=2 / 25)


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"max_seconds": 1.0}, 25),
        ({"max_frames": 7}, 7),
        ({"max_seconds": 0.01}, 1),
        ({"max_seconds": 2, "max_frames": 9}, 9),
    ],
)
def test_the_voice_is_cut_where_asked(stock: Path, tmp_path: Path, changes: dict[str, Any], count: int) -> None:
    result = make_preview(spec_of(stock, tmp_path / "a.mp4", **changes))
    assert result.frames == count == sum(1 for _ in frames(tmp_path / "a.mp4"))
    assert len(samples(tmp_path / "a.mp4")) / 16000 <= count / 25 + 0.05


@pytest.mark.parametrize("size", [(64, 64), (66, 102), (480, 270), (640, 640), (202, 750)])
@pytest.mark.parametrize("image", ["shut.png", "gray.png"])
def test_any_even_size_works(stock: Path, tmp_path: Path, size: tuple[int, int], image: str) -> None:
    Image.new("L", (300, 200), 120).save(stock / "gray.png")
    spec = spec_of(stock, tmp_path / "a.mp4", image=image, width=size[0], height=size[1], max_frames=4)
    assert make_preview(spec).frames == 4
    assert {frame.shape for frame in frames(tmp_path / "a.mp4")} == {(size[1], size[0], 3)}


def test_a_video_can_be_the_voice(stock: Path, tmp_path: Path, finished: PreviewResult) -> None:
    spec = spec_of(stock, tmp_path / "a.mp4")
    again = make_preview(type(spec).from_dict({**spec.to_dict(), "audio": finished.path}))
    assert abs(again.frames - finished.frames) <= 2


def test_without_a_face_it_says_so(stock: Path, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(stock / "plain.png")
    result = make_preview(spec_of(stock, tmp_path / "a.mp4", image="plain.png", max_frames=10))
    assert not result.face_found
    with av.open(result.path) as file:
        assert "No face was found" in file.metadata["description"]


def test_tags_and_labels_are_kept(stock: Path, tmp_path: Path) -> None:
    tags = {
        "description": "mine",
        "comment": "{}",
        "title": "A name — größer",
        "prompt": '{"1": {"class_type": "X"}}',
        "workflow": "{}",
    }
    for label, mark in (("PREVIEW", True), ("PREVIEW", False), ("", True)):
        path = tmp_path / f"{label}{mark}.mp4"
        make_preview(spec_of(stock, path, tags=tags, label=label, mark=mark, max_frames=3))
        with av.open(str(path)) as file:
            assert {key: file.metadata[key] for key in ("title", "prompt", "workflow")} == {
                key: tags[key] for key in ("title", "prompt", "workflow")
            }
            assert file.metadata["description"] == ("PREVIEW: mine" if label else "mine")


def test_the_mark_is_drawn_only_when_asked(stock: Path, tmp_path: Path) -> None:
    seen = {}
    wishes: dict[str, dict[str, Any]] = {"on": {}, "off": {"mark": False}, "none": {"label": ""}}
    for name, changes in wishes.items():
        make_preview(spec_of(stock, tmp_path / f"{name}.mp4", max_frames=2, **changes))
        seen[name] = next(frames(tmp_path / f"{name}.mp4"))[:40, 120:].astype(int)
    assert np.abs(seen["on"] - seen["off"]).max() > 40
    assert np.abs(seen["off"] - seen["none"]).max() < 12


def test_progress_rises_to_one(stock: Path, tmp_path: Path) -> None:
    ticks: list[tuple[float, int, int]] = []
    clock = itertools.count().__next__
    result = make_preview(
        spec_of(stock, tmp_path / "a.mp4", max_frames=30), lambda *tick: ticks.append(tick), lambda: float(clock())
    )
    assert [tick[0] for tick in ticks] == sorted(tick[0] for tick in ticks)
    assert ticks[-1] == (1.0, 30, 30)
    assert {tick[1] for tick in ticks} >= set(range(1, 31))
    assert result.seconds_taken > 30  # by the clock that was passed in


def test_a_clock_that_stands_still_gives_few_reports(stock: Path, tmp_path: Path) -> None:
    ticks: list[tuple[float, int, int]] = []
    make_preview(spec_of(stock, tmp_path / "a.mp4", max_frames=30), lambda *tick: ticks.append(tick), lambda: 5.0)
    assert len(ticks) <= 4


@pytest.mark.parametrize("bad", ["image", "audio"])
def test_a_bad_input_names_the_file_and_leaves_the_old_video(stock: Path, tmp_path: Path, bad: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"an older video")
    (tmp_path / "broken.bin").write_bytes(b"nothing of use")
    spec = spec_of(stock, tmp_path / "a.mp4")
    with pytest.raises(BadInput, match=r"broken\.bin"):
        make_preview(type(spec).from_dict({**spec.to_dict(), bad: str(tmp_path / "broken.bin")}))
    assert (tmp_path / "a.mp4").read_bytes() == b"an older video"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "broken.bin"]


def test_a_folder_that_is_gone_is_said(stock: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="folder"):
        make_preview(spec_of(stock, tmp_path / "gone" / "a.mp4", max_frames=3))


def test_an_output_that_is_a_folder_is_said(stock: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(Rejected):
        make_preview(spec_of(stock, tmp_path / "a.mp4", max_frames=3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_name_of_any_letters_works(stock: Path, tmp_path: Path) -> None:
    name = "größe: 100% é %03d 好.mp4"
    assert Path(make_preview(spec_of(stock, tmp_path / name, max_frames=3)).path).exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_silence_makes_a_still_mouth(stock: Path, tmp_path: Path) -> None:
    save(tmp_path / "silence.wav", speak([("-", 1.0)])[0] * 0)
    spec = spec_of(stock, tmp_path / "a.mp4")
    result = make_preview(type(spec).from_dict({**spec.to_dict(), "audio": str(tmp_path / "silence.wav")}))
    assert result.frames == 25
