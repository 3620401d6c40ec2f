"""Submitting a prompt exactly once, finding out where it is, and cancelling it without touching another's."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from oavr_tui.clients.comfyui_http import LARGE_ANSWER, Answer, Http
from oavr_tui.clients.comfyui_sentences import node_errors, refused
from oavr_tui.clients.comfyui_types import PromptStatus, Timings
from oavr_tui.clients.comfyui_wire import Accepted, Malformed, checked, history_status, queue_length, queue_status
from oavr_tui.errors import BadInput, OavrError, Rejected, Unreachable

_PROMPT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SUBMIT_ATTEMPTS = 4
_LOOKUPS = 2
_UNKNOWN_OUTCOME = frozenset({408, 502, 503, 504, *range(520, 531)})
"""Statuses of a proxy that gave up waiting: the prompt may have been taken all the same."""


class Jobs:
    """Prompts on one server, by their ids. clock and sleep are the caller's."""

    def __init__(
        self,
        http: Http,
        client_id: str,
        timings: Timings,
        sleep: Callable[[float], Awaitable[object]],
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._client_id = client_id
        self._timings = timings
        self._sleep = sleep
        self._clock = clock

    async def find(self, prompt_id: str) -> PromptStatus:
        """Where a prompt is. The queue is read before the history, so that one that ends in between is not missed."""
        try:
            waiting = queue_status(await self._http.get_json("/queue", limit=LARGE_ANSWER), prompt_id)
            if waiting is not None:
                return waiting
            document = await self._http.get_json(f"/history/{quote(prompt_id, safe='')}", limit=LARGE_ANSWER)
            return history_status(document, prompt_id) or PromptStatus("absent")
        except Malformed:
            raise self._http.not_comfyui() from None

    async def queue_length(self) -> int:
        """How many prompts run or wait, anybody's. Raises Unreachable."""
        try:
            return queue_length(await self._http.get_json("/queue", limit=LARGE_ANSWER))
        except Malformed:
            raise self._http.not_comfyui() from None

    async def submit(self, graph: Mapping[str, Any], prompt_id: str) -> None:
        """Queue a graph under an id of our own; returns once the server has it, and never queues it twice.

        An answer that gets lost leaves open whether the prompt was taken, so the server is asked before anything is
        sent again. Raises Rejected, BadInput (too large) or Unreachable; after the last, `find` tells what came of it.
        """
        if not _PROMPT_ID.fullmatch(prompt_id):
            raise ValueError("a prompt id is a UUID in lower case, or newer servers refuse it")
        body = {"prompt": graph, "client_id": self._client_id, "prompt_id": prompt_id}
        for attempt in range(_SUBMIT_ATTEMPTS):
            try:
                answer = await self._http.request("POST", "/prompt", send_json=body)
            except Unreachable as error:
                failure: OavrError = error
            else:
                if answer.status not in _UNKNOWN_OUTCOME:
                    await self._take(answer, prompt_id)
                    return
                failure = self._http.unusable(answer.status)
            if await self._is_there(prompt_id, failure):
                return
            if attempt == _SUBMIT_ATTEMPTS - 1:
                raise failure

    async def cancel(self, prompt_id: str) -> bool:
        """Take a prompt out of the queue or stop it; True once it is certain that it will not run (any further).

        False when it finished first, or when the server did not stop it within cancel_give_up. Servers answer 200
        whatever they did, and a prompt may begin between the question and the answer, so each round asks again. Only
        this prompt is ever named: an interrupt without a name would stop whoever's turn it is. Raises Unreachable.
        """
        deadline = self._clock() + self._timings.cancel_give_up
        absent = 0
        while True:
            failure: OavrError | None = None
            try:
                if not await self._cancel_by_job(prompt_id):
                    await self._cancel_by_place(prompt_id, await self.find(prompt_id))
                status = await self.find(prompt_id)
            except Unreachable as error:
                failure = error
            else:
                absent = absent + 1 if status.kind == "absent" else 0
                if status.ended or absent >= _LOOKUPS:
                    return status.kind != "finished"
            if self._clock() >= deadline:
                if failure is not None:
                    raise failure
                return False
            await self._sleep(self._timings.cancel_poll)

    async def _take(self, answer: Answer, prompt_id: str) -> None:
        """Make sure that an answer to POST /prompt means that the whole graph was queued under our id."""
        if answer.status == 413:
            raise BadInput(
                "The workflow is larger than this server accepts. Start ComfyUI with a larger --max-upload-size."
            )
        if answer.status == 500:
            raise Rejected("The server failed to read the workflow. Export it from ComfyUI once more (Export (API)).")
        if answer.status not in (200, 400):
            raise self._http.unusable(answer.status)
        document = await self._json_or_none(answer)
        if answer.status == 400:
            raise refused(document)
        try:
            accepted = checked(Accepted, document)
        except Malformed:
            raise self._http.not_comfyui() from None
        if accepted.prompt_id != prompt_id:
            await self._cancel_quietly(accepted.prompt_id)
            raise Rejected("This server's ComfyUI is too old: it gives jobs names of its own. Update it and try again.")
        if accepted.node_errors:
            await self._cancel_quietly(prompt_id)
            raise Rejected(node_errors(accepted.node_errors) or "The server accepted only a part of the workflow.")

    async def _cancel_quietly(self, prompt_id: str) -> None:
        """Cancel what was taken by half; why it is not wanted is worth more to a person than that it goes on."""
        with suppress(Unreachable):
            await self.cancel(prompt_id)

    async def _json_or_none(self, answer: Answer) -> Any:
        """The JSON of an answer, None where its body is empty or plain text, as errors' often are."""
        try:
            return await self._http.parse(answer)
        except Unreachable:
            return None

    async def _is_there(self, prompt_id: str, failure: OavrError) -> bool:
        """Whether the server has a prompt whose answer was lost; looked for twice, as it may still be on its way in.

        Where the server cannot be asked, the failure is raised: sending the prompt again could run it twice.
        """
        for _ in range(_LOOKUPS):
            await self._sleep(self._timings.lookup_again)
            if (await self._find_patiently(prompt_id, failure)).kind != "absent":
                return True
        return False

    async def _find_patiently(self, prompt_id: str, failure: OavrError) -> PromptStatus:
        deadline = self._clock() + self._timings.lookup_give_up
        pause = self._timings.backoff
        while True:
            try:
                return await self.find(prompt_id)
            except Unreachable:
                if self._clock() + pause >= deadline:
                    raise failure from None
            await self._sleep(pause)
            pause = min(pause * 2, self._timings.backoff_most)

    async def _cancel_by_job(self, prompt_id: str) -> bool:
        """The newer servers' cancel, which works whatever the state; False where the server does not have it."""
        answer = await self._http.request("POST", f"/api/jobs/{quote(prompt_id, safe='')}/cancel")
        if answer.status in (404, 405):
            return False
        if answer.status != 200:
            raise Unreachable(f"{self._http.address.shown} did not take the cancel (status {answer.status}).")
        return True

    async def _cancel_by_place(self, prompt_id: str, status: PromptStatus) -> None:
        if status.kind == "pending":
            await self._http.request("POST", "/queue", send_json={"delete": [prompt_id]})
        elif status.kind == "running":
            await self._http.request("POST", "/interrupt", send_json={"prompt_id": prompt_id})
