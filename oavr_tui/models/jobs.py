"""What a person asks for, what has become of it, and the finished video; and which state of a job may follow which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from oavr_tui.errors import FailureCode
from oavr_tui.models.steps import IllegalStep

FPS = 25
"""Frames per second of every video: what InfiniteTalk was trained for, and what the preview uses."""

DEFAULT_PROMPT = "a person is speaking"
PREVIEW = "preview"
"""The reserved name of the engine on this computer, as given to --on."""
AUTO = "auto"
"""The reserved name for 'the person's own RunPod, started when needed'."""

LONGEST_FULL_SECONDS = 400.0
"""A full video's longest voice: the graph takes 10,000 frames at 25 per second."""
LONGEST_PREVIEW_SECONDS = 1800.0
"""A preview's longest voice; half an hour already takes minutes of this computer's time."""


class JobState(StrEnum):
    QUEUED = "queued"
    CHECKING = "checking"
    STARTING = "starting"
    SENDING = "sending"
    GENERATING = "generating"
    FETCHING = "fetching"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_S = JobState
_ENDS = frozenset({_S.FAILED, _S.CANCELLED})

FOLLOWS: dict[JobState, frozenset[JobState]] = {
    # Checking needs no machine, so it happens at once; a checked job then waits for its turn as queued again.
    # Other steps back to queued: a driver died before anything was sent, a preview starts over, a second try with less
    # graphics memory.
    _S.QUEUED: _ENDS | {_S.CHECKING, _S.STARTING, _S.GENERATING},
    _S.CHECKING: _ENDS | {_S.QUEUED},
    _S.STARTING: _ENDS | {_S.QUEUED, _S.SENDING, _S.GENERATING},
    _S.SENDING: _ENDS | {_S.QUEUED, _S.GENERATING},
    _S.GENERATING: _ENDS | {_S.QUEUED, _S.FETCHING},
    _S.FETCHING: _ENDS | {_S.QUEUED, _S.DONE},
    _S.DONE: frozenset(),
    # Retrying puts an ended job back in the queue; one whose video may still be on the server goes on from there.
    _S.FAILED: frozenset({_S.QUEUED, _S.GENERATING}),
    _S.CANCELLED: frozenset({_S.QUEUED}),
}

ENDED = frozenset({_S.DONE, _S.FAILED, _S.CANCELLED})


class Shape(StrEnum):
    AUTO = "auto"
    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"
    SQUARE = "square"


SIZES: dict[Shape, tuple[int, int]] = {
    Shape.PORTRAIT: (480, 832),
    Shape.LANDSCAPE: (832, 480),
    Shape.SQUARE: (640, 640),
}
"""Width and height in pixels; multiples of 16, as the model's latent patches need."""


def shape_of(width: int, height: int) -> Shape:
    """The shape that AUTO means for a picture of this size (after its EXIF turn), in pixels."""
    ratio = width / height
    if ratio > 1.2:
        return Shape.LANDSCAPE
    if ratio < 1 / 1.2:
        return Shape.PORTRAIT
    return Shape.SQUARE


class Quality(StrEnum):
    DRAFT = "draft"
    STANDARD = "standard"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for. Everything needed to make the video again, apart from the chosen seed.

    image, audio: a path or an http(s) address, as given. seed: 0 .. 2**63-1, or None for a random one.
    audio_strength: 0.5 .. 2. max_seconds: use only so much of the voice (seconds), or None for all of it.
    workflow: path of an API-format graph, or None for our own. on: PREVIEW, AUTO, a pod's name, or an http(s) address.
    mark: draw PREVIEW into the corner of a preview.
    """

    image: str
    audio: str
    prompt: str = DEFAULT_PROMPT
    shape: Shape = Shape.AUTO
    seed: int | None = None
    quality: Quality = Quality.STANDARD
    audio_strength: float = 1.0
    max_seconds: float | None = None
    workflow: str | None = None
    on: str = PREVIEW
    mark: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without a video, as it is kept and shown."""

    code: FailureCode
    message: str
    can_retry: bool


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """A picture that has been opened and found usable. Sizes in pixels, after its EXIF turn."""

    width: int
    height: int
    format: str
    has_alpha: bool
    turned: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A recording that has been opened and found usable. duration in seconds (decoded, not the header's claim)."""

    duration: float
    sample_rate: int
    channels: int
    codec: str
    peak_db: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a ComfyUI server says it wrote. The names are the server's word, never a path of ours."""

    filename: str
    subfolder: str
    type: str


@dataclass(frozen=True, slots=True)
class Job:
    """One wish and what has become of it so far. Times are unix seconds; sizes pixels; durations seconds.

    title: a readable name, also the base of the video's file name. image_hash, audio_hash: sha256 of the kept inputs,
    empty until checked. prompt_id: our own UUID, written down before it is sent, so that a job is never made twice.
    sent: the server has acknowledged the prompt. outputs: what the server says it wrote, once it is finished.
    making_since: when generating began, for seconds_taken. extra_swap: how many more model blocks to keep out of the
    graphics memory than usual, after it ran out once. pod: id of the Pod it was given to, empty before and elsewhere.
    moved: it was taken to another pod once, since its own was lost. cost: dollars of the pod's time so far.
    order: its place in the line as a person has set it, on the scale of created_at; 0 where nobody has.
    avoid: kinds of machines that no start for it may try, since they were tried in vain.
    """

    id: str
    title: str
    request: Request
    state: JobState
    created_at: float
    updated_at: float
    seed: int
    image_hash: str = ""
    audio_hash: str = ""
    workflow_hash: str = ""
    width: int = 0
    height: int = 0
    duration: float = 0.0
    frames: int = 0
    prompt_id: str = ""
    client_id: str = ""
    sent: bool = False
    outputs: tuple[OutputFile, ...] = ()
    making_since: float = 0.0
    made_by: str = ""
    extra_swap: int = 0
    pod: str = ""
    moved: bool = False
    cost: float = 0.0
    cancel_asked: bool = False
    video_id: str = ""
    note: str = ""
    failure: Failure | None = None
    order: float = 0.0
    avoid: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def turn(self) -> tuple[float, str]:
        """What jobs are sorted by: the smaller goes first."""
        return self.order or self.created_at, self.id

    def moved_to(self, state: JobState, *, at: float, failure: Failure | None = None) -> Job:
        """The same job in another state; raises IllegalStep where the table does not allow it."""
        if state not in FOLLOWS[self.state]:
            raise IllegalStep(f"{self.state} may not be followed by {state}")
        return replace(self, state=state, updated_at=at, failure=failure)


@dataclass(frozen=True, slots=True)
class Video:
    """A finished video in the library. path is absolute; duration and seconds_taken in seconds; bytes the file's size.

    made_on: "this computer", or the machine's own name as far as it is known. preview: made by the preview engine.
    job_id ties it to the job, so that one job never yields two videos. graph: the person's own workflow as JSON text,
    since the file may be gone when the video is to be made again; empty for ours.
    """

    id: str
    job_id: str
    title: str
    path: str
    duration: float
    width: int
    height: int
    fps: float
    bytes: int
    seed: int
    made_on: str
    seconds_taken: float
    created_at: float
    preview: bool
    request: Request
    image_hash: str = ""
    audio_hash: str = ""
    graph: str = ""
    cost: float = 0.0
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. Never stored. percent 0 .. 100 within the whole job; eta_seconds None while unknown."""

    job_id: str
    stage: str
    percent: float
    eta_seconds: float | None = None
    detail: str = ""
