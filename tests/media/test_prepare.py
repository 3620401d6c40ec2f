"""The two files that are sent to a server: untouched where that will do, else made anew, upright and exactly cut."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from oavr_tui.errors import BadInput, DiskFull, FailureCode
from oavr_tui.media.prepare import prepare_for_upload
from oavr_tui.media.types import Prepared
from oavr_tui.media.voice import listen
from tests.limits import files_no_larger_than
from tests.media.makers import photo, save_photo, save_sound, save_video, save_wav, tone, turned_photo
from tests.media.sentences import check_refusal

MOST_BYTES = 95_000_000


async def prepare(
    image: Path, audio: Path, folder: Path, max_seconds: float | None = None, max_bytes: int = MOST_BYTES
) -> Prepared:
    return await prepare_for_upload(image, audio, folder=folder, max_seconds=max_seconds, max_bytes=max_bytes)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return save_photo(tmp_path / "anna.png")


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    return save_wav(tmp_path / "hello.wav", tone(2.0))


def length_of(path: Path) -> float:
    return listen(path, path.name, max_seconds=None, longest=10_000.0).duration


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png"])
async def test_plain_files_are_sent_as_they_are(suffix: str, audio: Path, tmp_path: Path) -> None:
    image = save_photo(tmp_path / f"anna.{suffix}")
    assert await prepare(image, audio, tmp_path / "out") == Prepared(image, audio)
    assert list((tmp_path / "out").iterdir()) == []


async def test_files_under_a_wrong_suffix_are_copied_under_the_right_one(
    image: Path, audio: Path, tmp_path: Path
) -> None:
    first, second = image.rename(tmp_path / "0a1b"), audio.rename(tmp_path / "hello.mp3")
    ready = await prepare(first, second, tmp_path / "out")
    assert (ready.image.name, ready.audio.name) == ("portrait.png", "voice.wav")
    assert ready.image.read_bytes() == first.read_bytes()
    assert ready.audio.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("orientation", [3, 6])
async def test_a_turned_photo_is_sent_upright_and_tells_nothing(orientation: int, audio: Path, tmp_path: Path) -> None:
    ready = await prepare(turned_photo(tmp_path / "anna.jpg", orientation), audio, tmp_path / "out")
    assert ready.image.name == "portrait.jpg"
    with Image.open(ready.image) as image:
        assert dict(image.getexif()) == {}
        assert image.size == (320, 400)
        assert np.abs(np.asarray(image, np.float32) - np.asarray(photo(), np.float32)).mean() < 4


async def test_the_place_a_photo_was_taken_is_not_sent(audio: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    photo().save(tmp_path / "anna.jpg", exif=exif)
    ready = await prepare(tmp_path / "anna.jpg", audio, tmp_path / "out")
    assert ready.image != tmp_path / "anna.jpg"
    assert b"Exif" not in ready.image.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "mode", "sent"),
    [
        ("webp", "RGB", "jpg"),
        ("avif", "RGB", "jpg"),
        ("jpg", "CMYK", "jpg"),
        ("gif", "P", "png"),
        ("bmp", "RGB", "png"),
        ("tif", "RGB", "png"),
        ("png", "P", "png"),
        ("png", "RGBA", "png"),
    ],
)
async def test_what_a_server_may_not_know_is_converted(
    suffix: str, mode: str, sent: str, audio: Path, tmp_path: Path
) -> None:
    photo().convert(mode).save(tmp_path / f"anna.{suffix}")
    ready = await prepare(tmp_path / f"anna.{suffix}", audio, tmp_path / "out")
    assert ready.image == tmp_path / "out" / f"portrait.{sent}"
    with Image.open(ready.image) as image:
        assert (image.mode, image.size) == ("RGB", (320, 400))


async def test_a_large_picture_is_made_smaller(audio: Path, tmp_path: Path) -> None:
    ready = await prepare(save_photo(tmp_path / "anna.jpg", 3000, 2000), audio, tmp_path / "out")
    with Image.open(ready.image) as image:
        assert image.size == (2600, 1733)


@pytest.mark.parametrize("limit", [0.04, 1.2345, 1.9999])
@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2), (8_000, 1), (48_000, 6)])
async def test_a_voice_is_cut_to_the_sample(
    limit: float, rate: int, channels: int, image: Path, tmp_path: Path
) -> None:
    voice = save_wav(tmp_path / "hello.wav", tone(2.0, rate, channels), rate)
    ready = await prepare(image, voice, tmp_path / "out", max_seconds=limit)
    assert ready.audio == tmp_path / "out" / "voice.flac"
    with av.open(str(ready.audio)) as container:
        frames = list(container.decode(container.streams.audio[0]))
        assert sum(frame.samples for frame in frames) == round(limit * 48_000)
        assert frames[0].sample_rate == 48_000
        assert container.streams.audio[0].codec_context.channels == min(channels, 2)


async def test_a_cut_longer_than_the_voice_changes_nothing(image: Path, audio: Path, tmp_path: Path) -> None:
    assert (await prepare(image, audio, tmp_path / "out", max_seconds=2.0)).audio == audio
    assert (await prepare(image, audio, tmp_path / "out", max_seconds=30.0)).audio == audio


@pytest.mark.parametrize(
    ("codec", "suffix", "form"),
    [("libmp3lame", "mp3", None), ("flac", "flac", None), ("libopus", "ogg", None), ("aac", "m4a", "ipod")],
)
async def test_known_sound_files_are_sent_as_they_are(
    codec: str, suffix: str, form: str | None, image: Path, tmp_path: Path
) -> None:
    voice = save_sound(tmp_path / f"hello.{suffix}", tone(1.0), codec, form=form)
    assert (await prepare(image, voice, tmp_path / "out")).audio == voice


@pytest.mark.parametrize(
    ("codec", "suffix", "form"),
    [("aac", "aac", "adts"), ("libopus", "webm", None), ("alac", "m4a", "ipod"), ("pcm_mulaw", "wav", None)],
)
async def test_other_sound_files_are_converted(
    codec: str, suffix: str, form: str | None, image: Path, tmp_path: Path
) -> None:
    voice = save_sound(tmp_path / f"hello.{suffix}", tone(1.0), codec, form=form)
    ready = await prepare(image, voice, tmp_path / "out")
    assert ready.audio.suffix == (".flac" if codec != "pcm_mulaw" else ".wav")
    assert length_of(ready.audio) == pytest.approx(1.0, abs=0.06)


async def test_of_a_video_only_the_sound_is_sent(image: Path, tmp_path: Path) -> None:
    clip = save_video(tmp_path / "clip.mp4", 1.0, sound=tone(1.0, channels=2))
    ready = await prepare(image, clip, tmp_path / "out")
    assert ready.audio.name == "voice.flac"
    assert length_of(ready.audio) == pytest.approx(1.0, abs=0.05)


async def test_too_many_bytes_are_packed_smaller(image: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, (2, 6 * 48_000)).astype(np.float32)
    voice = save_wav(tmp_path / "noise.wav", noise)
    ready = await prepare(image, voice, tmp_path / "out", max_bytes=400_000)
    assert ready.audio.name == "voice.m4a"
    assert ready.audio.stat().st_size <= 400_000
    assert length_of(ready.audio) == pytest.approx(6.0, abs=0.06)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["voice.m4a"]


async def test_what_cannot_be_packed_small_enough_is_refused(image: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, (2, 6 * 48_000)).astype(np.float32)
    with pytest.raises(BadInput) as caught:
        await prepare(image, save_wav(tmp_path / "noise.wav", noise), tmp_path / "out", max_bytes=50_000)
    check_refusal(caught.value, "noise.wav")
    assert "--max-seconds 2" in caught.value.message
    assert list((tmp_path / "out").iterdir()) == []


async def test_the_same_files_give_the_same_bytes(tmp_path: Path, image: Path) -> None:
    picture = save_photo(tmp_path / "anna.webp")
    clip = save_video(tmp_path / "clip.mp4", 0.5, sound=tone(0.5))
    one = await prepare(picture, clip, tmp_path / "one", max_seconds=0.3)
    two = await prepare(picture, clip, tmp_path / "two", max_seconds=0.3)
    assert one.image.read_bytes() == two.image.read_bytes()
    assert one.audio.read_bytes() == two.audio.read_bytes()


async def test_bad_files_are_refused_here_too(image: Path, audio: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("nothing of use")
    for first, second in ((tmp_path / "bad", audio), (image, tmp_path / "bad")):
        with pytest.raises(BadInput) as caught:
            await prepare(first, second, tmp_path / "out", max_seconds=0.5)
        check_refusal(caught.value, "bad")


async def test_a_full_disk_is_told(audio: Path, tmp_path: Path) -> None:
    picture = tmp_path / "noise.bmp"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (400, 400, 3), dtype=np.uint8)).save(picture)
    with files_no_larger_than(4096), pytest.raises(DiskFull) as caught:
        await prepare(picture, audio, tmp_path / "out")
    check_refusal(caught.value, "out", FailureCode.DISK_FULL)
    assert list((tmp_path / "out").iterdir()) == []
