"""RunPod through its REST API, version 2: the documented way to rent machines since the older ones are retired.

Rules:
1. A mere question is asked up to three times; a request that changes something is sent once, and raises Unclear as
   soon as it may have arrived without a usable answer.
2. "No such pod" is believed only when RunPod itself says so, never of a proxy's page: a pod thought gone would go on
   costing unseen.
3. Sentences are those of runpod_sentences.py; no key, no id and no raw answer is in them.

Facts: RunPod's OpenAPI document of the REST API, version 2.0.0, and its text on creating a pod. Loads httpx and
pydantic; import it lazily.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from oavr_tui import __version__
from oavr_tui.errors import OavrError, Unreachable
from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods import runpod_v2_requests as requests
from oavr_tui.pods import runpod_v2_wire as wire
from oavr_tui.pods.provider import Account, Bill, Cloud, CloudPod, Offer, Slower, Volume, Wish
from oavr_tui.pods.runpod_address import DEFAULT_BASE
from oavr_tui.pods.runpod_sentences import Verb
from oavr_tui.pods.runpod_v2_answers import (
    change_refused,
    in_trouble,
    knows_no_memory_filter,
    pause_asked_for,
    question_refused,
    says_none,
)
from oavr_tui.pods.runpod_v2_http import Answer, Deadlines, Failed, RunPodHttp
from oavr_tui.pods.runpod_v2_log import LogParser, usable_event_id
from oavr_tui.pods.runpod_v2_requests import pod_path

USER_AGENT = f"oavr-tui/{__version__}"

_TRIES = 3
_FIRST_PAUSE = 0.5
_PATIENCE = 10.0
"""Seconds that a question waits, once, when RunPod asks for a pause; a longer one is the caller's to keep."""
_MOST_PAGES = 50

Sleep = Callable[[float], Awaitable[None]]


class RunPodV2:
    """The person's RunPod account. Implements provider.Provider.

    key: as made in RunPod's console. base: https, or http on this computer. sleep, clock: seconds, the clock only ever
    goes forward. now: unix seconds, for questions about dates. jitter: 0 .. 1, so that many do not ask in step.
    Raises NoKey for what cannot be a key, BadInput for what cannot be an address.
    """

    def __init__(
        self,
        key: str,
        *,
        base: str = DEFAULT_BASE,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        user_agent: str = USER_AGENT,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._http = RunPodHttp(key, base, user_agent, deadlines or Deadlines())
        self._hidden = (key.strip(),)
        self._sleep, self._clock, self._now, self._jitter = sleep, clock, now, jitter
        self._quiet_until = clock()

    async def close(self) -> None:
        """Close the connections; fine when closed already."""
        await self._http.close()

    async def offers(self) -> tuple[Offer, ...]:
        """One offer for every GPU type and cloud that has a price."""
        found: list[Offer] = []
        for cloud in (Cloud.COMMUNITY, Cloud.SECURE):
            document = await self._question(requests.GPUS, requests.stock_in(cloud))
            with _from_runpod():
                found.extend(wire.offers_of(document, cloud))
        return tuple(found)

    async def volumes(self) -> tuple[Volume, ...]:
        """The account's network volumes."""
        document = await self._question(requests.VOLUMES)
        with _from_runpod():
            return tuple(wire.volumes_of(document))

    async def pods(self) -> tuple[CloudPod, ...]:
        """All pods of the account: every page of the list, or an error, never a part of it."""
        found: list[CloudPod] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            document = await self._question(requests.PODS, {"cursor": cursor} if cursor else None)
            with _from_runpod():
                page, cursor = wire.pods_of(document)
            found.extend(page)
            if not cursor:
                return tuple(found)
        raise say.not_runpod()

    async def pod(self, pod_id: str) -> CloudPod | None:
        """One pod, or None where RunPod says that there is none of this id."""
        answer = await self._answer(pod_path(pod_id))
        if says_none(answer):
            return None
        document = self._document(answer, collection=False)
        with _from_runpod():
            pod = wire.pod_of(document)
        if pod.id != pod_id:
            raise say.not_runpod()
        return pod

    async def create(self, wish: Wish) -> CloudPod:
        """Rent a machine. Raises NoGpu where there is none of this kind, Unclear where it may have been done.

        Only what the template does not own is sent, since whatever is sent wins over the template. Where RunPod finds
        the body invalid, it is sent once more without the choice by memory, which not every RunPod knows.
        """
        hidden = (*self._hidden, wish.name, wish.template, wish.volume, *wish.env.values())
        answer = await self._send(Verb.CREATE, "POST", requests.PODS, requests.creation(wish))
        if wish.min_memory_gb > 0 and knows_no_memory_filter(answer):
            answer = await self._send(Verb.CREATE, "POST", requests.PODS, requests.creation(wish, by_memory=False))
        self._check(Verb.CREATE, answer, hidden)
        try:
            return wire.pod_of(answer.document)
        except wire.Malformed:
            raise say.unclear(Verb.CREATE) from None

    async def start(self, pod_id: str) -> None:
        """Wake a stopped pod. Raises NotNow where its host has no GPU free."""
        await self._act(Verb.START, pod_id)

    async def stop(self, pod_id: str) -> None:
        """Stop a pod, which keeps its volume disk. Raises Rejected where it cannot be stopped."""
        await self._act(Verb.STOP, pod_id)

    async def terminate(self, pod_id: str) -> None:
        """Delete a pod and everything on it; one that is gone already is fine."""
        answer = await self._send(Verb.TERMINATE, "DELETE", pod_path(pod_id), None)
        self._check(Verb.TERMINATE, answer, (*self._hidden, pod_id))

    async def account(self) -> Account | None:
        """None: this way of asking does not tell balance and spend."""
        return None

    async def bills(self, since: float) -> tuple[Bill, ...]:
        """What was billed for each pod since a time (unix seconds), from the beginning of its hour or day on."""
        document = await self._question(requests.BILLING, requests.billed_between(since, self._now()))
        with _from_runpod():
            return wire.bills_of(document)

    def log(self, pod_id: str, after: str) -> AsyncGenerator[tuple[str, str], None]:
        """The pod's log: (id, line) from after the line of id `after`, until the connection ends or is silent for the
        deadline, which is no error: ask again from the last id. Close it (contextlib.aclosing) when leaving early.

        Raises Unreachable where there is no connection, Rejected where RunPod has no such pod, Slower, NoKey.
        """
        return self._lines(pod_path(pod_id) + "/logs", after if usable_event_id(after) else "")

    async def _lines(self, path: str, after: str) -> AsyncGenerator[tuple[str, str], None]:
        listening = False
        try:
            async with self._http.listen(path, requests.log_from(after), after) as response:
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if response.status_code != 200 or kind != "text/event-stream":
                    self._document(await self._http.whole(response), collection=False)
                    raise say.not_runpod()
                if response.headers.get("content-encoding", "identity").lower() != "identity":
                    raise say.not_runpod()
                listening = True
                parser = LogParser(after)
                async for piece in response.aiter_raw():
                    for found in parser.feed(piece):
                        yield found
        except Failed as failure:
            if not listening:
                raise failure.error from None

    async def _act(self, verb: Verb, pod_id: str) -> None:
        """POST /v2/pods/{id}/action; it answers with the pod as it is then."""
        answer = await self._send(verb, "POST", pod_path(pod_id) + "/action", {"action": str(verb)})
        self._check(verb, answer, (*self._hidden, pod_id))

    async def _send(self, verb: Verb, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        """Send a request that changes something, once. Raises Unclear where it may have arrived and no answer came."""
        try:
            return await self._http.ask(path, method=method, send=body)
        except Failed as failure:
            raise (say.unclear(verb) if failure.may_have_arrived else failure.error) from None

    def _check(self, verb: Verb, answer: Answer, hidden: Iterable[str]) -> None:
        """Raise the error that an answer to a change means, unless RunPod said that it is done."""
        error = change_refused(verb, answer, self._now(), hidden)
        if error is not None:
            self._heed(error)
            raise error

    async def _question(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The document that a list answers with; raises an error for every other answer."""
        return self._document(await self._answer(path, params), collection=True)

    def _document(self, answer: Answer, *, collection: bool) -> Any:
        error = question_refused(answer, self._now(), self._hidden, collection=collection)
        if error is not None:
            self._heed(error)
            raise error
        return answer.document

    async def _answer(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a question, asked again while RunPod has trouble; raises Unreachable when it goes on."""
        waited = await self._hold_back()
        trouble: Unreachable = say.silent()
        for attempt in range(_TRIES):
            if attempt:
                await self._sleep(_FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + self._jitter()))
            try:
                answer = await self._http.ask(path, params)
            except Failed as failure:
                trouble = failure.error
                continue
            pause = pause_asked_for(answer, self._now())
            if pause is not None and pause <= _PATIENCE and not waited and attempt < _TRIES - 1:
                waited = True
                await self._sleep(pause)
            elif in_trouble(answer):
                trouble = say.in_trouble()
            elif answer.said_json or answer.status >= 300:
                return answer
            else:
                trouble = say.not_runpod()
        raise trouble

    async def _hold_back(self) -> bool:
        """Keep a pause that RunPod asked for; returns whether there was one. Raises Slower where it is too long."""
        left = self._quiet_until - self._clock()
        if left <= 0:
            return False
        if left > _PATIENCE:
            raise say.slower(left)
        await self._sleep(left)
        return True

    def _heed(self, error: OavrError) -> None:
        if isinstance(error, Slower):
            self._quiet_until = self._clock() + error.seconds


@contextmanager
def _from_runpod() -> Iterator[None]:
    """What is not as RunPod says it was said by somebody else."""
    try:
        yield
    except wire.Malformed:
        raise say.not_runpod() from None
