"""What passes between the ComfyUI client and its callers, as plain frozen classes that load nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from oavr_tui.errors import OavrError
from oavr_tui.models import OutputFile

PromptKind = Literal["pending", "running", "finished", "failed", "cancelled", "absent"]
UpdateKind = Literal["queued", "node", "progress", "cached", "connection"]


@dataclass(frozen=True, slots=True)
class Timings:
    """Every deadline and pause of the client, in seconds. Tests make them small.

    The server does its uploads and hashing on the loop that also answers, so nothing here may be under a second or so.
    """

    connect: float = 10.0
    """To open a connection."""
    answer: float = 30.0
    """For a whole small answer."""
    stall: float = 60.0
    """Without a single byte going either way, in a transfer."""
    poll: float = 3.0
    """Between two looks at a job that is being made."""
    hurried_poll: float = 0.3
    """Between two looks after a sign that the job has ended."""
    absent_again: float = 2.0
    """Before looking a second time for a job that the server does not know."""
    give_up: float = 300.0
    """Without any answer, before a job or a transfer counts as unreachable."""
    socket_silence: float = 45.0
    """Without news of a running job, before the socket is opened anew; doubles up to socket_silence_most."""
    socket_silence_most: float = 300.0
    backoff: float = 0.5
    """First pause before trying again; doubles up to backoff_most."""
    backoff_most: float = 15.0
    update_every: float = 0.1
    """Between two reports of progress, however fast the server sends them."""
    lookup_again: float = 2.0
    """Between the two looks for a prompt whose answer was lost, before it is sent again."""
    lookup_give_up: float = 60.0
    """Without an answer to such a look, before the prompt's sending counts as failed."""
    cancel_poll: float = 1.0
    """Between two looks at whether a cancelled job has ended."""
    cancel_give_up: float = 120.0
    """Before a cancel counts as not confirmed: a model that is being loaded cannot be interrupted."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a ComfyUI server says about itself.

    vram_total: bytes of its graphics card, 0 for none or unknown. max_upload_size: bytes of a whole request, None for
    unknown. has_jobs_api: cancels a job by its id, whatever its state (newer servers). ram_total: bytes of the
    machine's memory, 0 for unknown.
    """

    version: str
    vram_total: int
    device: str
    max_upload_size: int | None
    has_jobs_api: bool
    ram_total: int = 0


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file in the server's input folder, under the name that the server chose."""

    name: str
    subfolder: str
    type: str = "input"

    @property
    def reference(self) -> str:
        """How a LoadImage or LoadAudio node names it: "folder/name"."""
        path = f"{self.subfolder}/{self.name}" if self.subfolder else self.name
        return path if self.type == "input" else f"{path} [{self.type}]"


@dataclass(frozen=True, slots=True)
class PromptStatus:
    """Where a prompt is, by the server's queue and history.

    ahead: how many prompts go before it, while pending. outputs: in the order they were written, once finished. error:
    why it failed or was cancelled.
    """

    kind: PromptKind
    ahead: int = 0
    outputs: tuple[OutputFile, ...] = ()
    error: OavrError | None = None

    @property
    def ended(self) -> bool:
        return self.kind in ("finished", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class FollowUpdate:
    """News of a job. Which fields count depends on kind.

    queued: position, the number of prompts that go first. node: node, the id of the node that has begun. progress:
    node, value, max; value equal to max also says that a node is through. cached: nodes, which need no work.
    connection: ok, and text, a sentence for a person.
    """

    kind: UpdateKind
    position: int = 0
    node: str = ""
    nodes: tuple[str, ...] = ()
    value: float = 0.0
    max: float = 0.0
    ok: bool = True
    text: str = ""


_VIDEO_ENDINGS = (".mp4", ".mov", ".webm", ".mkv")
"""Best first."""


def choose_video(outputs: Sequence[OutputFile]) -> OutputFile | None:
    """The video among a job's files, None where there is none.

    A kept file (type output) goes before a temporary one and mp4 before other kinds; of equals, the one written last.
    """

    def rank(output: OutputFile) -> tuple[bool, int]:
        ending = next(end for end in _VIDEO_ENDINGS if output.filename.lower().endswith(end))
        return output.type == "output", -_VIDEO_ENDINGS.index(ending)

    videos = [output for output in outputs if output.filename.lower().endswith(_VIDEO_ENDINGS)]
    return max(reversed(videos), key=rank) if videos else None
