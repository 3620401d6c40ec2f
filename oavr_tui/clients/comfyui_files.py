"""Sending a picture or a voice to a ComfyUI server as a stream, within the size that it accepts."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from oavr_tui.carry import leaving, to_its_end
from oavr_tui.clients.comfyui_http import SMALL_ANSWER, Answer, Http, read_bounded
from oavr_tui.clients.comfyui_types import UploadedFile
from oavr_tui.clients.comfyui_wire import Features, Malformed, checked, uploaded
from oavr_tui.errors import BadInput, Rejected, Unreachable
from oavr_tui.text import safe, size

_PIECE = 256 * 1024


async def max_upload_size(http: Http) -> int | None:
    """The largest request that a server accepts, in bytes; None where it does not say, as older ones do not."""
    answer = await http.request("GET", "/features")
    if answer.status != 200:
        return None
    try:
        allowed = checked(Features, await http.parse(answer)).max_upload_size
    except (Malformed, Unreachable):
        return None
    return int(allowed) if allowed else None


async def upload(
    http: Http, path: Path, *, name: str, subfolder: str, on_progress: Callable[[int, int], None] | None = None
) -> UploadedFile:
    """Put a file into the server's input folder; see ComfyUI.upload."""
    try:
        file = await to_its_end(asyncio.to_thread(path.open, "rb"), "open-file")
    except OSError as error:
        raise BadInput(f"{safe(path.name, 80)} cannot be read: {safe(error.strerror or 'unknown reason')}.") from None
    try:
        if leaving():
            raise asyncio.CancelledError
        length = await asyncio.to_thread(lambda: os.fstat(file.fileno()).st_size)
        return await _send(http, file, length, name, subfolder, on_progress)
    finally:
        await asyncio.to_thread(file.close)


async def _send(
    http: Http,
    file: BinaryIO,
    length: int,
    name: str,
    subfolder: str,
    on_progress: Callable[[int, int], None] | None,
) -> UploadedFile:
    boundary = secrets.token_hex(16)
    head, tail = _framing(boundary, name, subfolder)
    whole = len(head) + length + len(tail)
    allowed = await max_upload_size(http)
    if allowed is not None and whole > allowed:
        raise too_large(length, allowed)
    headers = {"content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(whole)}
    try:
        async with http.stream(
            "POST", "/upload/image", content=_body(file, length, head, tail, on_progress), headers=headers
        ) as response:
            answer = Answer(response.status_code, response.headers, await read_bounded(response, SMALL_ANSWER))
    except Unreachable:
        # A server that finds a body too large often just closes the connection, and its answer is never seen.
        hint = "" if allowed is not None else f" The file is {size(length)}; it may be too large for this server."
        raise Unreachable(f"The connection to {http.address.shown} broke off while the file was sent.{hint}") from None
    return await _taken(http, answer, length)


async def _taken(http: Http, answer: Answer, length: int) -> UploadedFile:
    if answer.status == 413:
        raise BadInput(
            f"The file is {size(length)}, which is more than this server accepts at a time."
            " Use a smaller one, or start ComfyUI with a larger --max-upload-size."
        )
    if answer.status in (400, 500):
        raise Rejected(
            "The server did not accept the file. Its disk may be full; look at ComfyUI's log.", can_retry=True
        )
    if answer.status != 200:
        raise http.unusable(answer.status)
    try:
        return uploaded(await http.parse(answer))
    except Malformed:
        raise http.not_comfyui() from None


def too_large(length: int, allowed: int) -> BadInput:
    """The error for a file of `length` bytes where the server accepts requests of `allowed` bytes."""
    return BadInput(
        f"The file is {size(length)}, and this server accepts {size(allowed)} at a time."
        " Use a shorter voice or a smaller picture, or start ComfyUI with a larger --max-upload-size."
    )


def _framing(boundary: str, name: str, subfolder: str) -> tuple[bytes, bytes]:
    """What stands before and after the file in the request. The field is called image for any kind of file."""
    fields = {"overwrite": "true", "type": "input", "subfolder": subfolder}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    disposition = f'form-data; name="image"; filename="{name}"'
    parts.append(
        f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()


async def _body(
    file: BinaryIO, length: int, head: bytes, tail: bytes, on_progress: Callable[[int, int], None] | None
) -> AsyncIterator[bytes]:
    yield head
    sent = 0
    while sent < length:
        piece = await asyncio.to_thread(file.read, min(_PIECE, length - sent))
        if not piece:
            raise BadInput(
                "The file became shorter while it was sent. Leave it alone until it is there, and try again."
            )
        yield piece
        sent += len(piece)
        if on_progress is not None:
            on_progress(sent, length)
    yield tail
