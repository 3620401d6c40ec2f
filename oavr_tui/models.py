"""The nouns of the app as frozen dataclasses, and the table of what may follow what.

Rules:
1. A job's state changes only through `Job.moved_to`, which looks at FOLLOWS and raises on an illegal step; a pod's
   through `Pod.moved_to` and POD_FOLLOWS.
2. These classes hold facts, not behaviour; they load nothing but the standard library, so that the first frame is fast.
3. What is written to disk is `dataclasses.asdict` of these; pydantic checks it on the way back in (store/documents.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from oavr_tui.errors import FailureCode

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


class PodState(StrEnum):
    """How far a pod is, as this app knows. ASKED: its name is stored, and the account may or may not have it yet."""

    ASKED = "asked"
    BOOTING = "booting"
    FETCHING = "fetching"
    WARMING = "warming"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    TERMINATING = "terminating"
    GONE = "gone"


_P = PodState
_LEAVING = frozenset({_P.STOPPING, _P.STOPPED, _P.TERMINATING, _P.GONE})  # by us, or in the provider's console

POD_FOLLOWS: dict[PodState, frozenset[PodState]] = {
    _P.ASKED: _LEAVING | {_P.BOOTING},
    # The log may be readable late or not at all, so steps may be skipped; a container that restarts begins again.
    _P.BOOTING: _LEAVING | {_P.FETCHING, _P.WARMING, _P.READY},
    _P.FETCHING: _LEAVING | {_P.BOOTING, _P.WARMING, _P.READY},
    _P.WARMING: _LEAVING | {_P.BOOTING, _P.FETCHING, _P.READY},
    _P.READY: _LEAVING | {_P.BOOTING},
    # A stop that the provider refuses leaves it running.
    _P.STOPPING: _LEAVING | {_P.BOOTING, _P.READY},
    _P.STOPPED: _LEAVING | {_P.BOOTING},
    _P.TERMINATING: frozenset({_P.GONE}),
    _P.GONE: frozenset(),
}

STARTING_STATES = frozenset({_P.ASKED, _P.BOOTING, _P.FETCHING, _P.WARMING})
BILLED_STATES = STARTING_STATES | {_P.READY, _P.STOPPING, _P.TERMINATING}
"""States in which the machine may cost its price by the hour: everything until the provider confirmed the contrary."""


class IllegalStep(Exception):
    """A state was asked to follow one that it may not follow: a bug, never a person's fault."""


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


class PodKind(StrEnum):
    """RUNPOD: rented, billed by the second. ADDRESS: somebody's own ComfyUI, never billed, never stopped."""

    RUNPOD = "runpod"
    ADDRESS = "address"


class PodWish(StrEnum):
    """What a person has asked to be done with a pod."""

    NOTHING = ""
    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Pod:
    """A place that makes full videos, and what has become of it so far. Times are unix seconds; prices dollars an hour.

    id: ours. name: unique among those not gone, what a person types ("studio-1"). cloud_name: the name it has at the
    provider, unique for ever and stored before it is asked for, so that it can always be found again. pod_id: the
    provider's id; who knows it can reach the machine, so it is shown masked. url: an own address, without secrets.
    gpu: the provider's id of the GPU type; gpu_name: for people; vram: GB. cloud: "community" or "secure".
    wish_gpu, wish_cloud: what a person insists on of these, or empty; whatever is tried, it is nothing else.
    per_hour: price while running; storage_per_hour: while stopped. volume: a network volume's id, or empty.
    state_since: when the state began. progress_at: last sign of life while starting. last_used: last end of a job, an
    upload or a download. for_jobs: started by itself for waiting videos, so it goes when nobody waits any more before
    it is ready. resumed: this start woke a stopped pod. found: seen on the account without having been started here.
    asked: what a person wants done with it next, in whichever process; the driver does it. tries: kinds of machines
    (GPU and cloud) that this start has tried already. abandoned: names at the provider that were asked for in vain;
    should one turn up after all, it goes. note: the last sentence about it.
    """

    id: str
    name: str
    kind: PodKind
    state: PodState
    created_at: float
    updated_at: float
    cloud_name: str = ""
    pod_id: str = ""
    url: str = ""
    gpu: str = ""
    gpu_name: str = ""
    vram: int = 0
    cloud: str = ""
    per_hour: float = 0.0
    storage_per_hour: float = 0.0
    wish_gpu: str = ""
    wish_cloud: str = ""
    volume: str = ""
    template: str = ""
    state_since: float = 0.0
    progress_at: float = 0.0
    last_used: float = 0.0
    for_jobs: bool = False
    resumed: bool = False
    found: bool = False
    asked: PodWish = PodWish.NOTHING
    tries: tuple[str, ...] = ()
    abandoned: tuple[str, ...] = ()
    note: str = ""

    @property
    def billed(self) -> bool:
        """Whether it may cost its price by the hour right now."""
        return self.kind is PodKind.RUNPOD and self.state in BILLED_STATES

    @property
    def starting(self) -> bool:
        return self.state in STARTING_STATES

    @property
    def way_out(self) -> PodState:
        """Where a start that is given up leads: what was woken is only stopped, as there may be files on it."""
        return PodState.STOPPING if self.resumed else PodState.TERMINATING

    @property
    def machine_kind(self) -> str:
        """Its kind of machine, as `tries` holds it."""
        return machine_kind(self.gpu, self.cloud)

    def moved_to(self, state: PodState, *, at: float) -> Pod:
        """The same pod in another state; raises IllegalStep where the table does not allow it."""
        if state not in POD_FOLLOWS[self.state]:
            raise IllegalStep(f"{self.state} may not be followed by {state}")
        return replace(self, state=state, updated_at=at, state_since=at, progress_at=at)


def machine_kind(gpu: str, cloud: str) -> str:
    """A kind of machine as one word: a GPU type in one of the provider's clouds."""
    return f"{gpu}|{cloud}"


class SpellKind(StrEnum):
    """What a stretch of time is paid for: a running machine, or the storage of a stopped one."""

    RUNNING = "running"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time that a pod is paid for, at one price. began, ended: unix seconds; ended None while it lasts.

    per_hour: dollars. pod: the Pod's id; name and gpu_name: copied, since the Pod may be forgotten before its cost.
    """

    id: str
    pod: str
    name: str
    gpu_name: str
    kind: SpellKind
    per_hour: float
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """How long something took here, so that the next estimate is better than a guess. seconds > 0; at: unix seconds.

    what: "start" (from asking to answering, all files to be fetched), "wake" (the same for a stopped pod), "window"
    (one window of the sampler at standard quality), "files" (no time: how many files a start fetches, in `count`).
    gpu: the provider's id of the GPU type, or empty where it does not matter.
    """

    id: str
    what: str
    gpu: str
    seconds: float
    at: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. Never stored. percent 0 .. 100 within the whole job; eta_seconds None while unknown."""

    job_id: str
    stage: str
    percent: float
    eta_seconds: float | None = None
    detail: str = ""
