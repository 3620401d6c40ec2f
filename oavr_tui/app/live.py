"""What the screens draw: the engine's jobs, pods, videos and progress as last told, without a widget in sight.

The engine's events are taken in one by one; what changed is gathered as topics, and the screens redraw at the next
tick. So a burst of events costs one redraw, and a hidden screen costs nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oavr_tui.app.license_words import changed as plan_changed
from oavr_tui.app.next_steps import in_studio
from oavr_tui.models import Job, Progress

if TYPE_CHECKING:
    from oavr_tui.engine.engine import Engine
    from oavr_tui.engine.events import Estimated, Event, PodStepped, Step
    from oavr_tui.models import LicenseStatus, Pod

_NOTICES, _UNSAID = 200, 5
"""How many sentences are kept, and how many are said at once at most: a flood of them would hide the screen."""


class Topic(StrEnum):
    """What a redraw may be about."""

    JOBS = "jobs"
    PROGRESS = "progress"
    PODS = "pods"
    STEPS = "steps"
    VIDEOS = "videos"
    NOTICES = "notices"
    DRIVING = "driving"
    ESTIMATES = "estimates"
    SETTINGS = "settings"
    LICENSE = "license"
    CLOCK = "clock"
    """A minute has passed: costs and times that grow."""


EVERYTHING = frozenset(Topic)


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence that was said. at: unix seconds."""

    at: float
    text: str
    job_id: str | None = None


class Live:
    """Filled by `fill` once the engine is open, then by `take`.

    reached: when each step of a starting pod was first heard of, unix seconds by the pod's id. ended: jobs that have
    ended since somebody last emptied the list.
    """

    def __init__(self) -> None:
        self.jobs: tuple[Job, ...] = ()
        self.progress: dict[str, Progress] = {}
        self.pods: tuple[Pod, ...] = ()
        self.steps: dict[str, PodStepped] = {}
        self.reached: dict[str, dict[Step, float]] = {}
        self.ended: list[Job] = []
        self.estimates: dict[str, Estimated] = {}
        self.notices: deque[Told] = deque(maxlen=_NOTICES)
        self.unsaid: deque[Told] = deque(maxlen=_UNSAID)
        self.driving = False
        self.video_count = 0
        self.looking_on_since = 0.0
        self.license: LicenseStatus | None = None
        self.ready = False
        self._changed: set[Topic] = set()

    def fill(self, engine: Engine) -> None:
        """Take everything from an engine that was just opened."""
        self.jobs = tuple(engine.jobs())
        self.pods = tuple(engine.fleet.book.all())
        self.driving = engine.driving
        self.looking_on_since = engine.now()
        self.license = engine.license.status
        self.ready = True
        self._changed = set(EVERYTHING)

    def take(self, event: Event, engine: Engine) -> None:
        """Take an event in; what it changed is told by the next `changed`."""
        from oavr_tui.engine import events  # after the first frame
        from oavr_tui.models import PodState

        match event:
            case events.JobChanged(job):
                before = self.job(job.id)
                self.jobs = tuple(engine.jobs())
                if job.ended and before is not None and not before.ended:
                    self.ended.append(job)
                if job.ended:
                    self.progress.pop(job.id, None)
                    self.estimates.pop(job.id, None)
                self._changed.add(Topic.JOBS)
            case events.JobProgressed(progress):
                self.progress[progress.job_id] = progress
                self._changed.add(Topic.PROGRESS)
            case events.PodChanged(pod):
                self.pods = tuple(engine.fleet.book.all())
                if pod.state in (PodState.READY, PodState.STOPPED, PodState.GONE):
                    self.steps.pop(pod.id, None)
                self._changed.add(Topic.PODS)
            case events.PodStepped():
                self.steps[event.pod] = event
                if event.step is events.Step.ASKED:
                    self.reached.pop(event.pod, None)
                self.reached.setdefault(event.pod, {}).setdefault(event.step, engine.now())
                self._changed.add(Topic.STEPS)
            case events.SettingsChanged():
                self._changed.add(Topic.SETTINGS)
            case events.LicenseChanged(status):
                if told_plan := plan_changed(self.license, status):
                    self.unsaid.append(Told(engine.now(), told_plan))
                self.license = status
                self._changed.add(Topic.LICENSE)
            case events.VideosChanged():
                self._changed.add(Topic.VIDEOS)
            case events.DrivingChanged(driving):
                self.driving = driving
                self.looking_on_since = engine.now()
                self._changed.add(Topic.DRIVING)
            case events.Estimated():
                self.estimates[event.job_id] = event
                self._changed.add(Topic.ESTIMATES)
            case events.Notice(text, job_id):
                told = Told(engine.now(), text if job_id is None else in_studio(text), job_id)
                self.notices.append(told)
                self.unsaid.append(told)
                self._changed.add(Topic.NOTICES)

    def touch(self, topic: Topic) -> None:
        """Something that no event tells of has changed."""
        self._changed.add(topic)

    def changed(self) -> frozenset[Topic]:
        """What changed since this was last asked."""
        changed, self._changed = frozenset(self._changed), set()
        return changed

    # --- what several screens want to know

    @property
    def active(self) -> int:
        """Jobs that have not ended."""
        return sum(1 for job in self.jobs if not job.ended)

    @property
    def running_pods(self) -> tuple[Pod, ...]:
        """Pods of ours that cost money now."""
        return tuple(pod for pod in self.pods if pod.billed and not pod.found)

    def job(self, job_id: str) -> Job | None:
        return next((job for job in self.jobs if job.id == job_id), None)

    def pod(self, pod_id: str) -> Pod | None:
        return next((pod for pod in self.pods if pod.id == pod_id), None)
