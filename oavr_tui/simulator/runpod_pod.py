"""A pod of the simulated account: what it was made from, what state it is in, what it may do next."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from aiohttp import web

from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.pod_script import BootScript
from oavr_tui.simulator.runpod_catalog import CloudName, GpuType
from oavr_tui.simulator.runpod_log import ProviderLog
from oavr_tui.simulator.runpod_money import Meter


class Status(StrEnum):
    """The words of REST v2."""

    PROVISIONING = "PROVISIONING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    EXITED = "EXITED"
    ERROR = "ERROR"
    TERMINATED = "TERMINATED"


_S = Status
FOLLOWS: dict[Status, frozenset[Status]] = {
    _S.PROVISIONING: frozenset({_S.STARTING, _S.EXITED, _S.ERROR, _S.TERMINATED}),
    _S.STARTING: frozenset({_S.RUNNING, _S.EXITED, _S.ERROR, _S.TERMINATED}),
    _S.RUNNING: frozenset({_S.STARTING, _S.EXITED, _S.ERROR, _S.TERMINATED}),
    _S.EXITED: frozenset({_S.PROVISIONING, _S.STARTING, _S.TERMINATED}),
    _S.ERROR: frozenset({_S.STARTING, _S.EXITED, _S.TERMINATED}),
    _S.TERMINATED: frozenset(),
}
"""Which state may follow which. A stopped pod whose image was never there begins with pulling it."""

ACTIONS: dict[Status, tuple[str, ...]] = {
    _S.PROVISIONING: ("stop", "terminate"),
    _S.STARTING: ("stop", "terminate"),
    _S.RUNNING: ("stop", "restart", "terminate"),
    _S.EXITED: ("start", "terminate"),
    _S.ERROR: ("stop", "restart", "terminate"),
    _S.TERMINATED: (),
}
RENTED = frozenset({_S.PROVISIONING, _S.STARTING, _S.RUNNING, _S.ERROR})
"""States in which it holds a GPU and costs its price: a container that fails does not give the machine back."""


class Machine(Protocol):
    """What stands behind a pod; PodMachine is the real one."""

    async def power_on(self, *, cold: bool) -> None: ...

    async def power_off(self, *, wipe: bool) -> None: ...

    async def handle(self, request: web.Request, port: int, path: str) -> web.StreamResponse: ...

    async def close(self) -> None: ...

    @property
    def log_text(self) -> str: ...

    @property
    def comfy(self) -> ComfySimulator | None: ...


@dataclass(frozen=True, slots=True)
class Order:
    """A pod as it was asked for, the template's part filled in. Sizes in GB; clouds: those that will do, best first.

    volume: GB of its own volume disk; network_volume: an id, or empty. cuda: versions that will do, empty for any.
    """

    name: str
    gpu: str
    count: int
    clouds: tuple[CloudName, ...]
    image: str
    template: str = ""
    args: str = ""
    ports: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    disk: int = 10
    volume: int = 0
    volume_path: str = "/workspace"
    network_volume: str = ""
    data_centers: tuple[str, ...] = ()
    min_memory: float = 0.0
    cuda: tuple[str, ...] = ()
    min_cuda: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """Where a pod is put. price: dollars an hour for all its GPUs."""

    gpu: GpuType
    cloud: CloudName
    data_center: str
    memory_gb: float
    price: float


@dataclass(slots=True, eq=False)
class SimPod:
    """A pod that was made, also after its end. cold: nothing is on its volume yet. Times are unix seconds."""

    id: str
    order: Order
    host: Host
    cuda: str
    boot: BootScript
    machine: Machine
    meter: Meter
    created_at: float
    log: ProviderLog
    name: str = ""
    status: Status = Status.PROVISIONING
    changed_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    end: str = ""
    cold: bool = True
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    rising: asyncio.Task[None] | None = None

    @property
    def keeps_disk(self) -> bool:
        """Whether anything outlives a stop."""
        return self.order.volume > 0 or bool(self.order.network_volume)

    @property
    def gpu_load(self) -> int:
        """Percent: a server that makes a video is busy, any other is not."""
        comfy = self.machine.comfy
        return 97 if comfy is not None and comfy.core.queue.running is not None else 0

    def move(self, status: Status, now: float) -> None:
        """Take the next state. Raises ValueError where the table does not allow it."""
        if status not in FOLLOWS[self.status]:
            raise ValueError(f"{self.status} may not be followed by {status}")
        self.status = status
        self.changed_at = now
        if status is Status.RUNNING:
            self.started_at = now
