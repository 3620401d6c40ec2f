"""The machines that a person may choose from, as a table: one row a kind of GPU, with what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oavr_tui.pods.cost import rate
from oavr_tui.pods.plan import Plan, gpu_name, runs_on
from oavr_tui.pods.provider import Cloud, Offer, Stock

LEAST_VRAM = 24
"""GB; below it the model does not fit, whatever is swapped out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of machine. per_hour: dollars. against: why it cannot be had, a few words; empty where it can."""

    offer: Offer
    name: str
    per_hour: float
    against: str = ""

    @property
    def short(self) -> str:
        """The same in as few words as can be."""
        return self.against.removesuffix(" now").partition(" of ")[0].replace("your ", "")


def catalogue(offers: Sequence[Offer], plan: Plan, *, cloud: Cloud | None, on_volume: bool) -> list[Row]:
    """A row for each kind of GPU that can do the work, in its cheaper cloud: what can be had first, of that the
    person's wished kinds first, the rest by price.

    cloud: only this one, None for either. on_volume: it shall be on a network volume, which only the secure cloud has.
    """
    best: dict[str, Row] = {}
    for offer in offers:
        usable = offer.vram >= LEAST_VRAM and runs_on(plan.template, offer.gpu)
        allowed = cloud in (None, offer.cloud) and (not on_volume or offer.cloud is Cloud.SECURE)
        if offer.per_hour is None or offer.per_hour <= 0 or not usable or not allowed:
            continue
        row = Row(offer, gpu_name(offer.gpu), offer.per_hour, _against(offer.per_hour, offer.stock, plan))
        if offer.gpu not in best or _worth(row) < _worth(best[offer.gpu]):
            best[offer.gpu] = row
    order = {gpu: place for place, gpu in enumerate(plan.gpus)}
    return sorted(
        best.values(), key=lambda row: (bool(row.against), order.get(row.offer.gpu, len(order)), row.per_hour)
    )


def _worth(row: Row) -> tuple[bool, float]:
    return bool(row.against), row.per_hour


def _against(per_hour: float, stock: Stock, plan: Plan) -> str:
    if stock is Stock.NONE:
        return "none free now"
    return f"over your cap of {rate(plan.price_cap)}" if per_hour > plan.price_cap else ""
