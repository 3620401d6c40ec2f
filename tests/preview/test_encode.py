"""The encoder never leaves its producer waiting, and every failure becomes a sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from oavr_tui.errors import BadInput, DiskFull, Rejected
from oavr_tui.preview.arrays import Pixels
from oavr_tui.preview.encode import WAITING, EncoderThread, Mp4, write_failure
from tests.limits import NO_BYTECODE
from tests.preview.conftest import spec_of


def test_a_file_in_a_folder_that_is_gone_cannot_be_begun(stock: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        file = Mp4(tmp_path / "none" / "a.mp4", (64, 64), stock / "voice.wav", 5, {})
        file.write(np.zeros((96, 64), np.uint8))


def test_a_failing_encoder_never_blocks_the_producer(stock: Path, tmp_path: Path) -> None:
    """The second frame is no picture at all; many more than the queue holds are put after it."""
    file = Mp4(tmp_path / "a.mp4", (64, 64), stock / "voice.wav", 500, {})
    outcome: list[BaseException] = []

    def produce() -> None:
        try:
            with EncoderThread(file) as encoder:
                encoder.put(np.zeros((96, 64), np.uint8))
                for _ in range(20 * WAITING):
                    encoder.put(np.zeros((31, 20), np.uint8))
                encoder.finish()
        except Exception as error:
            outcome.append(error)

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    producer.join(30)
    assert not producer.is_alive()
    assert len(outcome) == 1
    assert isinstance(write_failure(outcome[0] if isinstance(outcome[0], Exception) else ValueError()), Rejected)
    file.abandon()


def test_a_producer_that_fails_ends_the_thread(stock: Path, tmp_path: Path) -> None:
    file = Mp4(tmp_path / "a.mp4", (64, 64), stock / "voice.wav", 5, {})
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), EncoderThread(file) as encoder:
        encoder.put(np.zeros((96, 64), np.uint8))
        raise ZeroDivisionError
    assert threading.active_count() == before
    file.abandon()


def test_frames_come_out_as_they_went_in(stock: Path, tmp_path: Path) -> None:
    from tests.preview.reading import frames

    shades = [30, 90, 150, 210]
    file = Mp4(tmp_path / "a.mp4", (64, 48), stock / "voice.wav", len(shades), {})
    with EncoderThread(file) as encoder:
        for shade in shades:
            planes: Pixels = np.full((72, 64), 128, np.uint8)
            planes[:48] = 16 + shade * 219 // 255
            encoder.put(planes)
        encoder.finish()
    assert [round(float(frame.mean())) for frame in frames(tmp_path / "a.mp4")] == pytest.approx(shades, abs=4)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "x"), DiskFull),
        (OSError(errno.EDQUOT, "x"), DiskFull),
        (OSError(errno.EFBIG, "x"), DiskFull),
        (PermissionError(errno.EACCES, "x"), Rejected),
        (ValueError("secret"), Rejected),
        (BadInput("a sentence."), BadInput),
    ],
)
def test_failures_become_sentences(error: Exception, kind: type[Exception]) -> None:
    told = write_failure(error)
    assert type(told) is kind
    assert "secret" not in told.message and told.message.endswith(".")


LIMITED = """
import json, resource, sys
from oavr_tui.errors import DiskFull
from oavr_tui.preview.engine import make_preview
from oavr_tui.preview.spec import PreviewSpec
spec = PreviewSpec.from_dict(json.loads(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    make_preview(spec)
except DiskFull as error:
    print(error.message)
"""


@pytest.mark.parametrize("room", [0, 8_000, 60_000])
def test_a_full_disk_is_said_and_leaves_nothing(stock: Path, tmp_path: Path, room: int) -> None:
    """A limit on the size of files stands in for a full disk: at the start, in the middle, near the end."""
    import json

    spec = spec_of(stock, tmp_path / "a.mp4")
    command = [sys.executable, "-c", LIMITED, json.dumps(spec.to_dict()), str(room)]
    environ = {**os.environ, **NO_BYTECODE}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environ)
    assert "no room left on the disk" in done.stdout
    assert list(tmp_path.iterdir()) == []
