"""What a ComfyUI server says, checked on the way in. Loads pydantic; import it lazily.

Every class ignores what it does not know: servers of either generation, and those to come, say more than is needed.
Timestamps are left alone, as they are the server's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from oavr_tui.clients.comfyui_sentences import execution_error
from oavr_tui.clients.comfyui_types import PromptStatus, UploadedFile
from oavr_tui.errors import Cancelled, Rejected
from oavr_tui.models import OutputFile

MOST_OUTPUTS = 1_000
"""More files than any graph writes; what goes beyond is left out."""

Short = Annotated[str, Field(max_length=300)]
Size = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]


class Malformed(Exception):
    """An answer that is not what a ComfyUI server says."""


class _System(BaseModel):
    comfyui_version: Short
    ram_total: Size = 0


class _Device(BaseModel):
    name: Short = ""
    type: Short = ""
    vram_total: Size = 0


class SystemStats(BaseModel):
    """GET /system_stats, which also serves to tell ComfyUI from whatever else may answer at an address."""

    system: _System
    devices: list[_Device] = Field(max_length=256)


class Features(BaseModel):
    """GET /features. The size is in bytes, of a whole request, and may come as a float."""

    max_upload_size: Size | None = None


class _Upload(BaseModel):
    name: Short
    subfolder: Annotated[str, Field(max_length=1000)] = ""
    type: Literal["input", "output", "temp"] = "input"


class Accepted(BaseModel):
    """POST /prompt with status 200. With node errors, only a part of the graph was accepted."""

    prompt_id: Short
    node_errors: dict[str, Any] | list[Any] = Field(default_factory=dict)


class _Queue(BaseModel):
    queue_running: list[list[Any]]
    queue_pending: list[list[Any]]


class _Status(BaseModel):
    status_str: Short = ""
    messages: list[Any] = Field(default_factory=list)


class _HistoryEntry(BaseModel):
    outputs: dict[str, Any] = Field(default_factory=dict)
    status: _Status | None = None


class _Output(BaseModel):
    filename: Annotated[str, Field(min_length=1, max_length=300)]
    subfolder: Annotated[str, Field(max_length=1000)] = ""
    type: Literal["input", "output", "temp"] = "output"


_HISTORY: TypeAdapter[dict[str, _HistoryEntry]] = TypeAdapter(dict[str, _HistoryEntry])
_Model = TypeVar("_Model", bound=BaseModel)


def checked(model: type[_Model], document: object) -> _Model:
    """A document as one of these classes; raises Malformed where it is not."""
    try:
        return model.model_validate(document)
    except ValidationError:
        raise Malformed from None


def uploaded(document: object) -> UploadedFile:
    """The answer to an upload; raises Malformed where the name could not be meant to be used as it is."""
    found = checked(_Upload, document)
    if not (_is_plain_name(found.name) and _is_plain_folder(found.subfolder)):
        raise Malformed
    return UploadedFile(found.name, found.subfolder, found.type)


def queue_length(document: object) -> int:
    """How many prompts run or wait by GET /queue. Raises Malformed."""
    queue = checked(_Queue, document)
    return len(queue.queue_running) + len(queue.queue_pending)


def queue_status(document: object, prompt_id: str) -> PromptStatus | None:
    """Where a prompt is in GET /queue; None where it is not in it. Raises Malformed.

    The pending ones come in no order: the one with the lowest number goes first, and a number may be a float.
    """
    queue = checked(_Queue, document)
    if any(_prompt_of(item) == prompt_id for item in queue.queue_running):
        return PromptStatus("running")
    ours = next((item for item in queue.queue_pending if _prompt_of(item) == prompt_id), None)
    if ours is None:
        return None
    before = sum(_number_of(item) < _number_of(ours) for item in queue.queue_pending)
    return PromptStatus("pending", ahead=before + len(queue.queue_running))


def history_status(document: object, prompt_id: str) -> PromptStatus | None:
    """How a prompt ended by GET /history/{id}; None where the history does not have it. Raises Malformed.

    An interrupted prompt looks like a failed one but for its last message.
    """
    try:
        entry = _HISTORY.validate_python(document).get(prompt_id)
    except ValidationError:
        raise Malformed from None
    if entry is None:
        return None
    if entry.status is None or entry.status.status_str == "success":
        return PromptStatus("finished", outputs=tuple(outputs_of(entry.outputs)))
    for name, details in reversed(list(_messages(entry.status.messages))):
        if name == "execution_interrupted":
            return PromptStatus("cancelled", error=Cancelled("The video was cancelled on the server."))
        if name == "execution_error":
            return PromptStatus("failed", error=execution_error(details))
    return PromptStatus("failed", error=Rejected("The server failed to make the video, and does not say why."))


def outputs_of(outputs: dict[str, Any]) -> Iterator[OutputFile]:
    """Every file in a prompt's outputs, whichever node wrote it and under whichever key (images, gifs, videos, audio).

    A name that is a path, or that no file can have, is left out: it could not be fetched and must not be used.
    """
    count = 0
    for node_outputs in outputs.values():
        lists = node_outputs.values() if isinstance(node_outputs, dict) else ()
        for item in (item for items in lists if isinstance(items, list) for item in items):
            found = _output(item)
            if found is not None and count < MOST_OUTPUTS:
                count += 1
                yield found


def _output(item: object) -> OutputFile | None:
    if not isinstance(item, dict) or "filename" not in item:
        return None
    try:
        found = _Output.model_validate(item)
    except ValidationError:
        return None
    if not (_is_plain_name(found.filename) and _is_plain_folder(found.subfolder)):
        return None
    return OutputFile(found.filename, found.subfolder, found.type)


def _is_plain_name(name: str) -> bool:
    return name not in (".", "..", "") and not any(ch in "/\\" for ch in name) and _is_text(name)


def _is_plain_folder(folder: str) -> bool:
    parts = folder.replace("\\", "/").split("/")
    return ".." not in parts and not (folder and parts[0] in ("", "~")) and ":" not in parts[0] and _is_text(folder)


def _is_text(name: str) -> bool:
    return not any(ch < " " or ch == "\x7f" or "\ud800" <= ch <= "\udfff" for ch in name)


def _messages(messages: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for message in messages:
        if isinstance(message, list) and len(message) == 2 and isinstance(message[0], str):
            yield message[0], message[1] if isinstance(message[1], dict) else {}


def _prompt_of(item: list[Any]) -> str | None:
    return item[1] if len(item) > 1 and isinstance(item[1], str) else None


def _number_of(item: list[Any]) -> float:
    return float(item[0]) if item and isinstance(item[0], int | float) else 0.0
