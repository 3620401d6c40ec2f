"""Each job has a log of its own, written by the driver alone."""

from __future__ import annotations

from dataclasses import replace

from oavr_tui.clients.log_file import tail
from oavr_tui.engine.events import JobChanged, Notice
from oavr_tui.engine.job_logs import JobLogs
from oavr_tui.engine.wishes import new_job
from oavr_tui.errors import FailureCode
from oavr_tui.models import AUTO, Failure, JobState, Request
from oavr_tui.paths import Paths


def test_states_notices_and_the_end_are_in_it_once(home: Paths) -> None:
    driving = True
    logs = JobLogs(home, lambda: 1e9, lambda: driving, lambda job: "studio-1" if job.pod else "")
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
    assert tail(home.job_log(job.id), 10) == [
        "Waiting for its turn.",
        "Only the first 2 s are used.",
        "Failed: It was lost.",
    ]
    assert tail(home.job_log(other.id), 10) == ["Waiting for its turn."]
    assert home.job_log(job.id).stat().st_mode & 0o077 == 0


def test_a_newcomer_can_read_where_it_was_made_and_what_became_of_it(home: Paths) -> None:
    logs = JobLogs(home, lambda: 1e9, lambda: True, lambda job: "studio-1" if job.pod else "")
    job = replace(new_job(Request("a.png", "b.wav", on=AUTO), job_id="0123", at=1.0), pod="p", made_by="RTX 4090")
    for state in (JobState.CHECKING, JobState.STARTING, JobState.SENDING, JobState.GENERATING, JobState.FETCHING):
        logs.hear(JobChanged(replace(job, state=state)))
    logs.hear(JobChanged(replace(job, state=JobState.DONE, title="a-b-7", cost=0.0004)))
    logs.close()
    assert tail(home.job_log(job.id), 10) == [
        "Checking the picture and the voice.",
        "Waiting for the studio to be ready.",
        "Sending the picture and the voice.",
        "Being made on studio-1 (RTX 4090).",
        "Bringing the video home.",
        "Saved as a-b-7.mp4, about $0.01.",
    ]


def test_titles_are_numbered_so_that_lines_of_the_queue_can_be_told_apart() -> None:
    def title(*taken: str) -> str:
        return new_job(Request("a.png", "b.wav"), job_id="0123", at=1.0, taken=taken).title

    assert title() == title("other", "a-b-c", "a-b-2x") == "a-b"
    assert title("a-b") == "a-b-2"
    assert title("a-b", "a-b-2", "a-b-7") == "a-b-8"
    assert title("a-b-7") == "a-b-8"
