"""The books of the simulated account as JSON, for those who want to know what a client really did and spent."""

from __future__ import annotations

from typing import Any, TypedDict

from oavr_tui.simulator.runpod_account import Account
from oavr_tui.simulator.runpod_door import Door
from oavr_tui.simulator.runpod_pod import SimPod


class PodBook(TypedDict):
    """One pod that was ever made. price: dollars an hour while it runs; times: unix seconds, None where not yet.

    billed_seconds: paid at that price, on the account's clock (real seconds times time_scale). dollars: all that it
    has cost, gpu_dollars and storage_dollars its two parts. end: "terminated", "vanished", "no_funds" or empty.
    """

    id: str
    name: str
    gpu: str
    cloud: str
    network_volume: str
    status: str
    price: float
    created_at: float
    started_at: float | None
    ended_at: float | None
    end: str
    billed_seconds: float
    dollars: float
    gpu_dollars: float
    storage_dollars: float


class Books(TypedDict):
    """Everything. dollars: of all pods; creates: how often a pod was asked for, whatever came of it.

    requests: the last ones to either API, oldest first, with at, api, method, path, field, deed and status (None when
    there was no answer); faults: those of the script, each with how often it has matched.
    """

    now: float
    balance: float
    per_hour: float
    dollars: float
    creates: int
    pods: list[PodBook]
    requests: list[dict[str, Any]]
    faults: list[dict[str, Any]]


def books(account: Account, door: Door) -> Books:
    """The books at this moment."""
    account.settle()
    now = account.now()
    requests = [each.as_json() for each in door.seen]
    pods = [_pod(pod, now) for pod in account.all_pods()]
    return {
        "now": now,
        "balance": account.balance_at(now),
        "per_hour": account.per_hour,
        "dollars": sum(pod["dollars"] for pod in pods),
        "creates": door.creates,
        "pods": pods,
        "requests": requests,
        "faults": account.faults.as_json(),
    }


def _pod(pod: SimPod, now: float) -> PodBook:
    meter = pod.meter
    return {
        "id": pod.id,
        "name": pod.name,
        "gpu": pod.host.gpu.id,
        "cloud": pod.host.cloud,
        "network_volume": pod.order.network_volume,
        "status": pod.status.value,
        "price": pod.host.price,
        "created_at": pod.created_at,
        "started_at": pod.started_at,
        "ended_at": pod.ended_at,
        "end": pod.end,
        "billed_seconds": meter.billed_seconds(now),
        "dollars": meter.dollars(now),
        "gpu_dollars": meter.dollars(now, kind="gpu"),
        "storage_dollars": meter.dollars(now, kind="storage"),
    }
