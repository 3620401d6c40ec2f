"""What is asked of RunPod's REST API: paths, queries and bodies, as its OpenAPI document (version 2.0.0) has them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from oavr_tui.pods import runpod_sentences as say
from oavr_tui.pods.provider import Cloud, Wish

PODS = "/v2/pods"
GPUS = "/v2/catalog/gpus"
VOLUMES = "/v2/network-volumes"
BILLING = "/v2/billing/pods"

ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
"""What an id may be that goes into a path."""

_LOG_BACKLOG = 5_000
"""Lines; the most that RunPod gives of what was logged before."""
_HOURLY_WINDOW = 7 * 86_400.0
"""Seconds; bills from further back are asked by the day, to keep the answer small."""
_YEAR_3000 = 32_503_680_000.0


def usable_id(text: str) -> bool:
    """Whether an id may go into a path: letters, digits, _ and -, at most 64."""
    return re.fullmatch(ID_PATTERN, text) is not None


def pod_path(pod_id: str) -> str:
    """The path of one pod; raises Rejected for what cannot be an id."""
    if not usable_id(pod_id):
        raise say.bad_id()
    return f"{PODS}/{pod_id}"


def stock_in(cloud: Cloud) -> dict[str, str]:
    """The query of the catalogue for one cloud: RunPod reckons stock for one at a time, else for the secure one."""
    return {"include": "AVAILABILITY", "product": "POD", "cloud": cloud.upper()}


def billed_between(since: float, until: float) -> dict[str, str]:
    """The query of the bills for a time (unix seconds); RunPod widens it to whole hours or days.

    Either both ends are named or none: one alone is refused.
    """
    return {
        "startTime": _rfc3339(min(since, until - 1.0)),
        "endTime": _rfc3339(until),
        "bucketSize": "hour" if until - since <= _HOURLY_WINDOW else "day",
    }


def log_from(after: str) -> dict[str, str]:
    """The query of a log: as much as there is of it, unless it goes on from a line (then a header says from which)."""
    return {} if after else {"tail": str(_LOG_BACKLOG)}


def creation(wish: Wish, *, by_memory: bool = True) -> dict[str, Any]:
    """The body of POST /v2/pods. Whatever is in it wins over the template, so it holds only what the template does not
    own. One GPU type: RunPod falls back to no other. by_memory: choose the host by its memory."""
    gpu: dict[str, Any] = {"id": wish.gpu, "count": 1}
    if wish.cuda:
        gpu["minCudaVersion"] = wish.cuda
    if by_memory and wish.min_memory_gb > 0:
        gpu["minRamPerGpu"] = wish.min_memory_gb
    body: dict[str, Any] = {
        "name": wish.name,
        "templateId": wish.template,
        "gpu": gpu,
        "cloud": wish.cloud.upper(),
    }
    if wish.volume:
        body["mounts"] = {"network": [{"volumeId": wish.volume, "path": wish.volume_path}]}
    if wish.data_center:
        body["dataCenterIds"] = [wish.data_center]
    if wish.env:
        body["env"] = dict(wish.env)
    return body


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(min(max(seconds, 0.0), _YEAR_3000), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
