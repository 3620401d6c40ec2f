"""Making a video on a ComfyUI server: send, follow, bring home; and picking up where a killed driver left off.

The prompt id is ours and is on the disk before it is on the wire. So whoever comes back can always ask the server what
became of it: unknown before it was acknowledged means it never arrived (send it); unknown afterwards means lost.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.engine import saving
from oavr_tui.errors import Lost, OutOfMemory, Rejected
from oavr_tui.models import Job, JobState, OutputFile, Quality
from oavr_tui.text import safe, size

if TYPE_CHECKING:
    from oavr_tui.clients.comfyui import ComfyUI
    from oavr_tui.clients.comfyui_types import FollowUpdate, ServerInfo, UploadedFile
    from oavr_tui.engine.run_job import JobRun
    from oavr_tui.workflows.patcher import Patched

LARGEST_UPLOAD = 95_000_000
"""Bytes; a server takes 100 MB unless it was told otherwise, and the whole request counts."""

PUTTING_AWAY = "putting it into your videos"
"""What is said once all bytes are here: the tags are written and the file moves to its place."""
_UPLOAD_FRAMING = 64_000
_SECOND_LOOK_SECONDS = 2.0
_MORE_SWAP = 10
"""Blocks kept out of the graphics memory in addition, for the one second try after it ran out."""


class RemoteRun:
    """The part of a job's life that happens on a server."""

    def __init__(self, run: JobRun) -> None:
        self.run = run
        self.shop = run.shop
        self._joined_late = False
        """The video was under way before, or waited behind others: its time says nothing."""

    @property
    def job(self) -> Job:
        return self.run.job

    @property
    def where(self) -> str:
        return self.run.address()[2]

    async def make(self) -> Path:
        """Return the complete video file, with its tags, on the work bench; the job is in `fetching` then."""
        while True:
            try:
                return await self._attempt()
            except OutOfMemory:
                if self.job.extra_swap:
                    raise
                await self.run.move(
                    JobState.QUEUED, extra_swap=_MORE_SWAP, prompt_id="", sent=False, outputs=(), made_by=""
                )
                self.shop.tell(
                    self.job,
                    f"{self.where} ran out of graphics memory: trying once more with less of the model held in it.",
                )

    async def call_off(self) -> str:
        """Cancel this job's prompt on its server, and only that; returns the sentence for the person."""
        async with self._server() as server:
            gone = await server.cancel(self.job.prompt_id)
        return "Cancelled." if gone else f"Cancelled here; {self.where} had not stopped working on it when last asked."

    # --- one attempt

    def _server(self) -> ComfyUI:
        from oavr_tui.clients.comfyui import ComfyUI

        url, token, name = self.run.address()
        return ComfyUI(
            url,
            token=token,
            called=name,
            client_id=self.job.client_id or self.job.id.replace("-", ""),
            sleep=self.shop.around.sleep,
            clock=self.shop.around.monotonic,
        )

    async def _attempt(self) -> Path:
        async with self._server() as server:
            if self.job.prompt_id and not self.job.sent and not await self._arrived(server):
                await self.run.move(JobState.QUEUED, prompt_id="", outputs=())
            if not self.job.prompt_id:
                patched = await self._send(server)
            else:
                self._joined_late = True
                self.run.meter.at(self.job.state)
                patched = await self._patched(server, await server.info(), None)
            if self.job.state is JobState.GENERATING:
                began = self.shop.around.monotonic()
                outputs = await self._follow(server, patched)
                await self._learn(patched, self.shop.around.monotonic() - began)
                await self.run.move(JobState.FETCHING, outputs=outputs)
            return await self._fetch(server)

    async def _arrived(self, server: ComfyUI) -> bool:
        """Whether a prompt that was never acknowledged reached the server all the same. Looks twice."""
        for look in (1, 2):
            status = await server.find(self.job.prompt_id)
            if status.kind != "absent":
                await self.run.move(JobState.GENERATING, sent=True)
                return True
            if look == 1:
                await self.shop.around.sleep(_SECOND_LOOK_SECONDS)
        return False

    async def _send(self, server: ComfyUI) -> Patched:
        from oavr_tui.media.prepare import prepare_for_upload

        job, meter, inputs = self.job, self.run.meter, self.shop.inputs
        now = self.shop.around.clock()
        if job.state is JobState.STARTING:  # it has waited for its studio to start
            await self.run.note(making_since=now)
        else:
            await self.run.move(JobState.STARTING, making_since=now)
        meter.at(JobState.STARTING)
        info = await server.info()
        limit = min(LARGEST_UPLOAD, (info.max_upload_size or LARGEST_UPLOAD) - _UPLOAD_FRAMING)
        rented = self.run.seat.pod.gpu_name if self.run.seat and self.run.seat.pod else ""
        await self.run.note(made_by=rented or (safe(info.device) if info.vram_total else self.where))
        prompt_id, client_id = self.shop.around.new_id(), job.client_id or job.id.replace("-", "")
        image, audio = inputs.path(job.image_hash), inputs.path(job.audio_hash)
        if image is None or audio is None:
            raise FileNotFoundError(f"kept inputs of {job.id}")
        prepared = await prepare_for_upload(
            image, audio, folder=self.shop.bench(job), max_seconds=job.request.max_seconds, max_bytes=limit
        )
        # From here on a killed driver's successor asks the server before it sends anything again.
        await self.run.move(JobState.SENDING, prompt_id=prompt_id, client_id=client_id, sent=False)
        meter.at(JobState.SENDING)
        picture, voice = await self._upload(server, prepared.image, prepared.audio)
        patched = await self._patched(server, info, (picture, voice))
        for text in patched.notes:
            self.shop.tell(job, text)
        await server.submit(patched.graph, prompt_id)
        await self.run.move(JobState.GENERATING, sent=True)
        return patched

    async def _upload(self, server: ComfyUI, image: Path, audio: Path) -> tuple[UploadedFile, UploadedFile]:
        sizes = (image.stat().st_size, audio.stat().st_size)
        total = sum(sizes)

        def tell(before: int, sent: int) -> None:
            done = min(before + sent, total)
            self.run.meter.at(JobState.SENDING, done / max(total, 1), detail=f"{size(done)} of {size(total)}")

        folder = f"oavr-{self.job.id}"
        picture = await server.upload(
            image, name=f"portrait{image.suffix}", subfolder=folder, on_progress=lambda sent, _all: tell(0, sent)
        )
        voice = await server.upload(
            audio, name=f"voice{audio.suffix}", subfolder=folder, on_progress=lambda sent, _all: tell(sizes[0], sent)
        )
        return picture, voice

    async def _patched(
        self, server: ComfyUI, info: ServerInfo, files: tuple[UploadedFile, UploadedFile] | None
    ) -> Patched:
        """The graph for this job. Without files it serves only to understand the progress of one already sent."""
        from oavr_tui.workflows.graph import classes_in, load_graph
        from oavr_tui.workflows.patcher import Fill, patch

        job = self.job
        kept = self.shop.inputs.path(job.workflow_hash) if job.workflow_hash else None
        if job.workflow_hash and kept is None:
            raise FileNotFoundError(f"kept workflow of {job.id}")
        graph = await asyncio.to_thread(load_graph, kept)
        known = {name: await server.object_info(name) for name in classes_in(graph)}
        fill = Fill(
            image=files[0].reference if files else "",
            audio=files[1].reference if files else "",
            prompt=job.request.prompt,
            width=job.width,
            height=job.height,
            frames=job.frames,
            seed=job.seed,
            audio_strength=job.request.audio_strength,
            quality=job.request.quality,
            vram=info.vram_total,
            filename_prefix=f"oavr/{job.id}",
            extra_swap=job.extra_swap,
        )
        return patch(graph, fill, known)

    async def _follow(self, server: ComfyUI, patched: Patched) -> tuple[OutputFile, ...]:
        from oavr_tui.workflows.progress import GraphProgress

        meter = self.run.meter
        progress = GraphProgress(patched, clock=self.shop.around.monotonic)
        meter.at(JobState.GENERATING)

        def heard(update: FollowUpdate) -> None:
            if update.kind == "connection":
                if not update.ok and self.run.seat is not None:
                    self.run.seat.doubt(self.shop.around.clock())
                if update.text:
                    self.shop.tell(self.job, update.text)
                return
            if self.run.seat is not None:
                self.run.seat.heard()
            if update.kind == "queued":
                self._joined_late = self._joined_late or bool(update.position)
                behind = f"behind {update.position} other" + ("s" if update.position != 1 else "")
                meter.at(JobState.GENERATING, 0.0, detail=behind if update.position else "")
                return
            percent, detail = progress.update(
                update.kind, node=update.node, value=update.value, maximum=update.max, nodes=update.nodes
            )
            meter.at(JobState.GENERATING, percent / 100, eta=progress.eta_seconds, detail=detail)

        try:
            return await server.follow(self.job.prompt_id, on_update=heard)
        except Lost as error:
            raise Lost(f"{self.job.title}: {error.message}") from None

    async def _learn(self, patched: Patched, seconds: float) -> None:
        """Remember how long a window takes on this kind of machine, as far as this was a whole run of our own."""
        from oavr_tui.workflows.patcher import STEPS

        pod = self.run.seat.pod if self.run.seat else None
        if pod is None or not pod.gpu or self._joined_late or not patched.steps:
            return
        factor = patched.steps / STEPS[Quality.STANDARD]
        await self.shop.fleet.book.measured("window", pod.gpu, seconds / patched.windows / factor)

    async def _fetch(self, server: ComfyUI) -> Path:
        from oavr_tui.clients.comfyui_types import choose_video
        from oavr_tui.media.probe import write_tags
        from oavr_tui.store.tags import tags_for

        self.run.meter.at(JobState.FETCHING)
        output = choose_video(self.job.outputs)
        if output is None:
            raise Rejected(
                f"{self.where} finished {self.job.title}, but its workflow saved no video. Check the workflow."
            )
        bench = self.shop.bench(self.job)

        def tell(done: int, total: int | None) -> None:
            of = f"{size(done)} of {size(total)}" if total else size(done)
            if total and done >= total:
                of = PUTTING_AWAY
            self.run.meter.at(JobState.FETCHING, 0.9 * done / total if total else 0.0, detail=of)

        download = bench / "download.part"
        await server.fetch(output, download, on_progress=tell)
        tagged = bench / "video.mp4"
        graph = await asyncio.to_thread(saving.kept_graph, self.shop, self.job)
        video = saving.draft_video(self.job, made_on=self.job.made_by, at=self.shop.around.clock(), graph=graph)
        await write_tags(download, tagged, tags_for(video))
        return tagged
