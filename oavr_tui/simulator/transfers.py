"""POST /upload/image and GET /view of the simulated server, with the recorded rules on names, sizes and ranges."""

from __future__ import annotations

import asyncio
import hashlib
import io
import mimetypes
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from aiohttp import BodyPartReader, web

from oavr_tui.simulator.folders import Folders, Outside

_CHUNK = 1 << 18
_LONGEST_FIELD = 1 << 16


class ServerTrouble(Exception):
    """What makes a real server answer 500 with a text, for want of a check."""


class TooLargeBody(Exception):
    """The body, with all its framing, is over the upload limit."""


class Served(web.FileResponse):
    """A file as /view serves it. `file` is its path, for faults that send it in their own way."""

    def __init__(self, file: Path, name: str) -> None:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f'filename="{name}"',
            "Content-Type": kind,
        }
        super().__init__(file, chunk_size=_CHUNK, headers=headers)
        self.file = file


async def upload(request: web.Request, folders: Folders, limit: int) -> web.Response:
    """Take one file. Raises TooLargeBody, and ServerTrouble where a real server fails for want of a check."""
    if request.content_length is not None and request.content_length > limit:
        raise TooLargeBody
    if request.content_type == "application/x-www-form-urlencoded" and "image" in await request.post():
        raise ServerTrouble
    if request.content_type != "multipart/form-data":
        return web.Response(status=400)
    with NamedTemporaryFile(dir=folders.root / "temp", delete=False) as received:
        temporary = Path(received.name)
        try:
            fields, filename = await _read_form(request, received, limit)
            if filename is None:
                return web.Response(status=400)
            received.flush()
            return await asyncio.to_thread(_store, folders, temporary, filename, fields)
        finally:
            temporary.unlink(missing_ok=True)


async def _read_form(request: web.Request, target: IO[bytes], limit: int) -> tuple[dict[str, str], str | None]:
    """The form's text fields, and the name of the file that was written to `target`, if there was one."""
    fields: dict[str, str] = {}
    filename: str | None = None
    total = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ServerTrouble
        if part.name == "image" and not part.filename:
            raise ServerTrouble  # a text where a file belongs
        is_file = part.name == "image"
        text = bytearray()
        while chunk := await part.read_chunk(_CHUNK):
            total += len(chunk)
            if max(total, request.content.total_bytes) > limit:
                raise TooLargeBody
            if is_file:
                await asyncio.to_thread(target.write, chunk)
            elif len(text) < _LONGEST_FIELD:
                text += chunk
        if is_file:
            filename = part.filename
        elif part.name:
            fields[part.name] = text.decode("utf-8", "replace")
    return fields, filename


def _store(folders: Folders, received: Path, filename: str, fields: dict[str, str]) -> web.Response:
    kind = fields.get("type") or "input"
    base = folders.kind(kind)
    if base is None or Path(filename).is_absolute():
        raise ServerTrouble
    subfolder = fields.get("subfolder", "")
    try:
        folder = folders.inside(kind, subfolder)
        path = folders.inside(kind, os.path.join(os.path.normpath(subfolder), filename))  # noqa: PTH118 (not a path yet)
    except Outside:
        return web.Response(status=400)
    folder.mkdir(parents=True, exist_ok=True)
    name = filename
    if fields.get("overwrite") not in ("true", "1"):
        stem, suffix = os.path.splitext(filename)  # noqa: PTH122 (the name goes back as it came, with its slashes)
        turn = 1
        while path.exists() and not _same(path, received):
            name = f"{stem} ({turn}){suffix}"
            path = folder / name
            turn += 1
    try:
        received.replace(path)
        path.chmod(0o644)
    except OSError as error:
        raise ServerTrouble from error
    return web.json_response({"name": name, "subfolder": subfolder, "type": kind})


def _same(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        return hashlib.file_digest(first, "sha256").digest() == hashlib.file_digest(second, "sha256").digest()


async def view(request: web.Request, folders: Folders) -> web.StreamResponse:
    """Serve one file. Raises ServerTrouble where a real server fails."""
    if "filename" not in request.query:
        return web.Response(status=404)
    filename, kind = folders.annotated(request.query["filename"], request.query.get("type", "output"))
    if not filename or filename.startswith("/") or ".." in filename or folders.kind(kind) is None:
        return web.Response(status=400)
    try:
        folder = folders.inside(kind, request.query.get("subfolder", ""))
    except Outside:
        return web.Response(status=403)
    name = Path(filename).name
    path = folder / name
    if not path.is_file():
        return web.Response(status=404)
    if "preview" in request.query:
        return await asyncio.to_thread(_thumbnail, path, name)
    return Served(path, name)


def _thumbnail(path: Path, name: str) -> web.Response:
    from PIL import Image, UnidentifiedImageError

    buffer = io.BytesIO()
    try:
        with Image.open(path) as opened:
            opened.convert("RGB").save(buffer, "WEBP", quality=50)
    except (UnidentifiedImageError, OSError) as error:
        raise ServerTrouble from error
    headers = {"Content-Disposition": f'filename="{name}"'}
    return web.Response(body=buffer.getvalue(), content_type="image/webp", headers=headers)
