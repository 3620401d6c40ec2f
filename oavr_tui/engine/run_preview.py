"""Making a preview: the picture talks on this computer, in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from oavr_tui.engine import saving
from oavr_tui.engine.workshop import Workshop
from oavr_tui.models import Job, JobState

if TYPE_CHECKING:
    from oavr_tui.engine.run_job import JobRun

THIS_COMPUTER = "this computer"


async def make_preview(run: JobRun) -> Path:
    """Render the preview and return the complete file; raises what the engine in the child reports."""
    from oavr_tui.preview.run import render_preview
    from oavr_tui.preview.spec import PreviewSpec
    from oavr_tui.store.tags import tags_for

    shop, job = run.shop, run.job
    output = shop.bench(job) / "video.mp4"
    if job.state is JobState.FETCHING:
        if output.exists():  # rendered completely before the last driver went: the name is given only to whole files
            return output
        await run.move(JobState.QUEUED)
    now = shop.around.clock()
    await run.move(JobState.GENERATING, making_since=now, made_by=THIS_COMPUTER)
    run.meter.at(JobState.GENERATING)
    spec = PreviewSpec(
        image=str(_kept(shop, job, job.image_hash)),
        audio=str(_kept(shop, job, job.audio_hash)),
        output=str(output),
        width=job.width,
        height=job.height,
        seed=job.seed,
        audio_strength=job.request.audio_strength,
        max_seconds=job.request.max_seconds,
        mark=job.request.mark,
        tags=tags_for(saving.draft_video(job, made_on=THIS_COMPUTER, at=now)),
    )
    result = await render_preview(spec, lambda fraction, _frame, _frames: run.meter.at(JobState.GENERATING, fraction))
    if not result.face_found:
        shop.tell(
            job,
            "No face was found in the picture, so no mouth can move: "
            "the picture sways gently, and a meter shows the voice.",
        )
    await run.move(JobState.FETCHING)
    return output


def _kept(shop: Workshop, job: Job, content_hash: str) -> Path:
    path = shop.inputs.path(content_hash)
    if path is None:
        raise FileNotFoundError(f"kept input {content_hash} of {job.id}")
    return path
