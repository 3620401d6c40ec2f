"""The life of one job, from queued to its end: check the inputs, wait for the lane, make, save.

Rules:
1. Nothing is sent anywhere before the inputs have been found usable and kept.
2. Whatever happens, the job ends in a state with a sentence, or stays where a later driver can pick it up.
3. Once saving has begun it is carried through; a cancel that comes later than that is too late.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from oavr_tui.engine import saving
from oavr_tui.engine.crash import write_crash
from oavr_tui.engine.estimate import Meter
from oavr_tui.engine.events import JobProgressed
from oavr_tui.engine.workshop import Workshop
from oavr_tui.errors import DiskFull, FailureCode, OavrError
from oavr_tui.models import (
    LONGEST_FULL_SECONDS,
    LONGEST_PREVIEW_SECONDS,
    PREVIEW,
    Failure,
    Job,
    JobState,
    Request,
)
from oavr_tui.text import safe, safe_url

T = TypeVar("T")

LARGEST_PICTURE = 200 << 20
LARGEST_VOICE = 2 << 30
"""Largest files, in bytes, that are fetched from an address."""

_CALL_OFF_SECONDS = 45.0
"""How long to wait for the server to say that it stopped; it is asked at once, but cannot stop while it loads."""


def is_address(given: str) -> bool:
    """Whether a picture or voice is given as an http(s) address rather than a path."""
    return given.lower().startswith(("http://", "https://"))


def shown_name(given: str) -> str:
    """What to call a picture or voice in a sentence: the file's own name, or the address without secrets."""
    return safe_url(given) if is_address(given) else safe(Path(given).name or given)


def file_name(given: str) -> str:
    """The file name in a path or an address."""
    if not is_address(given):
        return Path(given).name
    try:
        return unquote(urlsplit(given).path).rpartition("/")[2]
    except ValueError:
        return ""


class JobRun:
    """One attempt to bring a job to its end. `cancel_asked` is set by the engine before it cancels the task."""

    def __init__(self, shop: Workshop, job: Job) -> None:
        self.shop = shop
        self.job = job
        self.cancel_asked = False
        self.meter = Meter(job.id, job.request.on, lambda p: shop.bus.emit(JobProgressed(p)), shop.around.monotonic)

    @property
    def request(self) -> Request:
        return self.job.request

    async def run(self) -> None:
        """Returns when the job has ended; raises CancelledError when this process lets go of it."""
        try:
            await self._live()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.cancel_asked or task is None:
                raise
            task.uncancel()
            await self._call_off()
        except OavrError as error:
            await self._fail(error)
        except OSError as error:
            await self._fail(self._from_os(error))
        except Exception as error:
            await self._fail(write_crash(self.shop.paths, error, f"making {self.job.title}"))
        if self.job.ended:
            await _to_its_end(self.shop.tidy(self.job), self.job.id)

    async def move(self, state: JobState, **facts: Any) -> None:
        self.job = await self.shop.queue.move(self.job, state, **facts)

    async def note(self, **facts: Any) -> None:
        self.job = await self.shop.queue.note(self.job, **facts)

    async def _live(self) -> None:
        if self.job.cancel_asked:
            await self._call_off()
            return
        if self.job.state is JobState.FETCHING and await self._carry_through(saving.adopt(self.shop, self.job)):
            return
        if not self.job.prompt_id and self.job.state is JobState.QUEUED and not self._checked():
            await self._check()
        async with self.shop.lanes.of(self.job):
            finished = await self._make()
            self.meter.at(JobState.FETCHING, 0.95)
            shelved = partial(self.meter.at, JobState.FETCHING, 1.0)
            await self._carry_through(saving.save(self.shop, self.job, finished, shelved))

    async def _make(self) -> Path:
        """Make the video and return the complete file on the work bench; the job is in `fetching` then."""
        if self.request.on == PREVIEW:
            from oavr_tui.engine.run_preview import make_preview

            return await make_preview(self)
        from oavr_tui.engine.run_remote import RemoteRun

        return await RemoteRun(self).make()

    # --- checking

    def _checked(self) -> bool:
        return bool(self.job.frames) and all(
            not needed or self.shop.inputs.path(needed) is not None
            for needed in (self.job.image_hash, self.job.audio_hash, self.job.workflow_hash)
        )

    async def _check(self) -> None:
        from oavr_tui.media.check import check_inputs
        from oavr_tui.media.space import check_space, space_needed

        async with self.shop.checking:
            await self.move(JobState.CHECKING)
            self.meter.at(JobState.CHECKING)
            image = await self._local(self.request.image, "picture", LARGEST_PICTURE)
            audio = await self._local(self.request.audio, "voice", LARGEST_VOICE)
            checked = await check_inputs(
                image,
                audio,
                shape=self.request.shape,
                max_seconds=self.request.max_seconds,
                longest=LONGEST_PREVIEW_SECONDS if self.request.on == PREVIEW else LONGEST_FULL_SECONDS,
                names=(shown_name(self.request.image), shown_name(self.request.audio)),
            )
            self.meter.at(JobState.CHECKING, 0.6)
            needed = space_needed(checked.duration, checked.width, checked.height)
            for folder in (self.shop.paths.work, self.shop.library.folder):
                check_space(folder, needed)
            kept = await asyncio.to_thread(self._keep, image, audio)
            for text in checked.notes:
                self.shop.tell(self.job, text)
            await self.move(
                JobState.QUEUED,
                width=checked.width,
                height=checked.height,
                duration=checked.duration,
                frames=checked.frames,
                **kept,
            )
            self.meter.at(JobState.CHECKING, 1.0)

    def _keep(self, image: Path, audio: Path) -> dict[str, str]:
        """Copies of the inputs, so that what was checked is what is used, whatever happens to the files."""
        kept = {"image_hash": self.shop.inputs.keep(image), "audio_hash": self.shop.inputs.keep(audio)}
        if self.request.workflow is not None:
            from oavr_tui.workflows.graph import load_graph

            load_graph(Path(self.request.workflow))
            kept["workflow_hash"] = self.shop.inputs.keep(Path(self.request.workflow))
        return kept

    async def _local(self, given: str, what: str, largest: int) -> Path:
        """A file on this computer: the path as given, or what the address holds, fetched onto the work bench."""
        if not is_address(given):
            return Path(given).expanduser()
        from oavr_tui.clients.fetch_url import fetch_url

        suffix = Path(file_name(given)).suffix
        target = self.shop.bench(self.job) / f"{what}{suffix if suffix[1:].isalnum() else ''}"
        await fetch_url(given, target, max_bytes=largest)
        return target

    # --- endings

    async def _carry_through(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Do the last steps to their end even when this task is cancelled meanwhile. True when there is a video."""
        video = await _to_its_end(work, self.job.id)
        if video is not None:
            self.job = self.shop.queue.get(self.job.id) or self.job
        elif (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError
        return video is not None

    async def _fail(self, error: OavrError) -> None:
        if error.code is FailureCode.CANCELLED:
            await self._end(JobState.CANCELLED, Failure(error.code, error.message, error.can_retry))
        else:
            await self._end(JobState.FAILED, Failure(error.code, error.message, error.can_retry))

    async def _end(self, state: JobState, failure: Failure) -> None:
        self.job = self.shop.queue.get(self.job.id) or self.job
        if not self.job.ended:
            await self.move(state, failure=failure)

    async def _call_off(self) -> None:
        """Stop the job where it is, on its server too."""
        self.job = self.shop.queue.get(self.job.id) or self.job
        sentence = "Cancelled."
        if self.job.prompt_id and not self.job.ended:
            from oavr_tui.engine.run_remote import RemoteRun

            try:
                async with asyncio.timeout(_CALL_OFF_SECONDS):
                    sentence = await RemoteRun(self).call_off()
            except OavrError:
                sentence = f"Cancelled here, but {safe_url(self.request.on)} did not answer: it may still be at work."
            except TimeoutError:
                sentence = f"Cancelled. {safe_url(self.request.on)} was told to stop and had not said yet that it did."
        await self._end(JobState.CANCELLED, Failure(FailureCode.CANCELLED, sentence, can_retry=True))

    def _from_os(self, error: OSError) -> OavrError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return DiskFull(
                f"The disk is full, so {self.job.title} could not be finished. Free some space, then try again."
            )
        return write_crash(self.shop.paths, error, f"making {self.job.title}")


async def _to_its_end(work: Coroutine[Any, Any, T], job_id: str) -> T:
    """Await short last steps to their end even when the task is cancelled meanwhile; that is not passed on."""
    task = asyncio.create_task(work, name=f"end-{job_id}")
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()
