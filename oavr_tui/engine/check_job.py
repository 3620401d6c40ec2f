"""The first thing in a job's life: are its picture, its voice and its workflow usable, and is there room for a video?

Nothing is sent anywhere before, and copies are kept, so that what was checked is what is used.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.engine.given import file_name, is_address, shown_name
from oavr_tui.models import LONGEST_FULL_SECONDS, LONGEST_PREVIEW_SECONDS, PREVIEW, JobState

if TYPE_CHECKING:
    from oavr_tui.engine.run_job import JobRun

LARGEST_PICTURE = 200 << 20
LARGEST_VOICE = 2 << 30
"""Largest files, in bytes, that are fetched from an address."""


class CheckJob:
    """The part of a job's life that happens before any place is needed."""

    def __init__(self, run: JobRun) -> None:
        self.run = run

    def _checked(self) -> bool:
        return bool(self.run.job.frames) and all(
            not needed or self.run.shop.inputs.path(needed) is not None
            for needed in (self.run.job.image_hash, self.run.job.audio_hash, self.run.job.workflow_hash)
        )

    async def check(self) -> None:
        """Look at the inputs and keep copies of them, unless that was done before. Raises BadInput or DiskFull."""
        if self._checked():
            return
        from oavr_tui.media.check import check_inputs
        from oavr_tui.media.space import check_space, space_needed

        async with self.run.shop.checking:
            await self.run.move(JobState.CHECKING)
            self.run.meter.at(JobState.CHECKING)
            image = await self._local(self.run.request.image, "picture", LARGEST_PICTURE)
            audio = await self._local(self.run.request.audio, "voice", LARGEST_VOICE)
            checked = await check_inputs(
                image,
                audio,
                shape=self.run.request.shape,
                max_seconds=self.run.request.max_seconds,
                longest=LONGEST_PREVIEW_SECONDS if self.run.request.on == PREVIEW else LONGEST_FULL_SECONDS,
                names=(shown_name(self.run.request.image), shown_name(self.run.request.audio)),
            )
            self.run.meter.at(JobState.CHECKING, 0.6)
            needed = space_needed(checked.duration, checked.width, checked.height)
            for folder in (self.run.shop.paths.work, self.run.shop.library.folder):
                check_space(folder, needed)
            kept = await asyncio.to_thread(self._keep, image, audio)
            for text in checked.notes:
                self.run.shop.tell(self.run.job, text)
            await self.run.move(
                JobState.QUEUED,
                width=checked.width,
                height=checked.height,
                duration=checked.duration,
                frames=checked.frames,
                **kept,
            )
            self.run.meter.at(JobState.CHECKING, 1.0)

    def _keep(self, image: Path, audio: Path) -> dict[str, str]:
        """Copies of the inputs, so that what was checked is what is used, whatever happens to the files."""
        kept = {"image_hash": self.run.shop.inputs.keep(image), "audio_hash": self.run.shop.inputs.keep(audio)}
        if self.run.request.workflow is not None:
            from oavr_tui.workflows.graph import load_graph

            load_graph(Path(self.run.request.workflow))
            kept["workflow_hash"] = self.run.shop.inputs.keep(Path(self.run.request.workflow))
        return kept

    async def _local(self, given: str, what: str, largest: int) -> Path:
        """A file on this computer: the path as given, or what the address holds, fetched onto the work bench."""
        if not is_address(given):
            return Path(given).expanduser()
        from oavr_tui.clients.fetch_url import fetch_url

        suffix = Path(file_name(given)).suffix
        target = self.run.shop.bench(self.run.job) / f"{what}{suffix if suffix[1:].isalnum() else ''}"
        await fetch_url(given, target, max_bytes=largest)
        return target
