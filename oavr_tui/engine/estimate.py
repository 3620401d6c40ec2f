"""How far, and how long still: one percentage over all the stages of a job.

A stage owns a span of the whole; within it the work itself says how far it is. Nearly all of it belongs to the making,
so that the percentage agrees with the parts that are counted beside it, whether a studio had to start first or was
there; a start counts files of its own. The spans promise nothing about seconds. The time left is measured from the
job's own speed, never guessed beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from oavr_tui.models import JobState, Progress

_S = JobState


class Place(StrEnum):
    """What kind of place a job is made in: it decides where its time goes."""

    HERE = "here"
    ADDRESS = "address"
    RENTED = "rented"


_SPANS: dict[Place, dict[JobState, tuple[float, float]]] = {
    Place.HERE: {_S.QUEUED: (0, 0), _S.CHECKING: (0, 4), _S.GENERATING: (4, 97), _S.FETCHING: (97, 100)},
    Place.ADDRESS: {
        _S.QUEUED: (0, 0),
        _S.CHECKING: (0, 1),
        _S.STARTING: (1, 2),
        _S.SENDING: (2, 8),
        _S.GENERATING: (8, 94),
        _S.FETCHING: (94, 100),
    },
    Place.RENTED: {
        _S.QUEUED: (0, 0),
        _S.CHECKING: (0, 1),
        _S.STARTING: (1, 8),
        _S.SENDING: (8, 10),
        _S.GENERATING: (10, 96),
        _S.FETCHING: (96, 100),
    },
}

_MIN_INTERVAL = 0.1
_SETTLE_SECONDS = 0.4
"""How long a stage must have run before its speed says anything about the time left."""


class Meter:
    """Turns what happens inside a job into Progress events: monotonic, and at most ten a second.

    clock: seconds, monotonic. emit: called with each Progress worth telling.
    """

    def __init__(self, job_id: str, place: Place, emit: Callable[[Progress], None], clock: Callable[[], float]) -> None:
        self._job_id = job_id
        self._spans = _SPANS[place]
        self._emit = emit
        self._clock = clock
        self._percent = 0.0
        self._stage: JobState | None = None
        self._stage_began = 0.0
        self._stage_began_at = 0.0
        self._last_told = float("-inf")
        self._last_detail = ""

    @property
    def detail(self) -> str:
        """What was said last."""
        return self._last_detail

    def at(self, stage: JobState, fraction: float = 0.0, *, eta: float | None = None, detail: str = "") -> None:
        """Tell that `stage` is done to `fraction` (0 .. 1). eta: seconds left, where the work knows better."""
        now = self._clock()
        fraction = min(max(fraction, 0.0), 1.0)
        new_stage = stage is not self._stage
        if new_stage:
            self._stage, self._stage_began, self._stage_began_at = stage, now, fraction
        low, high = self._spans.get(stage, (self._percent, self._percent))
        self._percent = max(self._percent, low + (high - low) * fraction)
        finished = fraction >= 1.0
        if not (new_stage or finished or detail != self._last_detail) and now - self._last_told < _MIN_INTERVAL:
            return
        self._last_told, self._last_detail = now, detail
        eta = self._time_left(now, fraction) if eta is None else eta
        eta = None if eta is None else round(max(eta, 0.0), 1)
        self._emit(Progress(self._job_id, stage.value, round(self._percent, 1), eta, detail))

    def _time_left(self, now: float, fraction: float) -> float | None:
        elapsed, done = now - self._stage_began, fraction - self._stage_began_at
        if self._stage is not JobState.GENERATING or elapsed < _SETTLE_SECONDS or done <= 0.01:
            return None
        return elapsed * (1.0 - fraction) / done
