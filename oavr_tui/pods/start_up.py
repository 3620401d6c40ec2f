"""Which machine to ask for, whether it may be afforded, and how long each step of its start may take."""

from __future__ import annotations

from collections.abc import Sequence

from oavr_tui.errors import NoFunds, NoGpu
from oavr_tui.models import Pod, PodKind, PodState
from oavr_tui.pods.cost import job_cost, money, rate
from oavr_tui.pods.plan import Plan, gpu_name, runs_on
from oavr_tui.pods.provider import Account, Cloud, Offer, Stock, Volume
from oavr_tui.text import safe

MIN_MEMORY_GB = 48.0
"""What the workflow needs of the host: the text encoder (12 GB) and the model's swapped blocks lie in its memory."""

_LEAST_SECONDS = 600.0
"""A start that the day's money would end within so many seconds is not worth its price."""

DEADLINES: dict[PodState, float] = {
    PodState.ASKED: 300.0,
    PodState.BOOTING: 900.0,
    PodState.FETCHING: 900.0,
    PodState.WARMING: 600.0,
}
"""Seconds without progress after which a start is given up.

ASKED: the provider answers within seconds; where the answer was lost, its list shows the pod within a minute or two.
BOOTING: the image is some 10 GB and is pulled without any sign of life; a slow host needs most of ten minutes.
FETCHING: counted from file to file; the largest is 17 GB, which takes 15 minutes at 19 MB a second, and a host slower
than that would cost more than another one. WARMING: ComfyUI and its node packs are read from a disk that may be cold;
one that has not answered after ten minutes has crashed.
"""


def candidates(offers: Sequence[Offer], plan: Plan, volume: Volume | None) -> list[Offer]:
    """The machines worth asking for, the best first: in the order of the plan's GPUs, of each the cheaper cloud first.

    volume: the network volume that is to be mounted; there are none in the community cloud. Raises NoGpu with a
    sentence on which rule left nothing.
    """
    wished = [offer for offer in offers if offer.gpu in plan.gpus]
    if not wished:
        raise NoGpu(
            f"RunPod lists none of the GPUs that you allow ({_names(plan.gpus)}). Leave the setting pods.gpus empty "
            "for the usual ones."
        )
    usable = [offer for offer in wished if runs_on(plan.template, offer.gpu)]
    if not usable:
        raise NoGpu(
            f"The studio's template cannot drive {_names([offer.gpu for offer in wished])}: its CUDA 12.4 is older "
            "than they are. Allow other GPUs with the setting pods.gpus, or set pods.template to one made for them."
        )
    allowed = [offer for offer in usable if _cloud_allowed(offer.cloud, plan, volume)]
    priced = [offer for offer in allowed if offer.per_hour is not None and offer.per_hour > 0]
    if not priced:
        raise NoGpu(_no_cloud(plan, volume))
    free = [offer for offer in priced if offer.stock is not Stock.NONE]
    chosen = [offer for offer in free if _price(offer) <= plan.price_cap]
    if not chosen:
        raise NoGpu(_none_left(priced, free, plan))
    order = {gpu: place for place, gpu in reversed(list(enumerate(plan.gpus)))}
    return sorted(chosen, key=lambda offer: (order[offer.gpu], _price(offer), offer.cloud))


def affordable(plan: Plan, price: float, spent_today: float, account: Account | None) -> None:
    """Return if a machine of `price` dollars an hour may be started now; raises NoFunds with a sentence if not.

    spent_today: dollars since midnight UTC. The day's cap must leave ten minutes; the account must hold an hour's
    price, which the provider asks for itself. What the account does not say is not held against it.
    """
    least = job_cost(price, _LEAST_SECONDS)
    if plan.day_cap - spent_today < least:
        raise NoFunds(
            f"Your limit of {money(plan.day_cap)} a day does not allow another start: {money(spent_today)} is spent "
            f"since midnight UTC, and 10 minutes at {rate(price)} cost {money(least)}. Wait for the next day, or raise "
            "the setting pods.day_cap."
        )
    balance = account.balance if account is not None else None
    if balance is not None and balance < price:
        raise NoFunds(
            f"Your RunPod account holds {money(max(balance, 0.0))}, and RunPod asks for at least an hour's price "
            f"({rate(price)}) before it starts a machine. Add credit at runpod.io, then try again."
        )


def overdue(pod: Pod, now: float, scale: float = 1.0) -> bool:
    """Whether a start has made no progress for too long. now: unix seconds. scale: makes every deadline longer or
    shorter, above 0. Own addresses and pods that are not starting never are."""
    deadline = DEADLINES.get(pod.state)
    if deadline is None or pod.kind is PodKind.ADDRESS:
        return False
    return now - max(pod.progress_at, pod.state_since) > deadline * scale


def bad_host(memory_gb: float | None) -> str | None:
    """Why a host cannot be used, as a sentence; None where it can, or where its memory (GB) is not known."""
    if memory_gb is None or memory_gb >= MIN_MEMORY_GB:
        return None
    return (
        f"This machine has {memory_gb:.0f} GB of memory, and the model needs {MIN_MEMORY_GB:.0f} GB: it is given back, "
        "and another one is asked for."
    )


def _price(offer: Offer) -> float:
    assert offer.per_hour is not None
    return offer.per_hour


def _cloud_allowed(cloud: Cloud, plan: Plan, volume: Volume | None) -> bool:
    return plan.cloud in ("any", cloud) and (volume is None or cloud is Cloud.SECURE)


def _no_cloud(plan: Plan, volume: Volume | None) -> str:
    if volume is not None and plan.cloud == "community":
        return (
            f"The network volume {safe(volume.name, 40)} can only be used in the secure cloud, and the setting "
            "pods.cloud allows the community cloud alone. Set pods.cloud to any, or leave pods.volume empty."
        )
    where = f"in the {plan.cloud} cloud" if plan.cloud != "any" else "in any cloud"
    if volume is not None:
        where = "in the secure cloud, where your network volume is"
    return (
        f"RunPod names no price for {_names(plan.gpus)} {where} right now. Wait a few minutes, or allow other GPUs "
        "with the setting pods.gpus."
    )


def _none_left(priced: Sequence[Offer], free: Sequence[Offer], plan: Plan) -> str:
    """Why nothing of what has a price may be had: all of it too dear, none of it free, or some of each."""
    cheapest = min(free or priced, key=_price)
    told = f"{gpu_name(cheapest.gpu)} at {rate(_price(cheapest))}"
    cap = rate(plan.price_cap)
    if all(_price(offer) > plan.price_cap for offer in priced):
        return (
            f"Every GPU that fits costs more than your cap of {cap}; the cheapest is {told}. Raise the setting "
            "pods.price_cap, or allow other GPUs with pods.gpus."
        )
    if free:
        return (
            f"No GPU within your cap of {cap} is free right now; the cheapest free one is {told}. Wait a few minutes, "
            "or raise the setting pods.price_cap."
        )
    return (
        "None of the GPUs that you allow is free right now. Wait a few minutes, or allow more of them with the setting "
        "pods.gpus."
    )


def _names(gpus: Sequence[str]) -> str:
    """Short names of GPUs, a few of many."""
    names = list(dict.fromkeys(gpu_name(gpu) for gpu in gpus))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
