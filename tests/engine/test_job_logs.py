"""Each job has a log of its own, written by the driver alone."""

from __future__ import annotations

from dataclasses import replace

from oavr_tui.clients.log_file import tail
from oavr_tui.engine.events import JobChanged, Notice
from oavr_tui.engine.job_logs import JobLogs
from oavr_tui.engine.wishes import new_job
from oavr_tui.errors import FailureCode
from oavr_tui.models import Failure, JobState, Request
from oavr_tui.paths import Paths


def test_states_notices_and_the_end_are_in_it_once(home: Paths) -> None:
    driving = True
    logs = JobLogs(home, lambda: 1e9, lambda: driving)
    job = new_job(Request("a.png", "b.wav"), job_id="0123", at=1.0)
    other = replace(job, id="4567")
    logs.hear(JobChanged(job))
    logs.hear(JobChanged(replace(job, updated_at=2.0)))
    logs.hear(Notice("Only the first 2 s are used.\x1b[31m", job.id))
    logs.hear(Notice("Of nobody in particular."))
    logs.hear(JobChanged(other))
    failed = replace(job, state=JobState.FAILED, failure=Failure(FailureCode.LOST, "It was lost.", True))
    logs.hear(JobChanged(failed))
    driving = False
    logs.hear(Notice("Somebody else drives.", job.id))
    logs.close()
    assert tail(home.job_log(job.id), 10) == ["queued", "Only the first 2 s are used.", "failed: It was lost."]
    assert tail(home.job_log(other.id), 10) == ["queued"]
    assert home.job_log(job.id).stat().st_mode & 0o077 == 0
