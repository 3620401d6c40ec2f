"""What the SDK returns, checked on the way in. Loads pydantic; import it lazily.

One odd field never hides a pod, since a pod that is not seen goes on costing: it counts as not said. What has no usable
id is left out. Every class ignores what it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from oavr_tui.pods.provider import Account, Cloud, CloudPod, CloudState, Offer, Stock, Volume, Wish
from oavr_tui.pods.runpod_address import is_pod_id
from oavr_tui.text import safe

MOST = 5_000
"""More pods, GPU types or volumes than any account has; what goes beyond is left out."""


class Malformed(Exception):
    """An answer that is not what RunPod says."""


def _or_none(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    try:
        return check(value)
    except ValidationError:
        return None


_Dollars = Annotated[Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] | None, WrapValidator(_or_none)]
_Balance = Annotated[Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)] | None, WrapValidator(_or_none)]
_Amount = Annotated[Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] | None, WrapValidator(_or_none)]
_Text = Annotated[Annotated[str, Field(max_length=500)] | None, WrapValidator(_or_none)]
_Id = Annotated[str, Field(min_length=1, max_length=200)]
_Flag = Annotated[bool | None, WrapValidator(_or_none)]


class _Machine(BaseModel):
    gpuDisplayName: _Text = None  # noqa: N815


class _Pod(BaseModel):
    id: _Id
    name: _Text = None
    desiredStatus: _Text = None  # noqa: N815
    costPerHr: _Dollars = None  # noqa: N815
    memoryInGb: _Amount = None  # noqa: N815
    volumeInGb: _Amount = None  # noqa: N815
    lastStatusChange: _Text = None  # noqa: N815
    runtime: Annotated[dict[str, Any] | None, WrapValidator(_or_none)] = None
    machine: Annotated[_Machine | None, WrapValidator(_or_none)] = None


class _Lowest(BaseModel):
    stockStatus: _Text = None  # noqa: N815
    uninterruptablePrice: _Dollars = None  # noqa: N815


class _GpuType(BaseModel):
    id: _Id
    displayName: _Text = None  # noqa: N815
    memoryInGb: _Amount = None  # noqa: N815
    secureCloud: _Flag = None  # noqa: N815
    communityCloud: _Flag = None  # noqa: N815
    securePrice: _Dollars = None  # noqa: N815
    communityPrice: _Dollars = None  # noqa: N815
    lowestPrice: Annotated[_Lowest | None, WrapValidator(_or_none)] = None  # noqa: N815


class _Volume(BaseModel):
    id: _Id
    name: _Text = None
    size: _Amount = None
    dataCenterId: _Text = None  # noqa: N815


class _Money(BaseModel):
    clientBalance: _Balance = None  # noqa: N815
    currentSpendPerHr: _Dollars = None  # noqa: N815
    spendLimit: _Dollars = None  # noqa: N815


_POD = TypeAdapter(_Pod)
_GPU_TYPE = TypeAdapter(_GpuType)
_VOLUME = TypeAdapter(_Volume)

# desiredStatus is what is intended: RUNNING is said at once, and `runtime` is null until the container runs.
_NOT_RUNNING = {
    "CREATED": CloudState.COMING,
    "RESTARTING": CloudState.COMING,
    "EXITED": CloudState.STOPPED,
    "PAUSED": CloudState.STOPPED,
    "DEAD": CloudState.BROKEN,
    "TERMINATED": CloudState.GONE,
}
_UNBILLED = (CloudState.STOPPED, CloudState.GONE)

_STOCK = {"high": Stock.HIGH, "medium": Stock.MEDIUM, "low": Stock.LOW, "none": Stock.NONE}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOMENT = re.compile(r"\b([A-Z][a-z]{2}) (\d{1,2}) (\d{4}) (\d{2}):(\d{2}):(\d{2})(?: GMT([+-]\d{2})(\d{2}))?")
_RFC3339 = re.compile(r"\b(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")

M = TypeVar("M")


def pods(document: object) -> tuple[CloudPod, ...]:
    """The pods of get_pods(). Raises Malformed where it is no list."""
    return tuple(_pod(each) for each in _each(_POD, document) if is_pod_id(each.id))


def pod(document: object) -> CloudPod | None:
    """The pod of get_pod(), None where there is none. Raises Malformed."""
    if document is None:
        return None
    found = pods([document])
    if not found:
        raise Malformed
    return found[0]


def created(document: object, wish: Wish) -> CloudPod:
    """The pod of create_pod(), which says little more than its id. Raises Malformed where there is no id."""
    found = pods([document])
    if not found:
        raise Malformed
    return CloudPod(
        id=found[0].id,
        name=wish.name,
        state=CloudState.COMING,
        gpu=wish.gpu,
        cloud=wish.cloud,
        template=wish.template,
        data_center=wish.data_center,
        volume=wish.volume,
    )


def offers(document: object) -> tuple[Offer, ...]:
    """What `gpuTypes` says, one offer for each cloud that has the type. Raises Malformed."""
    return tuple(offer for each in _each(_GPU_TYPE, document) for offer in _offers(each))


def volumes(document: object) -> tuple[Volume, ...]:
    """The network volumes of get_user(). Raises Malformed."""
    listed = document.get("networkVolumes") if isinstance(document, dict) else document
    found = _each(_VOLUME, [] if listed is None and isinstance(document, dict) else listed)
    return tuple(
        Volume(each.id, safe(each.name or "", 200), int(each.size or 0), safe(each.dataCenterId or "", 60))
        for each in found
    )


def account(document: object) -> Account:
    """What `myself` says of the account's money. Raises Malformed."""
    try:
        money = _Money.model_validate(document)
    except ValidationError:
        raise Malformed from None
    return Account(money.clientBalance, money.currentSpendPerHr, money.spendLimit)


def _each(kind: TypeAdapter[M], document: object) -> Iterator[M]:
    if not isinstance(document, list):
        raise Malformed
    for each in document[:MOST]:
        try:
            yield kind.validate_python(each)
        except ValidationError:
            continue


def _pod(said: _Pod) -> CloudPod:
    state = _NOT_RUNNING.get((said.desiredStatus or "").upper())
    if state is None:
        # A word that is not known may cost money, so it counts as running.
        state = CloudState.COMING if said.runtime is None else CloudState.RUNNING
    return CloudPod(
        id=said.id,
        name=safe(said.name or "", 200),
        state=state,
        gpu=safe((said.machine.gpuDisplayName if said.machine else None) or "", 100),
        per_hour=0.0 if state in _UNBILLED else said.costPerHr or 0.0,
        memory_gb=said.memoryInGb or None,
        volume_gb=said.volumeInGb or 0.0,
        started_at=None if state in _UNBILLED else _moment(said.lastStatusChange or ""),
    )


def _moment(prose: str) -> float | None:
    """The time in "Rented by User: Fri Jul 12 2024 19:14:40 GMT+0000 (…)", unix seconds; None where there is none.

    It may also be written 2024-07-12T19:14:40Z.
    """
    if (written := _RFC3339.search(prose)) is not None:
        try:
            return datetime.fromisoformat(written[1] + "+00:00").timestamp()
        except ValueError:
            return None
    match = _MOMENT.search(prose)
    if match is None or match[1] not in _MONTHS:
        return None
    hours, minutes = int(match[7] or 0), int(match[8] or 0)
    try:
        zone = timezone(timedelta(hours=hours, minutes=-minutes if hours < 0 else minutes)) if match[7] else UTC
        month = _MONTHS.index(match[1]) + 1
        return datetime(
            int(match[3]), month, int(match[2]), int(match[4]), int(match[5]), int(match[6]), tzinfo=zone
        ).timestamp()
    except ValueError:
        return None


def _offers(said: _GpuType) -> Iterator[Offer]:
    for cloud, has, price in (
        (Cloud.COMMUNITY, said.communityCloud, said.communityPrice),
        (Cloud.SECURE, said.secureCloud, said.securePrice),
    ):
        if has:
            yield Offer(
                gpu=safe(said.id, 200),
                name=safe(said.displayName or said.id, 100),
                vram=int(said.memoryInGb or 0),
                cloud=cloud,
                per_hour=price or None,  # 0 stands for "not offered"
                stock=_stock(said.lowestPrice),
            )


def _stock(said: _Lowest | None) -> Stock:
    """Of both clouds together, as GraphQL says it. No word and no price: there is none at present."""
    if said is None or "stockStatus" not in said.model_fields_set:
        return Stock.UNKNOWN
    if said.stockStatus is None:
        return Stock.NONE if said.uninterruptablePrice is None else Stock.UNKNOWN
    return _STOCK.get(said.stockStatus.lower(), Stock.UNKNOWN)
