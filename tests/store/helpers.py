"""Jobs, videos, and a disk that fails when told to."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from oavr_tui.models import Job, JobState, Request, Video
from oavr_tui.store.disk import Disk

T = TypeVar("T")


def make_job(job_id: str = "job-1", *, created_at: float = 1_700_000_000.0, note: str = "") -> Job:
    request = Request(image="/home/me/me.png", audio="/home/me/hello.wav")
    return Job(job_id, "Hello", request, JobState.QUEUED, created_at, created_at, seed=7, note=note)


def make_video(video_id: str = "video-1", *, job_id: str = "job-1", path: str = "/videos/Hello.mp4") -> Video:
    return Video(
        id=video_id,
        job_id=job_id,
        title="Hello",
        path=path,
        duration=2.5,
        width=480,
        height=832,
        fps=25.0,
        bytes=1234,
        seed=2**62 + 1,
        made_on="this computer",
        seconds_taken=3.25,
        created_at=1_700_000_000.5,
        preview=True,
        request=Request(image="/home/me/me.png", audio="/home/me/hello.wav", prompt="hello “you”\n日本"),
        image_hash="a" * 64,
        audio_hash="b" * 64,
    )


class PowerCut(BaseException):
    """The machine stops: nothing more reaches the disk from this process."""


class FaultyDisk(Disk):
    """The real disk, but call number `at` (from 0) goes wrong.

    fault: "error" (EIO, nothing done), "full" (half of a write is done, then ENOSPC), "short" (a write does only a
    part, as write(2) may), "stop" (power is cut before the call), "half" (power is cut after half of a write). After a
    power cut every further call stops too.
    """

    def __init__(self, at: int = -1, fault: str = "error") -> None:
        self.at = at
        self.fault = fault
        self.calls = 0
        self.dead = False

    def open(self, path: Path, flags: int) -> int:
        return self._do(lambda: super(FaultyDisk, self).open(path, flags))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return self._do(
            lambda: super(FaultyDisk, self).write(fd, data),
            lambda: super(FaultyDisk, self).write(fd, data[: len(data) // 2]),
        )

    def sync(self, fd: int) -> None:
        self._do(lambda: super(FaultyDisk, self).sync(fd))

    def sync_folder(self, folder: Path) -> None:
        self._do(lambda: super(FaultyDisk, self).sync_folder(folder))

    def truncate(self, fd: int, size: int) -> None:
        self._do(lambda: super(FaultyDisk, self).truncate(fd, size))

    def replace(self, source: Path, target: Path) -> None:
        self._do(lambda: super(FaultyDisk, self).replace(source, target))

    def link(self, source: Path, target: Path) -> None:
        self._do(lambda: super(FaultyDisk, self).link(source, target))

    def unlink(self, path: Path) -> None:
        self._do(lambda: super(FaultyDisk, self).unlink(path))

    def _do(self, call: Callable[[], T], half: Callable[[], T] | None = None) -> T:
        number = self.calls
        self.calls += 1
        if self.dead:
            raise PowerCut
        if number != self.at:
            return call()
        if self.fault == "short":
            return half() if half else call()
        if half and self.fault in ("full", "half"):
            half()
        if self.fault in ("stop", "half"):
            self.dead = True
            raise PowerCut
        code = errno.ENOSPC if self.fault == "full" else errno.EIO
        raise OSError(code, os.strerror(code))
