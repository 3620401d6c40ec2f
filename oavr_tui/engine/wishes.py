"""A wish as it comes in becomes a job that any process can carry out."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from oavr_tui.engine.given import file_name, is_address, path_given
from oavr_tui.models import Job, JobState, Request

_LARGEST_SEED = 2**63 - 1


def new_job(request: Request, *, job_id: str, at: float) -> Job:
    """A queued job. at: unix seconds. Raises BadInput for a path that names nothing."""
    from oavr_tui.store.names import slug

    seed = random.SystemRandom().randint(0, _LARGEST_SEED) if request.seed is None else request.seed
    stems = (Path(file_name(given)).stem for given in (request.image, request.audio))
    return Job(
        id=job_id,
        title=slug("-".join(stem for stem in stems if stem)),
        request=_anchored(request),
        state=JobState.QUEUED,
        created_at=at,
        updated_at=at,
        seed=seed,
    )


def _anchored(request: Request) -> Request:
    """The same request with absolute paths: it may be carried out by a process that stands elsewhere."""

    def anchor(given: str, what: str) -> str:
        return given if is_address(given) else str(path_given(given, what))

    workflow = None if request.workflow is None else anchor(request.workflow, "workflow")
    return replace(
        request, image=anchor(request.image, "picture"), audio=anchor(request.audio, "voice"), workflow=workflow
    )
