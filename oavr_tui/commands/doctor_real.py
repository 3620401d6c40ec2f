"""`oavr-tui doctor --real --max-spend 0.50`: one scripted journey on the owner's real account, its transcript kept.

It rents one machine, makes a video of two seconds on it, stops, wakes and terminates it, and compares what was counted
here with what the account was billed. It works in folders of its own, never above the price that was allowed, and
whatever happens it ends with the machine gone, or says loudly that it is not.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from oavr_tui.commands.demo import samples
from oavr_tui.commands.talk import EXIT_FAILED, put, put_json, say
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import JobChanged, Notice, PodChanged, PodStepped
from oavr_tui.engine.keeper import start_keeper
from oavr_tui.engine.setup import gate_setup, pod_setup
from oavr_tui.errors import NoFunds, OavrError, Rejected
from oavr_tui.models import AUTO, JobState, Pod, PodKind, PodState, PodWish, Request
from oavr_tui.paths import Paths, private_dir
from oavr_tui.pods.cost import total
from oavr_tui.pods.plan import Plan
from oavr_tui.redact import Redactor
from oavr_tui.settings import Settings

_GO_ON_SECONDS = 0.5
_LONGEST_SECONDS = 3 * 3600.0
_END_SECONDS = 300.0
_SECONDS_OF_VIDEO = 2.0
_IDLE_MINUTES = 1.0
_TERMINATE_HOURS = 0.01
"""Of the keeper that takes over from a check that was killed."""


class Transcript:
    """What happened, one JSON object a line, redacted, in a file that only its owner reads."""

    def __init__(self, file: Path, redactor: Redactor, *, as_json: bool) -> None:
        self.file = file
        self._redact = redactor
        self._json = as_json
        private_dir(file.parent)
        self._out = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")

    def add(self, what: str, **facts: Any) -> None:
        """Write one entry, and show it."""
        entry = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "what": what, **facts}
        line = self._redact(json.dumps(entry))
        self._out.write(line + "\n")
        self._out.flush()
        shown = json.loads(line)
        if self._json:
            put_json(shown)
        else:
            put("  ".join([f"{shown['what']:<10}", *(f"{key}={shown[key]}" for key in facts)]))

    def close(self) -> None:
        self._out.close()


@dataclass(frozen=True, slots=True)
class _Journey:
    engine: Engine
    transcript: Transcript
    most: float
    request: Request

    async def go(self) -> None:
        """Every step in order. Raises OavrError at the first that fails."""
        steps: tuple[tuple[str, Callable[[], Awaitable[dict[str, Any]]]], ...] = (
            ("account", self._account),
            ("catalog", self._catalog),
            ("video", self._video),
            ("stop", lambda: self._bring(PodWish.STOP, PodState.STOPPED)),
            ("wake", self._wake),
            ("terminate", lambda: self._bring(PodWish.TERMINATE, PodState.GONE)),
            ("bill", self._bill),
        )
        for name, step in steps:
            self.transcript.add("begin", step=name)
            self.transcript.add("end", step=name, **await step())

    async def _account(self) -> dict[str, Any]:
        provider = await self.engine.fleet.rental.provider()
        pods = await provider.pods()
        account = await self.engine.fleet.rental.account(fresh=True)
        if account is not None and account.balance is not None and account.balance < self.most:
            raise NoFunds(f"The balance is below the ${self.most:.2f} that this may cost. Nothing was started.")
        return {
            "pods_on_account": len(pods),
            "balance_told": account is not None and account.balance is not None,
        }

    async def _catalog(self) -> dict[str, Any]:
        from oavr_tui.pods.start_up import candidates

        offers = await self.engine.fleet.rental.offers()
        choice = candidates(offers, self.engine.fleet.plan, None)
        return {"offers": len(offers), "usable": len(choice), "first": choice[0].name, "per_hour": choice[0].per_hour}

    async def _video(self) -> dict[str, Any]:
        job = await self.engine.submit(self.request)
        await self._until(lambda: (now := self.engine.job(job.id)) is not None and now.ended)
        ended = self.engine.job(job.id)
        assert ended is not None
        if ended.state is not JobState.DONE:
            raise Rejected(ended.failure.message if ended.failure else "No video was made.")
        video = await self.engine.video(ended.video_id)
        assert video is not None
        return {
            "duration": video.duration,
            "size": f"{video.width}x{video.height}",
            "made_on": video.made_on,
            "seconds_taken": video.seconds_taken,
            "cost": video.cost,
        }

    async def _bring(self, wish: PodWish, state: PodState) -> dict[str, Any]:
        pod = next(iter(self._own()), None)
        if pod is None:
            return {"state": "there is nothing left"}
        await self.engine.fleet.ask(pod, wish)
        await self._until(lambda: self._state_of(pod.id) in (state, PodState.GONE))
        return {"state": str(self._state_of(pod.id))}

    async def _wake(self) -> dict[str, Any]:
        """A host may have given its GPU to somebody else: that is an answer, too."""
        pod = next((pod for pod in self._own() if pod.state is PodState.STOPPED), None)
        if pod is None:
            return {"state": "there is nothing to wake"}
        await self.engine.fleet.ask(pod, PodWish.START)
        await self._until(
            lambda: (now := self.engine.fleet.book.get(pod.id)) is not None and not now.asked and not now.starting
        )
        now = self.engine.fleet.book.get(pod.id)
        return {"state": str(self._state_of(pod.id)), "note": now.note if now is not None else ""}

    async def _bill(self) -> dict[str, Any]:
        counted = await self.spent()
        provider = await self.engine.fleet.rental.provider()
        began = min((spell.began for spell in await self.engine.fleet.book.spells()), default=self.engine.now())
        ours = {pod.pod_id for pod in await self.engine.fleet.book.remembered()}
        bills = await provider.bills(began)
        billed = None if bills is None else round(sum(bill.dollars for bill in bills if bill.pod_id in ours), 5)
        return {"counted_here": round(counted, 5), "billed": billed, "note": "the bill lags behind by minutes"}

    async def spent(self) -> float:
        """Dollars that this journey has cost so far."""
        return total(await self.engine.fleet.book.spells(), self.engine.now())

    def _own(self) -> list[Pod]:
        """What this journey rented; what else is on the account is none of its business."""
        return [pod for pod in self.engine.fleet.book.all() if pod.kind is PodKind.RUNPOD and not pod.found]

    def _state_of(self, pod_id: str) -> PodState:
        pod = self.engine.fleet.book.get(pod_id)
        return PodState.GONE if pod is None else pod.state

    async def _until(self, so: Callable[[], bool]) -> None:
        while not so():
            spent = await self.spent()
            if spent >= self.most:
                raise NoFunds(f"${spent:.3f} is spent, and no more than ${self.most:.2f} is allowed: it ends here.")
            await asyncio.sleep(_GO_ON_SECONDS)


def run_real(paths: Paths, settings: Settings, most: float, *, as_json: bool) -> int:
    """Returns the exit code. most: dollars, above 0."""
    return asyncio.run(_run(paths, settings, most, as_json=as_json))


async def _run(paths: Paths, settings: Settings, most: float, *, as_json: bool) -> int:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    own = Paths.under(private_dir(paths.data) / "real-check")
    redactor = Redactor()
    setup = pod_setup(paths, settings)
    redactor.know(setup.key())
    plan = replace(setup.plan, day_cap=most, most=1, idle_minutes=min(setup.plan.idle_minutes, 10.0), auto_start=True)
    setup = replace(setup, plan=plan, start_keeper=partial(start_keeper, own, _environment(own, setup.key(), plan)))
    transcript = Transcript(paths.state / "real-checks" / f"{stamp}.jsonl", redactor, as_json=as_json)
    try:
        portrait, voice = await asyncio.to_thread(samples, own)
        request = Request(str(portrait), str(voice), on=AUTO, seed=7, max_seconds=_SECONDS_OF_VIDEO)
        async with Engine(own, pods=setup, gate=gate_setup(paths, hide=redactor.know)) as engine:
            return await _watched(_Journey(engine, transcript, most, request), redactor)
    finally:
        transcript.close()
        say(f"The transcript, without secrets, is in {transcript.file}.")


def _environment(own: Paths, key: str | None, plan: Plan) -> dict[str, str]:
    """What the keeper of a check that was killed is started with: the same limits, and a machine that soon goes."""
    return {
        **os.environ,
        "OAVR_HOME": str(own.config.parent),
        "RUNPOD_API_KEY": key or "",
        "OAVR_PODS_DAY_CAP": str(plan.day_cap),
        "OAVR_PODS_IDLE_MINUTES": str(min(plan.idle_minutes, _IDLE_MINUTES)),
        "OAVR_PODS_TERMINATE_AFTER_HOURS": str(_TERMINATE_HOURS),
        "OAVR_PODS_MOST": "1",
    }


async def _watched(journey: _Journey, redactor: Redactor) -> int:
    engine, transcript = journey.engine, journey.transcript
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    code = 0
    async with engine.driving_when_free():
        listening = asyncio.create_task(_listen(engine, transcript, redactor), name="transcript")
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await journey.go()
        except (OavrError, TimeoutError, asyncio.CancelledError) as error:
            code = EXIT_FAILED
            message = error.message if isinstance(error, OavrError) else "It was broken off."
            transcript.add("failed", message=message)
            task.uncancel()
        finally:
            code = max(code, await _end_all(engine, transcript))
            listening.cancel()
    return code


async def _listen(engine: Engine, transcript: Transcript, redactor: Redactor) -> None:
    with engine.listen() as events:
        async for event in events:
            if isinstance(event, PodChanged):
                redactor.know_pod(event.pod.pod_id)
                transcript.add("pod", name=event.pod.name, state=event.pod.state.value)
            elif isinstance(event, PodStepped):
                transcript.add("step", name=event.name, step=event.step.value, text=event.text)
            elif isinstance(event, JobChanged):
                transcript.add("job", state=event.job.state.value)
            elif isinstance(event, Notice):
                transcript.add("notice", text=event.text)


async def _end_all(engine: Engine, transcript: Transcript) -> int:
    """Terminate what this journey rented, whatever happened before; 1 when a machine may still cost money."""

    def left() -> list[str]:
        return [pod.name for pod in engine.fleet.book.all() if pod.kind is PodKind.RUNPOD and not pod.found]

    try:
        async with asyncio.timeout(_END_SECONDS):
            for job in engine.jobs():
                if not job.ended:
                    await engine.cancel(job.id)
            while left():
                for pod in engine.fleet.book.all():
                    rented = pod.kind is PodKind.RUNPOD and not pod.found
                    if rented and not pod.asked and pod.state is not PodState.TERMINATING:
                        await engine.fleet.book.note(pod, asked=PodWish.TERMINATE)
                await asyncio.sleep(_GO_ON_SECONDS)
    except (TimeoutError, OavrError):
        transcript.add("left", pods=left())
        say(f"{' and '.join(left())} may still cost money. End it in RunPod's console NOW.")
        return EXIT_FAILED
    return 0
