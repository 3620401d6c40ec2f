"""How commands speak: data on standard output, talk on standard error, exit codes by the kind of failure."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from oavr_tui.errors import FailureCode
from oavr_tui.models import Job, Video
from oavr_tui.text import safe

EXIT_FAILED = 1
_EXITS = {FailureCode.BAD_INPUT: 2, FailureCode.LIMIT: 3, FailureCode.CANCELLED: 130}


def exit_code(code: FailureCode) -> int:
    """The process's exit code for a failure."""
    return _EXITS.get(code, EXIT_FAILED)


def say(text: str) -> None:
    """One sentence for the person, on standard error."""
    sys.stderr.write(safe(text, 2000) + "\n")
    sys.stderr.flush()


def put(line: str) -> None:
    """One line of data on standard output, at once: whoever reads it may be waiting for it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def put_json(record: Mapping[str, Any]) -> None:
    """One JSON object on one line. ASCII only, so that no name in it can carry control bytes to a terminal."""
    put(json.dumps(record, separators=(", ", ": ")))


def job_record(job: Job) -> dict[str, Any]:
    """A job as `jobs list --json` shows it."""
    request = asdict(job.request)
    return {
        "id": job.id,
        "title": job.title,
        "state": job.state.value,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "seed": job.seed,
        "prompt_id": job.prompt_id or None,
        "video_id": job.video_id or None,
        "moved": job.moved,
        "cost": job.cost,
        "failure": None
        if job.failure is None
        else {"code": job.failure.code.value, "message": job.failure.message, "can_retry": job.failure.can_retry},
        "request": request,
    }


def video_summary(video: Video) -> dict[str, Any]:
    """A video as the last event of `generate --json` shows it."""
    return {
        "path": video.path,
        "duration": video.duration,
        "width": video.width,
        "height": video.height,
        "fps": video.fps,
        "bytes": video.bytes,
        "seed": video.seed,
        "made_on": video.made_on,
        "seconds_taken": video.seconds_taken,
        "cost": video.cost,
    }


def video_record(video: Video) -> dict[str, Any]:
    """A video as `videos list --json` shows it."""
    return {
        "id": video.id,
        "title": video.title,
        **video_summary(video),
        "preview": video.preview,
        "created_at": video.created_at,
        "deleted_at": video.deleted_at,
        "request": asdict(video.request),
    }
