"""What RunPod's REST API says, checked on the way in and turned into the nouns of provider.py. Loads pydantic.

Rules:
1. Fields that are not known are ignored; a field that cannot be used counts as not said, since a pod must not vanish
   from sight (and go on costing) over an odd price. Only a pod's id must be right: without it nothing can be done.
2. A list of pods is used whole or not at all. Of catalogues and bills, what cannot be used is left out.

Shapes: RunPod's OpenAPI document of the REST API, version 2.0.0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from oavr_tui.pods.provider import Bill, Cloud, CloudPod, CloudState, Offer, Stock, Volume
from oavr_tui.pods.runpod_v2_requests import ID_PATTERN
from oavr_tui.text import safe

MOST_ITEMS = 10_000
"""More of anything than an account has; longer lists are not used."""

_YEAR_3000 = 32_503_680_000.0

_STATES = {
    "PROVISIONING": CloudState.COMING,
    "STARTING": CloudState.COMING,
    "CREATED": CloudState.COMING,
    "RESTARTING": CloudState.COMING,
    "RUNNING": CloudState.RUNNING,
    "EXITED": CloudState.STOPPED,
    "STOPPED": CloudState.STOPPED,
    "PAUSED": CloudState.STOPPED,
    "ERROR": CloudState.BROKEN,
    "DEAD": CloudState.BROKEN,
    "TERMINATED": CloudState.GONE,
}
"""The words of the REST API and the older ones of the same states."""


class Malformed(Exception):
    """An answer that is not what RunPod says."""


def _or_not_said(default: Any) -> WrapValidator:
    """A value that cannot be used counts as not said."""

    def keep(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:
            return default

    return WrapValidator(keep)


CloudId = Annotated[str, Field(pattern=f"^{ID_PATTERN}$")]
LooseId = Annotated[CloudId, _or_not_said("")]
Text = Annotated[str, Field(max_length=2_000), _or_not_said("")]
PerHour = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False), _or_not_said(0.0)]
Price = Annotated[float | None, Field(gt=0, le=1_000, allow_inf_nan=False), _or_not_said(None)]
Dollars = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Gigabytes = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
LooseGigabytes = Annotated[Gigabytes | None, _or_not_said(None)]
Percent = Annotated[float | None, Field(ge=0, le=100, allow_inf_nan=False), _or_not_said(None)]
Flag = Annotated[bool, _or_not_said(False)]


class _PodGpu(BaseModel):
    id: Text = ""
    memory: LooseGigabytes = None


class _Persistent(BaseModel):
    size: LooseGigabytes = None


class _Network(BaseModel):
    volumeId: LooseId = ""  # noqa: N815  (the name on the wire)


class _Mounts(BaseModel):
    persistent: Annotated[_Persistent | None, _or_not_said(None)] = None
    network: Annotated[list[_Network], Field(max_length=100), _or_not_said([])] = []


class _GpuLoad(BaseModel):
    util: Percent = None


class _Runtime(BaseModel):
    gpus: Annotated[list[_GpuLoad], Field(max_length=100), _or_not_said([])] = []


class _Pod(BaseModel):
    id: CloudId
    name: Text = ""
    status: Text = ""
    gpu: Annotated[_PodGpu | None, _or_not_said(None)] = None
    cost: PerHour = 0.0
    cloud: Text = ""
    template: LooseId = ""
    dataCenterId: LooseId = ""  # noqa: N815
    mounts: Annotated[_Mounts | None, _or_not_said(None)] = None
    runtime: Annotated[_Runtime | None, _or_not_said(None)] = None
    createdAt: Text = ""  # noqa: N815
    startedAt: Text = ""  # noqa: N815


class _Pagination(BaseModel):
    hasNextPage: bool = False  # noqa: N815
    nextCursor: Annotated[str | None, Field(max_length=2_000)] = None  # noqa: N815


class _Pods(BaseModel):
    pods: Annotated[list[_Pod], Field(max_length=MOST_ITEMS)]
    pagination: _Pagination | None = None


class _Prices(BaseModel):
    secure: Price = None
    community: Price = None


class _Gpu(BaseModel):
    id: Annotated[str, Field(min_length=1, max_length=120)]
    name: Text = ""
    memory: Gigabytes
    secure: Flag = False
    community: Flag = False
    price: Annotated[_Prices | None, _or_not_said(None)] = None
    availability: Text = ""


class _Volume(BaseModel):
    id: CloudId
    name: Text = ""
    size: Gigabytes
    dataCenter: LooseId = ""  # noqa: N815


class _BillingRecord(BaseModel):
    podId: CloudId  # noqa: N815
    totalAmount: Dollars  # noqa: N815


_Items = Annotated[list[Any], Field(max_length=MOST_ITEMS)]


class _Gpus(BaseModel):
    gpus: _Items


class _Volumes(BaseModel):
    networkVolumes: _Items  # noqa: N815


class _Billing(BaseModel):
    records: Annotated[list[Any], Field(max_length=50 * MOST_ITEMS)]


class _Problem(BaseModel):
    """RFC 9457. errors: what a body broke, one text or object each."""

    title: Text = ""
    detail: Text = ""
    message: Text = ""
    errors: Annotated[list[Any], Field(max_length=1_000), _or_not_said([])] = []


_Model = TypeVar("_Model", bound=BaseModel)


def pod_of(document: object) -> CloudPod:
    """The pod of an answer about one; raises Malformed."""
    return _noun(_checked(_Pod, document))


def pods_of(document: object) -> tuple[tuple[CloudPod, ...], str]:
    """The pods of a page of the list, and where the next page begins (empty: this is the last). Raises Malformed."""
    page = _checked(_Pods, document)
    more = page.pagination is not None and page.pagination.hasNextPage
    cursor = (page.pagination.nextCursor or "") if more and page.pagination is not None else ""
    if more and not cursor:
        raise Malformed  # the rest of the list cannot be had, and a part of it would hide machines that cost
    return tuple(_noun(pod) for pod in page.pods), cursor


def offers_of(document: object, cloud: Cloud) -> Iterator[Offer]:
    """What the catalogue offers in one cloud, for which the stock in it was asked. Raises Malformed.

    A price of nothing counts as not said: no machine is free of charge, and the cheapest is what gets chosen.
    """
    for item in _checked(_Gpus, document).gpus:
        gpu = _maybe(_Gpu, item)
        if gpu is None or safe(gpu.id, 120) != gpu.id:
            continue
        offered = gpu.secure if cloud is Cloud.SECURE else gpu.community
        prices = gpu.price or _Prices()
        per_hour = prices.secure if cloud is Cloud.SECURE else prices.community
        if offered and per_hour is not None:
            yield Offer(
                gpu=gpu.id,
                name=safe(gpu.name, 60) or gpu.id,
                vram=round(gpu.memory),
                cloud=cloud,
                per_hour=per_hour,
                stock=_stock(gpu.availability),
            )


def volumes_of(document: object) -> Iterator[Volume]:
    """The account's network volumes. Raises Malformed."""
    for item in _checked(_Volumes, document).networkVolumes:
        volume = _maybe(_Volume, item)
        if volume is not None:
            yield Volume(volume.id, safe(volume.name, 100), round(volume.size), volume.dataCenter)


def bills_of(document: object) -> tuple[Bill, ...]:
    """What was billed for each pod, over all stretches of time in the answer. Raises Malformed."""
    sums: defaultdict[str, float] = defaultdict(float)
    for item in _checked(_Billing, document).records:
        record = _maybe(_BillingRecord, item)
        if record is not None:
            sums[record.podId] += record.totalAmount
    return tuple(Bill(pod_id, dollars) for pod_id, dollars in sums.items())


def problem_texts(document: object) -> list[str]:
    """The words of a problem's document, the most telling first: what a body broke, the detail, the title."""
    problem = _maybe(_Problem, document) or _Problem()
    broken = [each if isinstance(each, str) else _words(each) for each in problem.errors[:3]]
    return [text[:2_000] for text in (*broken, problem.detail, problem.message, problem.title) if text]


def is_problem(document: object) -> bool:
    """Whether it is RunPod's own way to say that something is wrong, and not a stranger's JSON."""
    problem = _maybe(_Problem, document)
    return problem is not None and bool(problem.title or problem.detail or problem.message or problem.errors)


def moment(text: str) -> float | None:
    """An RFC 3339 time as unix seconds; None where it is none. Without a zone it is UTC."""
    try:
        read = datetime.fromisoformat(text.strip())
        seconds = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < _YEAR_3000 else None


def _noun(pod: _Pod) -> CloudPod:
    mounts = pod.mounts or _Mounts()
    loads = [gpu.util for gpu in (pod.runtime or _Runtime()).gpus if gpu.util is not None]
    cloud = pod.cloud.lower()
    return CloudPod(
        id=pod.id,
        name=safe(pod.name, 200),
        state=_state(pod.status),
        gpu=safe(pod.gpu.id, 120) if pod.gpu else "",
        per_hour=pod.cost,
        cloud=cloud if cloud in (Cloud.SECURE, Cloud.COMMUNITY) else "",
        template=pod.template,
        data_center=pod.dataCenterId,
        memory_gb=pod.gpu.memory if pod.gpu else None,
        volume_gb=(mounts.persistent.size or 0.0) if mounts.persistent else 0.0,
        volume=next((each.volumeId for each in mounts.network if each.volumeId), ""),
        created_at=moment(pod.createdAt),
        started_at=moment(pod.startedAt),
        gpu_load=max(loads, default=None),
    )


def _state(status: str) -> CloudState:
    """A word not known yet counts as coming: it is then watched, and reckoned as costing, which is the safe mistake."""
    return _STATES.get(status.strip().upper(), CloudState.COMING)


def _stock(word: str) -> Stock:
    try:
        return Stock(word.strip().lower())
    except ValueError:
        return Stock.UNKNOWN


def _words(item: object) -> str:
    if not isinstance(item, dict):
        return ""
    return next((item[name] for name in ("message", "detail", "reason") if isinstance(item.get(name), str)), "")


def _checked(model: type[_Model], document: object) -> _Model:
    found = _maybe(model, document)
    if found is None:
        raise Malformed
    return found


def _maybe(model: type[_Model], document: object) -> _Model | None:
    try:
        return model.model_validate(document)
    except ValidationError:
        return None
