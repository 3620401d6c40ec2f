"""What may be rented, and for how much: the settings about machines in a form that the rules can use.

The ids of GPU types are the provider's exact strings (RunPod's reference of GPU types). Prices are not kept
here: they change, and are read live.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from oavr_tui.errors import BadInput
from oavr_tui.settings import DEFAULT_TEMPLATE, CloudChoice, Control, Settings
from oavr_tui.text import safe

DEFAULT_GPUS = (
    "NVIDIA GeForce RTX 4090",
    "NVIDIA L40S",
    "NVIDIA RTX 6000 Ada Generation",
    "NVIDIA RTX A6000",
    "NVIDIA A40",
    "NVIDIA A100 80GB PCIe",
    "NVIDIA A100-SXM4-80GB",
    "NVIDIA H100 PCIe",
    "NVIDIA H100 80GB HBM3",
    "NVIDIA H100 NVL",
)
"""What the InfiniteTalk workflow runs on, the best value first. 24 GB do with part of the model swapped out."""

_SHORT_NAMES: dict[str, tuple[str, ...]] = {
    "RTX 4090": ("NVIDIA GeForce RTX 4090",),
    "RTX 3090": ("NVIDIA GeForce RTX 3090",),
    "RTX 3090 Ti": ("NVIDIA GeForce RTX 3090 Ti",),
    "RTX 5090": ("NVIDIA GeForce RTX 5090",),
    "L4": ("NVIDIA L4",),
    "L40": ("NVIDIA L40",),
    "L40S": ("NVIDIA L40S",),
    "RTX 5000 Ada": ("NVIDIA RTX 5000 Ada Generation",),
    "RTX 6000 Ada": ("NVIDIA RTX 6000 Ada Generation",),
    "A5000": ("NVIDIA RTX A5000",),
    "A6000": ("NVIDIA RTX A6000",),
    "A30": ("NVIDIA A30",),
    "A40": ("NVIDIA A40",),
    "A100": ("NVIDIA A100 80GB PCIe", "NVIDIA A100-SXM4-80GB"),
    "A100 PCIe": ("NVIDIA A100 80GB PCIe",),
    "A100 SXM": ("NVIDIA A100-SXM4-80GB",),
    "H100": ("NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3", "NVIDIA H100 NVL"),
    "H100 PCIe": ("NVIDIA H100 PCIe",),
    "H100 SXM": ("NVIDIA H100 80GB HBM3",),
    "H100 NVL": ("NVIDIA H100 NVL",),
    "H200": ("NVIDIA H200",),
    "B200": ("NVIDIA B200",),
    "RTX PRO 4500": ("NVIDIA RTX PRO 4500 Blackwell",),
    "RTX PRO 6000": (
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
    ),
}

BLACKWELL = re.compile(r"Blackwell|RTX 50[5-9]0|\bG?B[23]00\b", re.IGNORECASE)
"""Matches the ids of the GPU generation that the default template's image (CUDA 12.4) cannot drive."""

_NOISE = re.compile(r"\b(?:nvidia|geforce|generation)\b|[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the person allows. gpus: provider ids, the most wished first.

    volume: a network volume's id or name, or empty for none. template: the provider's id of it.
    price_cap: dollars an hour for one pod. day_cap: dollars a day (UTC) for all. most: pods at a time, 1 or more.
    idle_minutes: until an idle pod is stopped. terminate_after_hours: until a stopped one is deleted; 0 is never.
    auto_start: a pod may be started without asking. control: which way of asking the provider.
    """

    gpus: tuple[str, ...]
    cloud: CloudChoice
    volume: str
    template: str
    price_cap: float
    day_cap: float
    most: int
    idle_minutes: float
    terminate_after_hours: float
    auto_start: bool
    control: Control


def plan_of(settings: Settings) -> Plan:
    """The plan that these settings mean. Raises BadInput, which is a sentence, for a GPU that is not known."""
    try:
        gpus = gpu_ids(settings.pods_gpus) if settings.pods_gpus else DEFAULT_GPUS
    except ValueError as reason:
        raise BadInput(f"pods.gpus = {safe(settings.pods_gpus, 60)} cannot be used: {reason}.") from None
    return Plan(
        gpus=gpus,
        cloud=settings.pods_cloud,
        volume=settings.pods_volume,
        template=settings.pods_template,
        price_cap=settings.pods_price_cap,
        day_cap=settings.pods_day_cap,
        most=settings.pods_most,
        idle_minutes=settings.pods_idle_minutes,
        terminate_after_hours=settings.pods_terminate_after_hours,
        auto_start=settings.pods_start_by_itself,
        control=settings.pods_control,
    )


def gpu_ids(text: str) -> tuple[str, ...]:
    """The provider's ids for GPUs named with commas, in order and without repeats; "A100" means every kind of it.

    Spelling is forgiving: "rtx4090", "GeForce RTX 4090" and the id itself are the same. Raises ValueError with a plain
    reason for a name that is not known, and for a list that names none.
    """
    found: dict[str, None] = {}
    for name in (part.strip() for part in text.split(",")):
        if name:
            found |= dict.fromkeys(_ids_of(name))
    if not found:
        raise ValueError("it names no GPU")
    return tuple(found)


def gpu_name(gpu: str) -> str:
    """A GPU type's short name for people: "RTX 4090" for "NVIDIA GeForce RTX 4090"; an unknown one loses its maker."""
    for name, ids in _SHORT_NAMES.items():
        if ids == (gpu,):
            return name
    return safe(gpu, 60).removeprefix("NVIDIA ").removeprefix("GeForce ") or "unknown GPU"


def runs_on(template: str, gpu: str) -> bool:
    """Whether a template's image can drive a GPU type. Only the default template's limits are known."""
    return template != DEFAULT_TEMPLATE or BLACKWELL.search(gpu) is None


def _ids_of(name: str) -> tuple[str, ...]:
    if ids := _BY_SPELLING.get(_spelling(name)):
        return ids
    near = difflib.get_close_matches(_spelling(name), _NAME_BY_SPELLING, n=1, cutoff=0.5)
    hint = f"; did you mean {_NAME_BY_SPELLING[near[0]]}?" if near else ""
    raise ValueError(f"no GPU named {safe(name, 60)} is known here{hint}")


def _spelling(name: str) -> str:
    return _NOISE.sub("", name.lower())


_NAME_BY_SPELLING = {_spelling(name): name for name in _SHORT_NAMES}
_BY_SPELLING: dict[str, tuple[str, ...]] = {
    **{_spelling(gpu): (gpu,) for ids in _SHORT_NAMES.values() for gpu in ids},
    # Last: a short name may be the same as an id without its maker, and may mean more than that one.
    **{_spelling(name): ids for name, ids in _SHORT_NAMES.items()},
    # Some kinds are also sold under a longer name than their short one here.
    _spelling("RTX A6000"): _SHORT_NAMES["A6000"],
    _spelling("RTX A5000"): _SHORT_NAMES["A5000"],
}
