"""The child process: whatever becomes of it, the app gets a sentence, and no unfinished file is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from oavr_tui.errors import BadInput, OavrError, OutOfMemory, Rejected
from oavr_tui.preview.run import render_preview
from oavr_tui.preview.spec import PreviewResult, PreviewSpec
from tests.preview.conftest import spec_of
from tests.preview.faces import draw_face
from tests.preview.voices import save_sentence

LONG = 90
"""Times the sentence is said where a preview must not be over too soon."""
PATIENCE = 60


@pytest.fixture(scope="module")
def long_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sentence(tmp_path_factory.mktemp("long") / "long.wav", LONG)[0]


def with_voice(spec: PreviewSpec, voice: Path) -> PreviewSpec:
    return PreviewSpec.from_dict({**spec.to_dict(), "audio": str(voice)})


def children_of_this_process() -> list[int]:
    """Every child of this process, by the kernel's own list."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in listed]


async def test_a_preview_is_made_in_a_child(stock: Path, tmp_path: Path) -> None:
    ticks: list[tuple[float, int, int]] = []
    result = await render_preview(spec_of(stock, tmp_path / "a.mp4"), lambda *tick: ticks.append(tick))
    assert result.face_found and result.path == str(tmp_path / "a.mp4")
    assert result.bytes == (tmp_path / "a.mp4").stat().st_size
    assert ticks[-1] == (1.0, result.frames, result.frames)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


async def test_the_same_spec_gives_the_same_video(stock: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        await render_preview(spec_of(stock, tmp_path / name, max_frames=20, tags={"title": "same"}))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


async def test_the_childs_sentence_arrives(stock: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_bytes(b"no sound at all")
    with pytest.raises(BadInput, match=r"notes\.wav is not a recording"):
        await render_preview(with_voice(spec_of(stock, tmp_path / "a.mp4"), tmp_path / "notes.wav"))


async def test_nonsense_starts_no_child(stock: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="even"):
        await render_preview(spec_of(stock, tmp_path / "a.mp4", width=33))


async def started(
    spec: PreviewSpec, act: Callable[[asyncio.Task[PreviewResult]], Coroutine[Any, Any, None]]
) -> asyncio.Task[PreviewResult]:
    """Start a preview, and act when its first frames are made; the temporary file is there by then."""
    begun = asyncio.Event()
    task = asyncio.create_task(render_preview(spec, lambda done, frame, frames: begun.set() if frame > 3 else None))
    await asyncio.wait_for(begun.wait(), PATIENCE)
    assert spec.part.exists()
    await act(task)
    return task


async def test_cancelling_kills_the_child_and_removes_the_file(stock: Path, tmp_path: Path, long_voice: Path) -> None:
    before = set(children_of_this_process())

    async def cancel(task: asyncio.Task[PreviewResult]) -> None:
        assert set(children_of_this_process()) - before
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)

    await started(with_voice(spec_of(stock, tmp_path / "a.mp4"), long_voice), cancel)
    assert set(children_of_this_process()) <= before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("deadly", "kind"),
    [
        (signal.SIGKILL, OutOfMemory),
        (signal.SIGSEGV, Rejected),
        pytest.param(signal.SIGABRT, Rejected, marks=pytest.mark.full),
    ],
)
async def test_a_child_that_dies_is_a_sentence(
    stock: Path, tmp_path: Path, long_voice: Path, deadly: signal.Signals, kind: type[OavrError]
) -> None:
    before = set(children_of_this_process())

    async def kill(task: asyncio.Task[PreviewResult]) -> None:
        (child,) = set(children_of_this_process()) - before
        os.kill(child, deadly)
        with pytest.raises(kind, match="stopped before the video was finished"):
            await asyncio.wait_for(task, PATIENCE)

    await started(with_voice(spec_of(stock, tmp_path / "a.mp4"), long_voice), kill)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.full
async def test_an_older_video_of_that_name_outlives_a_crash(stock: Path, tmp_path: Path, long_voice: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"older")
    before = set(children_of_this_process())

    async def kill(task: asyncio.Task[PreviewResult]) -> None:
        (child,) = set(children_of_this_process()) - before
        os.kill(child, signal.SIGKILL)
        with pytest.raises(OutOfMemory):
            await asyncio.wait_for(task, PATIENCE)

    await started(with_voice(spec_of(stock, tmp_path / "a.mp4"), long_voice), kill)
    assert (tmp_path / "a.mp4").read_bytes() == b"older"


MEASURED = """
import json, resource, sys
from pathlib import Path
from oavr_tui.preview.engine import make_preview
from oavr_tui.preview.spec import PreviewSpec
assert make_preview(PreviewSpec.from_dict(json.loads(sys.argv[1]))).face_found
if sys.platform == "linux":  # getrusage would count what the parent held before this program was started
    kilobytes = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
else:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(int(kilobytes) / 1024)
"""


def peak_megabytes(spec: PreviewSpec) -> float:
    """The most memory that a fresh process held while it made this preview."""
    command = [sys.executable, "-c", MEASURED, json.dumps(spec.to_dict())]
    return float(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)


@pytest.mark.parametrize("ending", [pytest.param("png", marks=pytest.mark.full), "jpg"])
def test_twelve_megapixels_take_little_memory(stock: Path, tmp_path: Path, ending: str) -> None:
    face = Image.fromarray(draw_face(800, 600, face=320)[:, :, ::-1])
    face.resize((4000, 3000)).save(tmp_path / f"large.{ending}", compress_level=1)
    spec = spec_of(stock, tmp_path / "a.mp4", width=832, height=480, max_frames=25)
    spec = PreviewSpec.from_dict({**spec.to_dict(), "image": str(tmp_path / f"large.{ending}")})
    assert peak_megabytes(spec) < 300
