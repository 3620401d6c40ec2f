"""Recordings: which are taken, what is found in them, and how the others are refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.media.voice import listen
from oavr_tui.models import VoiceInfo
from tests.media.makers import Samples, cut, save_photo, save_sound, save_video, save_wav, silence, tone
from tests.media.sentences import check_refusal, check_sentence


def hear(path: Path, max_seconds: float | None = None, longest: float = 400.0) -> VoiceInfo:
    return listen(path, path.name, max_seconds=max_seconds, longest=longest)


def refusal(path: Path, max_seconds: float | None = None, longest: float = 400.0) -> str:
    with pytest.raises(BadInput) as caught:
        hear(path, max_seconds, longest)
    check_refusal(caught.value, path.name)
    return caught.value.message


def only_note(found: VoiceInfo, name: str) -> str:
    assert len(found.notes) == 1
    check_sentence(found.notes[0], name)
    return found.notes[0]


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "channels"),
    [
        ("wav", "pcm_s16le", 48_000, 1),
        ("wav", "pcm_s16le", 8_000, 1),
        ("wav", "pcm_u8", 22_050, 2),
        ("wav", "pcm_s24le", 44_100, 2),
        ("wav", "pcm_f32le", 96_000, 2),
        ("wav", "pcm_s16le", 48_000, 6),
        ("wav", "pcm_mulaw", 8_000, 1),
        ("flac", "flac", 44_100, 2),
        ("flac", "flac", 96_000, 6),
        ("mp3", "libmp3lame", 44_100, 2),
        ("ogg", "libopus", 48_000, 1),
        ("opus", "libopus", 48_000, 2),
        ("webm", "libopus", 48_000, 2),
        ("m4a", "aac", 44_100, 2),
        ("m4a", "aac", 48_000, 6),
        ("m4a", "alac", 44_100, 2),
        ("aac", "aac", 44_100, 1),
        ("aiff", "pcm_s16be", 44_100, 1),
        ("mkv", "pcm_s16le", 44_100, 1),
    ],
)
def test_formats_that_are_taken(suffix: str, codec: str, rate: int, channels: int, tmp_path: Path) -> None:
    form = {"m4a": "ipod", "aac": "adts", "mkv": "matroska"}.get(suffix)
    found = hear(save_sound(tmp_path / f"hello.{suffix}", tone(1.5, rate, channels), codec, rate, form))
    assert found.duration == pytest.approx(1.5, abs=0.08)
    assert (found.sample_rate, found.channels) == (rate, channels)
    assert found.peak_db == pytest.approx(-10.5, abs=1.5)
    assert found.notes == ()


def test_the_sound_of_a_video_is_a_voice(tmp_path: Path) -> None:
    found = hear(save_video(tmp_path / "clip.mp4", 1.0, sound=tone(1.0, channels=2)))
    assert found.duration == pytest.approx(1.0, abs=0.05)
    assert found.codec == "aac"


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    assert "no sound track" in refusal(save_video(tmp_path / "mute.mp4", 0.4))


@pytest.mark.parametrize("seconds", [0.01, 0.03, 0.3])
def test_a_moment_of_sound_is_taken_with_a_note(seconds: float, tmp_path: Path) -> None:
    found = hear(save_wav(tmp_path / "blip.wav", tone(seconds)))
    assert found.duration == pytest.approx(seconds)
    assert "very short" in only_note(found, "blip.wav")


def test_no_samples_at_all_are_refused(tmp_path: Path) -> None:
    message = refusal(save_wav(tmp_path / "none.wav", silence(0)))
    assert "0 seconds long" in message


@pytest.mark.parametrize("sound", [silence(2.0), silence(2.0) + 0.4, tone(2.0, level=0.0005)])
def test_silence_is_refused_also_when_it_is_off_center_or_faint(sound: Samples, tmp_path: Path) -> None:
    assert "is silent" in refusal(save_wav(tmp_path / "quiet.wav", sound))


def test_channels_that_cancel_each_other_are_silent(tmp_path: Path) -> None:
    one = tone(2.0)
    assert "is silent" in refusal(save_wav(tmp_path / "phase.wav", np.concatenate([one, -one])))


def test_not_a_number_counts_as_silence(tmp_path: Path) -> None:
    broken = tone(1.0)
    broken[:, 100:200] = np.nan
    assert hear(save_sound(tmp_path / "odd.wav", broken, "pcm_f32le")).duration == pytest.approx(1.0)
    refusal(save_sound(tmp_path / "all.wav", broken * np.nan, "pcm_f32le"))


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        (tone(2.0, level=0.004), "very quiet"),
        (np.clip(tone(2.0, level=3.0), -1, 1), "clipped"),
        (np.concatenate([silence(3.0), tone(1.0)], axis=1), "begins with 3 s of silence"),
        (np.concatenate([tone(1.0), silence(4.0)], axis=1), "ends with 4 s of silence"),
    ],
)
def test_what_is_worth_a_note(sound: Samples, words: str, tmp_path: Path) -> None:
    assert words in only_note(hear(save_wav(tmp_path / "hello.wav", sound)), "hello.wav")


def test_a_loud_but_whole_recording_is_not_called_clipped(tmp_path: Path) -> None:
    assert hear(save_wav(tmp_path / "loud.wav", tone(2.0, level=0.99))).notes == ()


def test_too_long_is_refused_with_length_limit_and_way_out(tmp_path: Path) -> None:
    message = refusal(save_wav(tmp_path / "talk.wav", tone(75.0, 8_000), 8_000), longest=60.0)
    assert "1:15 long" in message and "1:00 can be used" in message and "--max-seconds 60" in message


def test_an_hour_is_refused_without_being_decoded_to_its_end(tmp_path: Path) -> None:
    hour = tmp_path / "hour.wav"
    save_wav(hour, tone(1.0, 8_000), 8_000)
    # the rest of the hour is a hole that only the file system fills, and whose samples would be silence
    data = bytearray(hour.read_bytes())
    size = 3600 * 8_000 * 2
    data[4:8], data[40:44] = struct.pack("<I", size + 36), struct.pack("<I", size)
    hour.write_bytes(data)
    with hour.open("r+b") as file:
        file.truncate(size + 44)
    assert "1:00:00 long" in refusal(hour)
    assert "30:00 can be used" in refusal(hour, longest=1800.0)


def test_a_header_that_claims_an_hour_is_not_believed(tmp_path: Path) -> None:
    path = save_wav(tmp_path / "claims.wav", tone(2.0, 8_000), 8_000)
    data = bytearray(path.read_bytes())
    size = 3600 * 8_000 * 2
    data[4:8], data[40:44] = struct.pack("<I", size + 36), struct.pack("<I", size)
    path.write_bytes(data)
    assert hear(path).duration == pytest.approx(2.0)


def test_a_long_recording_gives_signs_of_life(tmp_path: Path) -> None:
    signs: list[None] = []
    path = save_wav(tmp_path / "talk.wav", tone(300.0, 8_000), 8_000)
    listen(path, "talk.wav", max_seconds=None, longest=400.0, alive=lambda: signs.append(None))
    assert len(signs) >= 2


def test_only_the_wanted_beginning_counts(tmp_path: Path) -> None:
    path = save_wav(tmp_path / "talk.wav", tone(5.0))
    found = hear(path, max_seconds=1.25)
    assert found.duration == 1.25
    assert "first 1.2 s" in only_note(found, "talk.wav")
    assert hear(path, max_seconds=5.0).notes == ()
    assert hear(path, max_seconds=9.0).duration == 5.0


def test_what_is_wanted_may_not_be_more_than_the_limit(tmp_path: Path) -> None:
    path = save_wav(tmp_path / "talk.wav", tone(30.0, 8_000), 8_000)
    assert "--max-seconds 10" in refusal(path, max_seconds=20.0, longest=10.0)
    assert hear(path, max_seconds=60.0, longest=40.0).duration == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("suffix", "codec", "form"),
    [("mp3", "libmp3lame", None), ("flac", "flac", None), ("ogg", "libopus", None), ("wav", "pcm_s16le", None)],
)
def test_a_recording_cut_short_is_used_as_far_as_it_goes(
    suffix: str, codec: str, form: str | None, tmp_path: Path
) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, (1, 6 * 48_000)).astype(np.float32)
    path = cut(save_sound(tmp_path / f"half.{suffix}", noise, codec, form=form), 0.5)
    found = hear(path)
    assert 1.5 < found.duration < 4.5
    for note in found.notes:
        check_sentence(note, path.name)


def test_an_m4a_without_its_index_is_refused(tmp_path: Path) -> None:
    path = cut(save_sound(tmp_path / "half.m4a", tone(3.0), "aac", form="ipod"), 0.6)
    assert "incomplete" in refusal(path)


def test_damaged_places_are_passed_over_and_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, (1, 6 * 48_000)).astype(np.float32)
    path = save_sound(tmp_path / "scratched.mp3", noise, "libmp3lame")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 9000] = np.random.default_rng(3).bytes(9000)
    path.write_bytes(data)
    found = hear(path)
    assert 4.0 < found.duration <= 6.1
    assert "damaged places" in only_note(found, path.name)


def make_playlist(path: Path) -> None:
    """A playlist that would make a careless reader open another file."""
    save_wav(path.with_name("secret.wav"), tone(1.0))
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path.with_name('secret.wav')}\n#EXT-X-ENDLIST\n")


def make_concat(path: Path) -> None:
    save_wav(path.with_name("secret.wav"), tone(1.0))
    path.write_text(f"ffconcat version 1.0\nfile {path.with_name('secret.wav').name}\n")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("This is a letter.\n" * 20), "looks like text"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(np.random.default_rng(1).bytes(20_000)), "is not a recording that can be read"),
        (lambda path: path.write_bytes(bytes(20_000)), "is not a recording that can be read"),
        (lambda path: save_photo(path, format="PNG"), "looks like a picture"),
        (lambda path: save_photo(path, format="JPEG"), "looks like a picture"),
        (lambda path: save_photo(path, format="GIF"), "looks like a picture"),
        (make_playlist, "looks like text"),
        (make_concat, "looks like text"),
        (lambda path: path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt "), "damaged or incomplete"),
        (lambda path: path.write_bytes(b"fLaC" + bytes(60)), "damaged or incomplete"),
    ],
)
def test_what_only_calls_itself_a_recording_is_refused(
    make: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    for name in ("hello.mp3", "hello.wav"):
        make(tmp_path / name)
        assert words in refusal(tmp_path / name)


@given(
    data=st.binary(max_size=3000),
    start=st.sampled_from(
        [
            b"",
            b"RIFF\xff\0\0\0WAVEfmt \x10\0\0\0",
            b"ID3\x04\0\0",
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02",
            b"\0\0\0\x18ftypM4A ",
            b"\x1aE\xdf\xa3",
        ]
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_bytes_the_answer_is_facts_or_one_sentence(data: bytes, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.wav"
    path.write_bytes(start + data)
    try:
        assert hear(path).duration > 0
    except BadInput as error:
        check_refusal(error, "any.wav")


@given(
    place=st.integers(0, 50_000),
    value=st.integers(0, 255),
    codec=st.sampled_from(["pcm_s16le", "flac", "libmp3lame", "libopus", "aac"]),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_gives_facts_or_one_sentence(place: int, value: int, codec: str, tmp_path: Path) -> None:
    suffix, form = {
        "pcm_s16le": ("wav", None),
        "flac": ("flac", None),
        "libmp3lame": ("mp3", None),
        "libopus": ("ogg", None),
        "aac": ("m4a", "ipod"),
    }[codec]
    good = tmp_path / f"good.{suffix}"
    if not good.exists():
        save_sound(good, tone(0.3), codec, form=form)
    data = bytearray(good.read_bytes())
    data[place % min(len(data), 400)] = value
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(data)
    try:
        assert hear(path).duration > 0
    except BadInput as error:
        check_refusal(error, path.name)
