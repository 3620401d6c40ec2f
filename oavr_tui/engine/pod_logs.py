"""The logs of the pods that run: each is read by the driver and written to a file, which everybody may read."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from oavr_tui.engine.yard import LOG_PORT, Yard
from oavr_tui.errors import OavrError
from oavr_tui.models import Pod

if TYPE_CHECKING:
    from oavr_tui.clients.pod_log import PodLog


_LOOK_SECONDS = 2.0
"""Between two looks whether the pod's own server shows its log again."""


class PodLogs:
    """The readers belong to the driving task group, which ends them when driving ends."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._group: asyncio.TaskGroup | None = None
        self._logs: dict[str, tuple[PodLog, list[asyncio.Task[None]]]] = {}

    def begin(self, group: asyncio.TaskGroup) -> None:
        """From now on readers belong to this group."""
        self._group = group
        self._logs.clear()

    async def of(self, pod: Pod) -> PodLog:
        """The log of a pod, being read from now on."""
        if pod.id in self._logs:
            return self._logs[pod.id][0]
        log = await asyncio.to_thread(self._opened, pod)
        assert self._group is not None
        readers = [
            self._group.create_task(self._from_its_server(pod, log), name=f"log-{pod.name}"),
            self._group.create_task(self._from_the_provider(pod, log), name=f"provider-log-{pod.name}"),
        ]
        self._logs[pod.id] = (log, readers)
        return log

    def _opened(self, pod: Pod) -> PodLog:
        """Blocks. A log that cannot be gone on with is begun anew elsewhere: it must not keep a video waiting."""
        from oavr_tui.clients.pod_log import PodLog

        clock = self._yard.around.clock
        try:
            return PodLog(self._yard.paths.pod_log(pod.id), clock=clock)
        except OSError:
            return PodLog(self._yard.paths.work / f"{self._yard.around.new_id()}.log", clock=clock)

    def close(self, pod: Pod) -> None:
        """Stop reading the log of a pod that does not run any more."""
        log, readers = self._logs.pop(pod.id, (None, []))
        for reader in readers:
            reader.cancel()
        if log is not None:
            log.close()

    async def _from_its_server(self, pod: Pod, log: PodLog) -> None:
        from oavr_tui.clients.log_follow import follow_log_server

        around = self._yard.around
        url = self._yard.setup.service(pod.pod_id, LOG_PORT)
        try:
            await follow_log_server(
                log, url, token=None, sleep=around.sleep, clock=around.monotonic, jitter=random.random
            )
        except OavrError as error:  # a pod without a log is a pod all the same
            log.add(error.message)
            log.other_wanted.set()
        finally:
            log.close()  # the file alone; a line that comes after all opens it again

    async def _from_the_provider(self, pod: Pod, log: PodLog) -> None:
        """What the provider keeps of the log, for as long as the pod's own server does not show it."""
        while True:
            await log.other_wanted.wait()
            reading = asyncio.create_task(self._read_provider(pod, log), name=f"reading-{pod.name}")
            try:
                while log.other_wanted.is_set() and not reading.done():
                    await self._yard.around.sleep(_LOOK_SECONDS)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            if not reading.cancelled():
                return  # the provider has no log, or does not give it

    async def _read_provider(self, pod: Pod, log: PodLog) -> None:
        from oavr_tui.clients.log_follow import follow_source

        around = self._yard.around
        try:
            provider = await self._yard.rental.provider()
            await follow_source(
                log, lambda after: provider.log(pod.pod_id, after), sleep=around.sleep, clock=around.monotonic
            )
        except OavrError as error:
            log.add(error.message)
