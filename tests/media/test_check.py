"""The whole input check through its child process: facts, notes, refusals, crashes, hangs, cancelling."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from oavr_tui.child import run_in_child
from oavr_tui.errors import BadInput, FailureCode, OavrError
from oavr_tui.media.check import check_inputs, check_picture, check_voice
from oavr_tui.media.types import Checked
from oavr_tui.models import Shape
from tests.media.makers import cut, save_photo, save_sound, save_video, save_wav, tone, turned_photo
from tests.media.sentences import check_refusal, check_sentence

HEIC_HEAD = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(600)


async def check(image: Path, audio: Path, shape: Shape = Shape.AUTO, max_seconds: float | None = None) -> Checked:
    return await check_inputs(image, audio, shape=shape, max_seconds=max_seconds, longest=400.0)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return save_photo(tmp_path / "anna.png", 600, 1000)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    return save_wav(tmp_path / "hello.wav", tone(1.5))


async def test_a_good_pair_becomes_facts(image: Path, audio: Path) -> None:
    checked = await check(image, audio)
    assert (checked.picture.width, checked.picture.height) == (600, 1000)
    assert (checked.width, checked.height) == (480, 832)
    assert (checked.duration, checked.frames, checked.notes) == (1.5, 38, ())
    assert checked.voice.duration == 1.5


async def test_a_turned_photo_and_a_moment_of_video_sound_work_together(tmp_path: Path) -> None:
    photo = turned_photo(tmp_path / "turned.jpg", 6)
    clip = save_video(tmp_path / "clip.mp4", 0.2, sound=tone(0.01))
    checked = await check(photo, clip, Shape.LANDSCAPE)
    assert checked.picture.turned
    assert (checked.width, checked.height) == (832, 480)
    assert checked.frames == 1
    assert any("turned.jpg is 320x400" in note for note in checked.notes)
    for note in checked.notes:
        check_sentence(note, "turned.jpg" if "turned" in note else "clip.mp4")


async def test_the_cut_decides_how_many_frames(image: Path, audio: Path) -> None:
    checked = await check(image, audio, max_seconds=0.5)
    assert (checked.duration, checked.frames) == (0.5, 12)
    assert "Only the first 0.5 s of hello.wav is used." in checked.notes


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
async def test_a_length_that_is_none_is_refused(wrong: float, image: Path, audio: Path) -> None:
    with pytest.raises(BadInput, match="seconds"):
        await check(image, audio, max_seconds=wrong)


async def test_files_are_called_what_the_person_called_them(tmp_path: Path, audio: Path) -> None:
    kept = tmp_path / "9f86d081884c7d65"
    kept.write_text("not a picture at all")
    with pytest.raises(BadInput) as caught:
        await check_inputs(
            kept,
            audio,
            shape=Shape.AUTO,
            max_seconds=None,
            longest=400.0,
            names=("https://example.com/\x1b[1manna.png", "x"),
        )
    check_refusal(caught.value, "https://example.com/anna.png")
    assert "9f86" not in caught.value.message


@pytest.mark.parametrize("which", ["picture", "voice"])
@pytest.mark.parametrize(
    "name", ["\x1b[31mred\x1b[0m.png", "[b]bold[@click=x].png", "two\nlines.png", "声音.png", "\u202egnp.a"]
)
async def test_odd_names_reach_the_child_and_come_back_clean(
    which: str, name: str, image: Path, audio: Path, tmp_path: Path
) -> None:
    odd = tmp_path / name
    odd.write_text("neither a picture nor a voice")
    with pytest.raises(BadInput) as caught:
        await (check(odd, audio) if which == "picture" else check(image, odd))
    check_refusal(caught.value, caught.value.message.split(" is not a ")[0])
    assert "looks like text" in caught.value.message


async def test_a_picture_and_a_voice_can_be_checked_alone(image: Path, audio: Path) -> None:
    assert (await check_picture(image)).width == 600
    assert (await check_voice(audio, max_seconds=None, longest=400.0)).duration == 1.5
    with pytest.raises(BadInput, match="looks like a sound file"):
        await check_picture(audio)
    with pytest.raises(BadInput, match="looks like a picture"):
        await check_voice(image, max_seconds=None, longest=400.0)


async def test_a_pipe_does_not_make_it_wait(audio: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadInput, match="a device or a pipe"):
        await check(tmp_path / "pipe.png", audio)


async def test_a_long_voice_keeps_giving_signs_of_life(tmp_path: Path) -> None:
    path = save_wav(tmp_path / "talk.wav", tone(300.0, 8_000), 8_000)
    signs: list[object] = []
    task = {"task": "check", "audio": {"path": str(path), "name": "talk.wav"}, "max_seconds": None, "longest": 400.0}
    await run_in_child("oavr_tui.media", task, deadline=60.0, crash_message="It died.", on_progress=signs.append)
    assert len(signs) >= 3
    assert set(map(str, signs)) == {"{'reading': 'audio'}"}


def shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a module of our own where the child looks for the HEIC decoder first."""
    (folder / "modules").mkdir()
    (folder / "modules" / "pillow_heif.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "modules"), *sys.path[:1], str(Path.cwd())]))


def heic(folder: Path) -> Path:
    (folder / "anna.heic").write_bytes(HEIC_HEAD)
    return folder / "anna.heic"


async def test_heic_without_its_extra_says_what_to_install(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(tmp_path, monkeypatch, "raise ImportError('not installed')")
    with pytest.raises(BadInput) as caught:
        await check(heic(tmp_path), audio)
    check_refusal(caught.value, "anna.heic")
    assert "Save it as JPEG" in caught.value.message and "oavr-tui[heic]" in caught.value.message


async def test_heic_with_its_extra_is_taken(audio: Path, tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="the heic extra is not installed")
    heif.register_heif_opener()
    good = save_photo(tmp_path / "anna.heic", 512, 800)
    assert (await check(good, audio)).picture.format == "HEIF"
    with pytest.raises(BadInput) as caught:
        await check(cut(good, 0.6), audio)
    check_refusal(caught.value, "anna.heic")


@pytest.mark.parametrize(
    "code",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os; os._exit(3)",
        "import time; time.sleep(300)",
        "def register_heif_opener(): raise RuntimeError('decoder in trouble at 0x7f')",
    ],
    ids=["segfault", "killed", "exit", "hang", "unknown exception"],
)
async def test_a_decoder_that_dies_or_hangs_is_one_sentence(
    code: str, audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(tmp_path, monkeypatch, code)
    with pytest.raises(OavrError) as caught:
        await check_inputs(
            heic(tmp_path),
            audio,
            shape=Shape.AUTO,
            max_seconds=None,
            longest=400.0,
            deadline=3.0 if "sleep" in code else 60.0,
        )
    check_refusal(caught.value, "anna.heic", FailureCode.OUT_OF_MEMORY if "SIGKILL" in code else FailureCode.BAD_INPUT)


async def test_a_decoder_that_eats_memory_is_stopped_and_told(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux bounds a process's memory")
    shadow(tmp_path, monkeypatch, "eaten = [bytes(1 << 30) for _ in range(64)]")
    with pytest.raises(OavrError) as caught:
        await check(heic(tmp_path), audio)
    check_refusal(caught.value, "anna.heic", FailureCode.OUT_OF_MEMORY)


async def test_cancelling_ends_the_child(audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(300)"
    shadow(tmp_path, monkeypatch, code)
    task = asyncio.create_task(check(heic(tmp_path), audio))
    while not (mark.exists() and mark.read_text()):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_the_check_loads_nothing_heavy_into_the_app() -> None:
    import subprocess

    heavy = ("numpy", "av", "PIL", "cv2", "pydantic")
    code = (
        "import sys, oavr_tui.media.check, oavr_tui.media.probe, oavr_tui.media.prepare, oavr_tui.media.space\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.full
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
async def test_the_largest_pictures_stay_within_the_memory_bound(suffix: str, audio: Path, tmp_path: Path) -> None:
    from PIL import Image

    image = Image.new("RGB", (12_000, 8_300), (120, 90, 60))
    image.paste((30, 60, 90), (0, 0, 6_000, 8_300))
    image.save(tmp_path / f"huge.{suffix}", quality=60, method=0, compress_level=1)
    assert (await check(tmp_path / f"huge.{suffix}", audio)).picture.width == 12_000


@pytest.mark.full
async def test_half_an_hour_is_decoded_for_a_preview(image: Path, tmp_path: Path) -> None:
    path = save_sound(tmp_path / "talk.mp3", tone(1790.0, 16_000), "libmp3lame", 16_000)
    checked = await check_inputs(image, path, shape=Shape.AUTO, max_seconds=None, longest=1800.0)
    assert checked.duration == pytest.approx(1790.0, abs=0.2)
