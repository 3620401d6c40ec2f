"""Finished videos: what is read out of them, tagging, posters, and how bad ones are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from oavr_tui.errors import DiskFull, FailureCode, OavrError, Rejected
from oavr_tui.media.files import storing
from oavr_tui.media.probe import poster, probe_video, write_tags
from oavr_tui.media.video import look_at_video
from tests.limits import files_no_larger_than
from tests.media.makers import cut, photo, save_photo, save_video, save_wav, tone
from tests.media.sentences import check_refusal


async def refusal(path: Path) -> str:
    with pytest.raises(Rejected) as caught:
        await probe_video(path)
    check_refusal(caught.value, path.name, FailureCode.REJECTED)
    return caught.value.message


async def test_a_video_is_read(tmp_path: Path) -> None:
    path = save_video(tmp_path / "out.mp4", 2.0, sound=tone(2.0, channels=2))
    found = await probe_video(path)
    assert (found.width, found.height, found.fps, found.frames) == (160, 288, 25.0, 50)
    assert found.duration == pytest.approx(2.0)
    assert found.bytes == path.stat().st_size
    assert (found.has_audio, found.video_codec, found.audio_codec) == (True, "h264", "aac")


@pytest.mark.parametrize("form", ["mp4", "matroska", "mov"])
async def test_a_video_without_sound_is_read(form: str, tmp_path: Path) -> None:
    found = await probe_video(save_video(tmp_path / "out.video", 0.4, format=form))
    assert (found.has_audio, found.audio_codec, found.frames) == (False, "", 10)


def make_half(path: Path) -> None:
    cut(save_video(path, 2.0, sound=tone(2.0)), 0.6)


def make_half_with_index_first(path: Path) -> None:
    cut(save_video(path, 3.0, format="mp4", options={"movflags": "faststart"}), 0.8)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("<html>404</html>"), "looks like a web page"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(np.random.default_rng(1).bytes(9000)), "is not a video"),
        (lambda path: save_photo(path, format="PNG"), "looks like a picture"),
        (lambda path: save_wav(path, tone(0.5)), "has sound but no picture"),
        (make_half, "incomplete"),
        (make_half_with_index_first, "incomplete"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: os.mkfifo(path), "is a device or a pipe"),
        (lambda path: None, "is not there"),
    ],
)
async def test_what_is_no_whole_video_is_refused(make: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    make(tmp_path / "out.mp4")
    assert words in await refusal(tmp_path / "out.mp4")


async def test_tags_of_our_own_are_kept_and_the_streams_untouched(tmp_path: Path) -> None:
    source = save_video(tmp_path / "made.mp4", 1.0, sound=tone(1.0))
    tags = {
        "oavr.request": '{"prompt": "ein Mädchen [spricht]", "seed": 42}',
        "title": "Anna 照片",
        "oavr.made_by": "preview",
    }
    await write_tags(source, tmp_path / "anna.mp4", tags)
    found = await probe_video(tmp_path / "anna.mp4")
    assert found.tags == tags
    before = await probe_video(source)
    assert (found.frames, found.duration, found.audio_codec) == (before.frames, before.duration, before.audio_codec)
    assert packets_of(source) == packets_of(tmp_path / "anna.mp4")
    data = (tmp_path / "anna.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before it is wholly there
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["anna.mp4", "made.mp4"]


def packets_of(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        return sorted((packet.stream.index, bytes(packet)) for packet in container.demux() if packet.size)


async def test_tags_are_added_to_those_that_are_there_also_in_place(tmp_path: Path) -> None:
    path = save_video(tmp_path / "out.mp4", 0.4)
    await write_tags(path, path, {"a": "1", "b": "2"})
    await write_tags(path, path, {"b": "3", "c": "x" * 3000})
    assert (await probe_video(path)).tags == {"a": "1", "b": "3", "c": "x" * 3000}


async def test_hostile_tags_are_shown_safely(tmp_path: Path) -> None:
    path = save_video(tmp_path / "out.mp4", 0.2)
    await write_tags(path, path, {"evil": "\x1b[31mred\x1b[0m\n\u202etxet", **{f"k{i}": "v" for i in range(200)}})
    tags = (await probe_video(path)).tags
    assert len(tags) <= 64
    assert all("\x1b" not in text and "\u202e" not in text and "\n" not in text for text in tags.values())
    with pytest.raises(Rejected, match="character"):
        await write_tags(path, path, {"nul": "a\0b"})


async def test_a_failed_tagging_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    target = save_video(tmp_path / "kept.mp4", 0.4)
    before = target.read_bytes()
    (tmp_path / "bad.mp4").write_text("not a video")
    with pytest.raises(Rejected) as caught:
        await write_tags(tmp_path / "bad.mp4", target, {"a": "b"})
    check_refusal(caught.value, "bad.mp4", FailureCode.REJECTED)
    assert target.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bad.mp4", "kept.mp4"]


@pytest.mark.parametrize("task", ["tags", "poster"])
async def test_a_target_that_cannot_be_written_is_told(task: str, tmp_path: Path) -> None:
    source = save_video(tmp_path / "made.mp4", 0.4)
    with pytest.raises(OavrError) as caught:
        if task == "tags":
            await write_tags(source, tmp_path / "nowhere" / "x.mp4", {})
        else:
            await poster(source, tmp_path / "nowhere" / "x.png", 40)
    check_refusal(caught.value, "nowhere", FailureCode.REJECTED)


async def test_a_full_disk_is_told(tmp_path: Path) -> None:
    source = save_video(tmp_path / "made.mp4", 2.0, sound=tone(2.0))
    with files_no_larger_than(4096), pytest.raises(DiskFull) as caught:
        await write_tags(source, tmp_path / "out.mp4", {"a": "b"})
    check_refusal(caught.value, str(tmp_path), FailureCode.DISK_FULL)
    assert [entry.name for entry in tmp_path.iterdir()] == ["made.mp4"]


def test_other_faults_of_a_disk_stay_themselves(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="odd"), storing(tmp_path / "x"):
        raise OSError(5, "odd")


async def test_the_poster_is_the_first_picture(tmp_path: Path) -> None:
    path = save_video(tmp_path / "out.mp4", 0.4, size=(160, 288))
    assert await poster(path, tmp_path / "poster.png", 80) == (80, 144)
    with Image.open(tmp_path / "poster.png") as image:
        seen = np.asarray(image.convert("RGB"), np.float32)
    meant = np.asarray(photo(160, 288).resize((80, 144)), np.float32)
    assert np.abs(seen - meant).mean() < 12
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.mp4", "poster.png"]
    with pytest.raises(ValueError, match="4096"):
        await poster(path, tmp_path / "poster.png", 5000)


@given(place=st.integers(0, 100_000), value=st.integers(0, 255), from_end=st.booleans())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_gives_facts_or_one_sentence(place: int, value: int, from_end: bool, tmp_path: Path) -> None:
    good = tmp_path / "good.mp4"
    if not good.exists():
        save_video(good, 0.4, sound=tone(0.4))
    data = bytearray(good.read_bytes())
    place %= min(len(data), 3000)
    data[-place if from_end else place] = value
    path = tmp_path / "any.mp4"
    path.write_bytes(data)
    try:
        assert look_at_video(path, path.name).frames > 0
    except Rejected as error:
        check_refusal(error, path.name, FailureCode.REJECTED)
