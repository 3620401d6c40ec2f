"""A wish as it comes in becomes a job that any process can carry out."""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from oavr_tui.engine.given import file_name, is_address, path_given
from oavr_tui.models import Job, JobState, Request

_LARGEST_SEED = 2**63 - 1


def new_job(request: Request, *, job_id: str, at: float, taken: Collection[str] = ()) -> Job:
    """A queued job. at: unix seconds. taken: titles of other jobs, which this one's differs from.

    Raises BadInput for a path that names nothing.
    """
    from oavr_tui.store.names import slug

    seed = random.SystemRandom().randint(0, _LARGEST_SEED) if request.seed is None else request.seed
    stems = (Path(file_name(given)).stem for given in (request.image, request.audio))
    return Job(
        id=job_id,
        title=_numbered(slug("-".join(stem for stem in stems if stem)), taken),
        request=_anchored(request),
        state=JobState.QUEUED,
        created_at=at,
        updated_at=at,
        seed=seed,
    )


def _numbered(title: str, taken: Collection[str]) -> str:
    """The title, with the number after the highest that it has among those taken."""
    if title not in taken and not any(name.startswith(f"{title}-") for name in taken):
        return title
    numbers = [1 if name == title else _number(name, title) for name in taken]
    highest = max(numbers)
    return f"{title}-{highest + 1}" if highest else title


def _number(name: str, title: str) -> int:
    """The number that this name has after that title; 0 where it is another title."""
    found = re.fullmatch(re.escape(title) + r"-([0-9]{1,6})", name, re.ASCII)
    return int(found[1]) if found else 0


def _anchored(request: Request) -> Request:
    """The same request with absolute paths: it may be carried out by a process that stands elsewhere."""

    def anchor(given: str, what: str) -> str:
        return given if is_address(given) else str(path_given(given, what))

    workflow = None if request.workflow is None else anchor(request.workflow, "workflow")
    return replace(
        request, image=anchor(request.image, "picture"), audio=anchor(request.audio, "voice"), workflow=workflow
    )
