"""A wish as it comes in becomes a job that any process can carry out."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

from oavr_tui.engine.given import file_name, is_address, path_of
from oavr_tui.errors import BadInput
from oavr_tui.models import Job, JobState, Request
from oavr_tui.paths import expanded
from oavr_tui.text import safe_url

_LARGEST_SEED = 2**63 - 1
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


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
        if is_address(given):
            return given
        path = path_of(given)
        if not path.strip():
            raise BadInput(f"No {what} is given. Name a file, or an http(s) address.")
        if _SCHEME.match(path):
            raise BadInput(f"The {what} {safe_url(path)} cannot be fetched: only http and https addresses can.")
        return str(expanded(path).absolute())

    workflow = None if request.workflow is None else anchor(request.workflow, "workflow")
    return replace(
        request, image=anchor(request.image, "picture"), audio=anchor(request.audio, "voice"), workflow=workflow
    )
