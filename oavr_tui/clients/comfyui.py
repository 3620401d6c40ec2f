"""The ComfyUI client: one server, spoken to so that no job is lost, made twice, or another's stopped.

Serves ComfyUI 0.3.64 to 0.33 and what lies between. Loads httpx, websockets and pydantic: import it lazily.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from oavr_tui.clients import comfyui_files
from oavr_tui.clients.comfyui_fetch import Fetch
from oavr_tui.clients.comfyui_follow import Follow
from oavr_tui.clients.comfyui_http import Http, parse_address
from oavr_tui.clients.comfyui_jobs import Jobs
from oavr_tui.clients.comfyui_types import (
    FollowUpdate,
    PromptStatus,
    ServerInfo,
    Timings,
    UploadedFile,
    choose_video,
)
from oavr_tui.clients.comfyui_wire import Malformed, SystemStats, checked
from oavr_tui.errors import Unreachable
from oavr_tui.models import OutputFile
from oavr_tui.text import safe

__all__ = [
    "ComfyUI",
    "FollowUpdate",
    "PromptStatus",
    "ServerInfo",
    "Timings",
    "UploadedFile",
    "choose_video",
]

_PLAIN = re.compile(r"[\w.-]{1,100}", re.ASCII)


class ComfyUI:
    """One server. Use it as an async context manager; it may be used for several jobs at once.

    Every method raises Unreachable when the server does not answer in time, and Rejected when it wants a sign-in or
    sends on to another address. No error shows the address's password.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client_id: str,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        timings: Timings | None = None,
        token: str | None = None,
        called: str = "",
    ) -> None:
        """base_url: http or https, with an optional path and user:password; raises BadInput for any other.

        token: sent as a Bearer token with every request, for a server behind a guard.
        called: what sentences call the server instead of its address; who knows a pod's address can reach it.
        client_id: the same for a job from its submit to its end, as the server sends a job's news only there.
        """
        address = replace(parse_address(base_url), called=called)
        self._address = address if token is None else replace(address, authorization=f"Bearer {token}")
        self._client_id = client_id
        self._sleep = sleep
        self._clock = clock
        self._timings = timings or Timings()
        self._opened: Http | None = None

    async def __aenter__(self) -> Self:
        self._opened = Http(self._address, self._timings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def info(self) -> ServerInfo:
        """Ask what the server is, which also tells whether it is ready: only a ComfyUI that has started answers so."""
        document = await self._http.get_json("/system_stats")
        try:
            stats = checked(SystemStats, document)
        except Malformed:
            raise self._http.not_comfyui() from None
        card = next((device for device in stats.devices if device.type != "cpu"), None)
        named = card or next(iter(stats.devices), None)
        return ServerInfo(
            version=safe(stats.system.comfyui_version, 40),
            vram_total=int(card.vram_total) if card is not None else 0,
            device=safe(named.name, 80) if named is not None else "",
            max_upload_size=await comfyui_files.max_upload_size(self._http),
            has_jobs_api=await self._has_jobs_api(),
            ram_total=int(stats.system.ram_total),
        )

    async def object_info(self, class_name: str) -> dict[str, Any] | None:
        """What the server says about one class of node; None where it does not have it."""
        document = await self._http.get_json(f"/object_info/{quote(class_name, safe='')}")
        if not isinstance(document, dict):
            raise self._http.not_comfyui()
        found = document.get(class_name)
        return found if isinstance(found, dict) else None

    async def upload(
        self, path: Path, *, name: str, subfolder: str, on_progress: Callable[[int, int], None] | None = None
    ) -> UploadedFile:
        """Send a file into the server's input folder, as a stream, and return where it is.

        name, subfolder: ASCII letters, digits, dot, dash, underscore; the subfolder may be several, with slashes
        between; one of the job's own, since a file of that name is replaced. on_progress(bytes sent, bytes in all).
        Raises BadInput before anything is sent when the server would not take so much at once.
        """
        if not all(_PLAIN.fullmatch(part) and part not in (".", "..") for part in (name, *subfolder.split("/"))):
            raise ValueError("an uploaded file's name and folder are plain ASCII names")
        return await comfyui_files.upload(self._http, path, name=name, subfolder=subfolder, on_progress=on_progress)

    async def submit(self, graph: Mapping[str, Any], prompt_id: str) -> None:
        """Queue a graph under a UUID of our own (lower case). Never queues it twice, whatever gets lost on the way.

        Raises Rejected where the server does not take it, or only a part of it. After Unreachable it may have been
        taken: `find` tells.
        """
        await self._jobs.submit(graph, prompt_id)

    async def find(self, prompt_id: str) -> PromptStatus:
        """Where a prompt is now. "absent" once may be a prompt that is just arriving; twice is one that is gone."""
        return await self._jobs.find(prompt_id)

    async def queue_length(self) -> int:
        """How many prompts run or wait on the server, anybody's."""
        return await self._jobs.queue_length()

    async def follow(
        self, prompt_id: str, *, on_update: Callable[[FollowUpdate], None] | None = None
    ) -> tuple[OutputFile, ...]:
        """Wait until a submitted prompt has ended and return the files that it wrote.

        on_update is called on the loop and must return at once. Raises Rejected or OutOfMemory when it failed,
        Cancelled when it was stopped, Lost when the server no longer knows it, and Unreachable only after
        Timings.give_up seconds without any answer. Cancelling this call leaves the prompt alone.
        """
        follow = Follow(
            self._http, self._jobs, prompt_id, self._client_id, self._timings, self._sleep, self._clock, on_update
        )
        return await follow.run()

    async def cancel(self, prompt_id: str) -> bool:
        """Take a prompt out of the queue, or stop it, and nobody else's; True once that is certain.

        False when it had finished already, or could not be stopped within Timings.cancel_give_up seconds.
        """
        return await self._jobs.cancel(prompt_id)

    async def fetch(
        self, output: OutputFile, target: Path, *, on_progress: Callable[[int, int | None], None] | None = None
    ) -> None:
        """Bring a file home into `target`, going on with what is there of it (its ETag is kept in `target`.etag).

        The file is whole and on the disk when this returns. on_progress(bytes so far, bytes in all or None). Raises
        Lost when the server does not have it any more, DiskFull, BadInput (not writable), and Unreachable when nothing
        has come for Timings.give_up seconds; what came is kept.
        """
        await Fetch(self._http, output, target, self._timings, self._sleep, self._clock, on_progress).run()

    @property
    def _http(self) -> Http:
        if self._opened is None:
            raise RuntimeError("use ComfyUI in an async with block")
        return self._opened

    @property
    def _jobs(self) -> Jobs:
        return Jobs(self._http, self._client_id, self._timings, self._sleep, self._clock)

    async def _has_jobs_api(self) -> bool:
        answer = await self._http.request("GET", "/api/jobs", params={"limit": "1"})
        if answer.status != 200:
            return False
        try:
            document = await self._http.parse(answer)
        except Unreachable:
            return False  # the page of a newer frontend in front of an older server
        return isinstance(document, dict) and "jobs" in document
