"""What `oavr-tui pods` shows, as records for scripts and as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oavr_tui.models import Pod, PodKind, PodState
from oavr_tui.redact import mask_id
from oavr_tui.text import clock, safe, safe_url

if TYPE_CHECKING:
    from oavr_tui.engine.spending import PodCost, Spending
    from oavr_tui.pods.plan import Plan
    from oavr_tui.pods.provider import Offer

_GLYPHS = {PodState.READY: "●", PodState.STOPPED: "○", PodState.STOPPING: "◐", PodState.TERMINATING: "◐"}


def pod_record(pod: Pod, cost: PodCost, now: float, jobs: int) -> dict[str, Any]:
    """A studio as `pods list --json` shows it. Its id at the provider is masked: who knows it can reach the machine."""
    return {
        "name": pod.name,
        "kind": pod.kind.value,
        "state": pod.state.value,
        "pod_id": mask_id(pod.pod_id) if pod.pod_id else None,
        "address": safe_url(pod.url) if pod.kind is PodKind.ADDRESS else None,
        "gpu": pod.gpu_name or None,
        "cloud": pod.cloud or None,
        "per_hour": pod.per_hour if pod.billed else 0.0,
        "storage_per_hour": pod.storage_per_hour,
        "running_seconds": round(cost.uptime(now)),
        "cost": round(cost.spent, 4),
        "jobs": jobs,
        "started_here": not pod.found,
        "note": pod.note or None,
    }


def pod_line(record: dict[str, Any]) -> str:
    """The same as one line."""
    glyph = _GLYPHS.get(PodState(record["state"]), "◐")
    start = f"{glyph} {safe(record['name']):<14} {record['state']:<11}"
    if record["kind"] == PodKind.ADDRESS.value:
        return f"{start} {record['address']} · your own, costs nothing here"
    parts = [safe(record["gpu"] or "")]
    if record["per_hour"]:
        parts += [f"${record['per_hour']:.2f}/h", clock(record["running_seconds"])]
    elif record["state"] == PodState.STOPPED.value and record["storage_per_hour"]:
        parts.append(f"${record['storage_per_hour']:.3f}/h storage")
    parts.append(f"${record['cost']:.2f} so far")
    parts.append(f"busy, {record['jobs']} job" if record["jobs"] else "")
    parts.append("" if record["started_here"] else "not started here")
    return f"{start} " + " · ".join(part for part in parts if part)


def offer_records(offers: Sequence[Offer], plan: Plan) -> list[dict[str, Any]]:
    """What can be rented, the wished kinds first. allowed: whether the settings let it be started by itself."""
    order = {gpu: place for place, gpu in enumerate(plan.gpus)}
    ranked = sorted(
        (offer for offer in offers if offer.per_hour is not None),
        key=lambda offer: (order.get(offer.gpu, len(order)), offer.per_hour or 0.0, offer.name),
    )
    return [
        {
            "gpu": offer.gpu,
            "name": offer.name,
            "vram_gb": offer.vram,
            "cloud": offer.cloud.value,
            "per_hour": offer.per_hour,
            "stock": offer.stock.value,
            "allowed": offer.gpu in order and (offer.per_hour or 0.0) <= plan.price_cap,
        }
        for offer in ranked
    ]


def offer_line(record: dict[str, Any]) -> str:
    """The same as one line."""
    mark = "*" if record["allowed"] else " "
    return (
        f"{mark} {safe(record['name'], 28):<28} {record['vram_gb']:>4} GB  {record['cloud']:<10} "
        f"${record['per_hour']:.2f}/h  {record['stock']}"
    )


def cost_record(spending: Spending) -> dict[str, Any]:
    """Everything about money as `pods cost --json` shows it, in dollars and seconds."""
    return {
        "per_hour": round(spending.per_hour_now, 4),
        "storage_per_hour": round(spending.storage_per_hour, 4),
        "today": round(spending.today, 4),
        "day_cap": spending.day_cap,
        "month": round(spending.month, 4),
        "studios": {name: round(dollars, 4) for name, dollars in spending.per_pod},
        "jobs": dict(spending.per_job),
        "balance": spending.balance,
        "balance_lasts_seconds": spending.runway_seconds,
    }


def cost_lines(report: dict[str, Any]) -> list[str]:
    """The same as lines."""
    from oavr_tui.pods.cost import lasting

    balance, lasts = report["balance"], report["balance_lasts_seconds"]
    lines = [
        f"Now         ${report['per_hour']:.2f}/h"
        + (f" and ${report['storage_per_hour']:.3f}/h storage" if report["storage_per_hour"] else ""),
        f"Today       ${report['today']:.2f} of at most ${report['day_cap']:.2f} (UTC day)",
        f"30 days     ${report['month']:.2f}",
        "Balance     " + ("not available" if balance is None else f"${balance:.2f}"),
    ]
    if lasts is not None:
        lines.append(f"It lasts    {lasting(lasts)} at what the account spends now")
    lines += [f"  {safe(name):<12} ${dollars:.2f}" for name, dollars in report["studios"].items()]
    return lines


def gpu_id(given: str) -> str:
    """The provider's id for a GPU as a person names it. Raises BadInput with the nearest one."""
    from oavr_tui.errors import BadInput
    from oavr_tui.pods.plan import gpu_ids

    try:
        return gpu_ids(given)[0]
    except ValueError as reason:
        raise BadInput(f"--gpu {safe(given, 60)} cannot be used: {reason}.") from None
