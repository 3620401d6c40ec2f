"""What the Pods screen says about each pod and about money, as pieces of text; it only reads what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from oavr_tui.app.frame import duration
from oavr_tui.app.job_words import step_words
from oavr_tui.app.widgets.line_list import Piece
from oavr_tui.engine.events import PodStepped
from oavr_tui.engine.spending import PodCost, Spending
from oavr_tui.models import Pod, PodKind, PodState, PodWish
from oavr_tui.pods.cost import lasting, money, rate, storage_rate
from oavr_tui.text import safe, safe_url

_NAME_CELLS = 18
_HOURS_FROM = 120

_MARKS: dict[PodState, tuple[str, str, str]] = {
    PodState.ASKED: ("◐", "Asked for", "warn"),
    PodState.BOOTING: ("◐", "Starting", "warn"),
    PodState.FETCHING: ("◐", "Starting", "warn"),
    PodState.WARMING: ("◐", "Starting", "warn"),
    PodState.READY: ("●", "Running", "good"),
    PodState.STOPPING: ("◑", "Stopping", "warn"),
    PodState.STOPPED: ("○", "Stopped", "dim"),
    PodState.TERMINATING: ("◑", "Deleting", "warn"),
    PodState.GONE: ("✘", "Gone", "bad"),
}
"""A pod's state as a sign, a word and a look."""

_WISHES = {PodWish.START: "Start asked for", PodWish.STOP: "Stop asked for", PodWish.TERMINATE: "Deletion asked for"}


_AS_SET = ", as the settings say"
"""What is left out first in a narrow row."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is the case around the pods, by their ids. now: unix seconds. videos: how many are being made on it.

    due: when it is stopped or deleted if nothing changes (unix seconds). deletes: stopped ones are deleted after a
    while, by the settings. chosen: the name of the pod where the next
    full video goes, empty for whichever is free.
    """

    now: float
    steps: Mapping[str, PodStepped]
    costs: Mapping[str, PodCost]
    videos: Mapping[str, int]
    due: Mapping[str, float]
    chosen: str = ""
    deletes: bool = True


def pod_pieces(pod: Pod, facts: Facts, line: int, width: int, name_cells: int) -> list[Piece]:
    """One of the two lines of a pod. name_cells: the width of the names' column."""
    if line:
        return [("    ", ""), *_second(pod, facts, width - 4)]
    sign, word, look = _mark(pod)
    name = set_cell_size(_cut(safe(pod.name, 60), name_cells), name_cells)
    mark = "  ▸ next video" if facts.chosen and facts.chosen == pod.name else ""
    room = max(width - name_cells - 14 - cell_len(mark), 0)
    whole = _doing(pod, facts)
    doing = _cut(whole if cell_len(whole) <= room else whole.removesuffix(_AS_SET), room)
    return [(f"{sign} ", look), (f"{name}  ", "strong"), (f"{word:<9} ", look), (doing, ""), (mark, "accent")]


def name_width(pods: Sequence[Pod]) -> int:
    """Cells for the column of the names."""
    return min(max((cell_len(safe(pod.name, 60)) for pod in pods), default=8), _NAME_CELLS)


def plain(pod: Pod, facts: Facts) -> str:
    """Both lines without looks."""
    lines = (pod_pieces(pod, facts, line, 200, _NAME_CELLS) for line in (0, 1))
    return "\n".join("".join(text for text, _look in pieces).rstrip() for pieces in lines)


def _mark(pod: Pod) -> tuple[str, str, str]:
    if pod.kind is PodKind.ADDRESS:
        return "◆", "Your own", "accent"
    return _MARKS[pod.state]


def _doing(pod: Pod, facts: Facts) -> str:
    """What it is at: its step, its work, or how long until it is stopped or deleted."""
    if pod.asked in _WISHES:
        return _WISHES[pod.asked]
    if pod.starting:
        step = facts.steps.get(pod.id)
        if step is None:
            return "Asking for a machine" if not pod.pod_id else ""
        return step_words(step)
    if count := facts.videos.get(pod.id, 0):
        return "Busy · 1 video" if count == 1 else f"Busy · {count} videos"
    due = facts.due.get(pod.id)
    if pod.state is PodState.READY and pod.kind is PodKind.RUNPOD and not pod.found:
        return f"Idle · stops in {span(due - facts.now)}" if due is not None else "Idle"
    if pod.state is PodState.STOPPED and not pod.found:
        if due is not None:
            return f"deleted in {span(due - facts.now)} unless used"
        return "kept while a video needs it" if facts.deletes else f"stays until you delete it{_AS_SET}"
    return ""


def _second(pod: Pod, facts: Facts, width: int) -> list[Piece]:
    """The machine and its money, as much as there is room for, or where an own address is."""
    if pod.kind is PodKind.ADDRESS:
        return [(safe_url(pod.url), ""), (" · costs nothing here", "dim")]
    parts: list[Piece] = [("not started here", "warn")] if pod.found else []
    cost = facts.costs.get(pod.id)
    machine = [safe(pod.gpu_name, 30), pod.cloud.capitalize()]
    if pod.gpu_name or pod.cloud:
        parts.append((" · ".join(part for part in machine if part), "dim"))
    if pod.billed and pod.per_hour:
        parts.append((rate(pod.per_hour), "money"))
        if cost is not None and cost.running_since is not None:
            parts.append((duration(cost.uptime(facts.now)), ""))
    elif pod.state is PodState.STOPPED:
        price = f"{storage_rate(pod.storage_per_hour)} storage" if pod.storage_per_hour else "costs nothing here"
        parts.append((price, "money" if pod.storage_per_hour else "dim"))
    if cost is not None and cost.spent:
        parts.append((f"{money(cost.spent)} so far", "dim"))
    while len(parts) > 1 and cell_len(" · ".join(text for text, _look in parts)) > width:
        parts.pop()
    return _joined(parts)


def _joined(parts: Sequence[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for part in parts:
        joined += [(" · ", "dim"), part] if joined else [part]
    return joined


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)) + "…" * (width > 0)


def span(seconds: float) -> str:
    """A stretch of time in whole minutes or hours, as it is counted down: under 1 min, 12 min, 22 h."""
    minutes = max(round(seconds / 60), 0)
    if minutes < 1:
        return "under 1 min"
    return f"{minutes} min" if minutes < _HOURS_FROM else f"{round(minutes / 60)} h"


def money_line(spending: Spending | None, has_key: bool, width: int) -> str:
    """What was spent, and how long the rest lasts; as much of it as there is room for."""
    if spending is None:
        return ""
    today = f"{money(spending.today)} of {money(spending.day_cap)} spent today"
    month = f"{money(spending.month)} in 30 days"
    if not has_key:
        balances = ["no RunPod key yet"]
    elif spending.balance is None:
        balances = ["balance not available"]
    else:
        balances = [f"balance {money(spending.balance)}"]
        if spending.runway_seconds is not None:
            lasts = lasting(spending.runway_seconds)
            balances = [f"{balances[0]}, lasts {lasts}", f"{balances[0]}, {lasts}", balances[0]]
    wordings = [[today, balances[0], month], *([today, balance] for balance in balances), [today]]
    lines = [" · ".join(parts) for parts in wordings]
    return next((line for line in lines if cell_len(line) <= width), lines[-1])


def in_order(pods: Sequence[Pod]) -> list[Pod]:
    """As they are listed: rented here, then own addresses, then what was not started here; the oldest first."""
    return sorted(pods, key=lambda pod: (pod.found, pod.kind is PodKind.ADDRESS, pod.created_at, pod.id))
