"""From a finished file to a video in the library, so that a kill at any moment leaves none half-written and none twice.

Order: the file is complete on the work bench → a name is reserved for this job → the file and its sidecar stand in the
videos folder under that name → video and job are recorded in one piece. Whoever comes back after a kill finds, by the
job's id, how far it got.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from oavr_tui.engine.workshop import Workshop
from oavr_tui.models import PREVIEW, Job, Video


def draft_video(job: Job, *, made_on: str, at: float, graph: str = "") -> Video:
    """What is known of a job's video before it exists: all that is needed to make it again.

    graph: the person's own workflow as JSON text.
    """
    return Video(
        id=job.id,
        job_id=job.id,
        title=job.title,
        path="",
        duration=job.duration,
        width=job.width,
        height=job.height,
        fps=0.0,
        bytes=0,
        seed=job.seed,
        made_on=made_on,
        seconds_taken=0.0,
        created_at=at,
        preview=job.request.on == PREVIEW,
        request=job.request,
        image_hash=job.image_hash,
        audio_hash=job.audio_hash,
        graph=graph,
        cost=job.cost,
    )


def kept_graph(shop: Workshop, job: Job) -> str:
    """The person's own workflow of this job as compact JSON text; empty where it uses ours. Blocks."""
    kept = shop.inputs.path(job.workflow_hash) if job.workflow_hash else None
    return "" if kept is None else json.dumps(json.loads(kept.read_bytes()), separators=(",", ":"))


async def save(shop: Workshop, job: Job, finished: Path, shelved: Callable[[], None]) -> Video:
    """Put a complete file into the library and end the job. Raises DiskFull or Rejected, the file still in place.

    shelved: called once the video stands in the library, just before that is recorded.
    """
    from oavr_tui.media.probe import probe_video

    info = await probe_video(finished)
    now = shop.around.clock()
    began = job.making_since or job.created_at
    video = replace(
        draft_video(job, made_on=job.made_by, at=now, graph=await asyncio.to_thread(kept_graph, shop, job)),
        duration=round(info.duration, 3),
        width=info.width,
        height=info.height,
        fps=round(info.fps, 3),
        seconds_taken=round(max(0.0, now - began), 2),
    )

    library = shop.library  # one for both steps, whichever folder is chosen meanwhile

    def shelve() -> Video:
        target = library.reserve(job.title, job.id)
        placed = replace(video, path=str(target), title=target.stem)
        return replace(placed, bytes=library.add(finished, target, placed))

    video = await asyncio.to_thread(shelve)
    shelved()
    await shop.queue.finish(job, video)
    return video


async def adopt(shop: Workshop, job: Job) -> Video | None:
    """The video of this job that already stands in the library, recorded now; None when there is none."""
    video = await asyncio.to_thread(shop.library.adopt, job.id)
    if video is None:
        return None
    await shop.queue.finish(job, video)
    return video
