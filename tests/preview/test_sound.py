"""Every usual recording is heard; what is none gives a sentence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.preview.sound import sound
from tests.preview.voices import RATE, save, speak


def heard(path: Path, seconds: float = 100.0) -> int:
    """Samples at 16 kHz."""
    return sum(frame.samples for frame in sound(path, AudioResampler("flt", "mono", RATE), seconds))


def encode(path: Path, codec: str, *, rate: int = 48000, layout: str = "stereo", with_picture: bool = False) -> Path:
    """Half a second of a vowel in another format."""
    samples, _ = speak([("a", 0.5)])
    source = AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="flt", layout="mono")
    source.sample_rate = RATE
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, width=64, height=64, pix_fmt="yuv420p") if with_picture else None
        stream = file.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        for at in range(13 if video is not None else 0):
            assert video is not None
            picture = VideoFrame(64, 64, "yuv420p")
            picture.pts, picture.time_base = at, Fraction(1, 25)
            file.mux(video.encode(picture))
        resampler = AudioResampler(stream.codec_context.format, layout, rate, stream.codec_context.frame_size or 1024)
        for frame in [*resampler.resample(source), *resampler.resample(None)]:
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if video is not None:
            file.mux(video.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.mp3", "libmp3lame", 44100, "stereo"),
        ("a.m4a", "aac", 48000, "stereo"),
        ("a.flac", "flac", 96000, "5.1"),
        ("a.webm", "libopus", 48000, "stereo"),
        ("a.opus", "libopus", 48000, "mono"),
        ("a.wav", "pcm_s24le", 8000, "mono"),
        ("a.mka", "pcm_f32le", 22050, "stereo"),
    ],
)
def test_usual_recordings_are_heard(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    path = encode(tmp_path / name, codec, rate=rate, layout=layout)
    assert heard(path) == pytest.approx(0.5 * RATE, abs=0.06 * RATE)


def test_the_sound_track_of_a_video_is_a_voice(tmp_path: Path) -> None:
    assert heard(encode(tmp_path / "a.mp4", "aac", with_picture=True)) == pytest.approx(0.5 * RATE, abs=0.06 * RATE)


@pytest.mark.parametrize("seconds", [0.0001, 0.1, 0.33333, 0.5])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_no_more_is_heard_than_asked_for(tmp_path: Path, seconds: float, layout: str) -> None:
    path = encode(tmp_path / "a.wav", "pcm_s16le", rate=RATE, layout=layout)
    assert heard(path, seconds) == int(np.ceil(seconds * RATE))


def test_a_cut_frame_keeps_both_channels(tmp_path: Path) -> None:
    both = np.stack([np.linspace(0, 0.9, 4000), np.linspace(0, -0.9, 4000)], 1)
    save(tmp_path / "two.wav", both, rate=48000)
    planar = AudioResampler("fltp", "stereo", 48000, frame_size=1024)
    parts = [frame.to_ndarray() for frame in sound(tmp_path / "two.wav", planar, 1500 / 48000)]
    together = np.concatenate(parts, 1).T.astype(np.float64)
    assert together.shape == (1500, 2)
    assert float(np.abs(together - both[:1500]).max()) < 1e-3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("text.wav", b"not a recording at all" * 50, "not a recording"),
        ("empty.wav", b"", "not a recording"),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nvoice.wav\n", "not a recording"),
        ("list.txt", b"ffconcat version 1.0\nfile voice.wav\n", "not a recording"),
    ],
)
def test_what_is_no_recording_gives_a_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    save(tmp_path / "voice.wav", speak([("a", 0.2)])[0])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=says) as caught:
        heard(tmp_path / name)
    assert name in caught.value.message and str(tmp_path) not in caught.value.message


def test_a_wav_of_no_samples_is_called_empty(tmp_path: Path) -> None:
    save(tmp_path / "none.wav", np.zeros(0))
    with pytest.raises(BadInput, match=r"none\.wav"):
        heard(tmp_path / "none.wav")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no longer there"):
        heard(tmp_path / "gone.wav")


def test_a_silent_film_has_no_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "film.mp4"), "w") as file:
        video = file.add_stream("libx264", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        file.mux(video.encode(VideoFrame(64, 64, "yuv420p")))
        file.mux(video.encode(None))
    with pytest.raises(BadInput, match="has no sound"):
        heard(tmp_path / "film.mp4")


def test_a_colon_in_a_name_is_no_address(tmp_path: Path) -> None:
    save(tmp_path / "http:voice.wav", speak([("a", 0.2)])[0])
    assert heard(tmp_path / "http:voice.wav") == pytest.approx(0.2 * RATE, abs=2)


@settings(max_examples=40, deadline=None)
@given(data=st.binary(min_size=1, max_size=200), start=st.integers(0, 9000))
def test_broken_bytes_are_skipped_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = encode(folder / "whole.mp3", "libmp3lame").read_bytes()
    start = min(start, len(whole) - 1)
    (folder / "flipped.mp3").write_bytes(whole[:start] + data + whole[start + len(data) :])
    try:
        assert 0 < heard(folder / "flipped.mp3") < 10 * RATE
    except BadInput as error:
        assert "flipped.mp3" in error.message
