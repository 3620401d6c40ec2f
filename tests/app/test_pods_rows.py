"""What the Pods screen says of each pod, the table of machines, and a saved log: without a screen."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from oavr_tui.app.screens.pods_rows import Facts, in_order, money_line, name_width, plain, pod_pieces, span
from oavr_tui.engine.events import PodStepped, Step
from oavr_tui.engine.log_copy import copy_log, free_name
from oavr_tui.engine.spending import PodCost, Spending
from oavr_tui.models import Pod, PodKind, PodState, PodWish
from oavr_tui.pods.catalogue import catalogue
from oavr_tui.pods.plan import DEFAULT_GPUS, plan_of
from oavr_tui.pods.provider import Cloud, Offer, Stock
from oavr_tui.redact import Redactor
from oavr_tui.settings import Settings

NOW = 1_800_000_000.0
POD = Pod(
    "p1",
    "studio-1",
    PodKind.RUNPOD,
    PodState.READY,
    NOW - 3000,
    NOW,
    pod_id="abc123def456",
    gpu_name="RTX 4090",
    cloud="community",
    per_hour=0.34,
    storage_per_hour=0.0274,
)
FACTS = Facts(NOW, {}, {"p1": PodCost("p1", "studio-1", 0.34, NOW - 2520, 0.238)}, {}, {"p1": NOW + 720})


@pytest.mark.parametrize(
    ("pod", "facts", "said"),
    [
        (POD, FACTS, ["● studio-1", "Running", "Idle · stops in 12 min", "$0.34/h · 42m · $0.24 so far"]),
        (POD, replace(FACTS, videos={"p1": 1}), ["Busy · 1 video"]),
        (POD, replace(FACTS, videos={"p1": 3}), ["Busy · 3 videos"]),
        (POD, replace(FACTS, chosen="studio-1"), ["▸ next video"]),
        (replace(POD, asked=PodWish.STOP), FACTS, ["Stop asked for"]),
        (
            replace(POD, state=PodState.FETCHING),
            replace(
                FACTS, steps={"p1": PodStepped("p1", "", Step.FETCHING, "Fetching the video engine: 11 of 17 files")}
            ),
            ["◐ studio-1", "Starting", "Fetching 11 of 17 files"],
        ),
        (replace(POD, state=PodState.ASKED, pod_id=""), FACTS, ["Asked for", "Asking for a machine"]),
        (
            replace(POD, state=PodState.STOPPED),
            replace(FACTS, due={"p1": NOW + 22 * 3600}),
            ["○ studio-1", "Stopped", "deleted in 22 h unless used", "$0.03/h storage"],
        ),
        (
            replace(POD, state=PodState.STOPPED),
            replace(FACTS, due={}, deletes=False),
            ["○ studio-1", "Stopped", "stays until you delete it, as the settings say", "$0.03/h storage"],
        ),
        (
            replace(POD, state=PodState.STOPPED),
            replace(FACTS, due={}),
            ["○ studio-1", "Stopped", "kept while a video needs it"],
        ),
        (replace(POD, found=True), replace(FACTS, due={}), ["not started here", "$0.34/h"]),
        (
            replace(POD, kind=PodKind.ADDRESS, url="http://10.0.0.2:8188", name="home"),
            FACTS,
            ["◆ home", "Your own", "http://10.0.0.2:8188", "costs nothing here"],
        ),
    ],
)
def test_a_pod_in_two_lines(pod: Pod, facts: Facts, said: list[str]) -> None:
    text = plain(pod, facts)
    for words in said:
        assert words in text
    assert "abc123def456" not in text


@pytest.mark.parametrize("width", [20, 51, 61, 101])
def test_a_hostile_name_takes_no_more_room_than_there_is(width: int) -> None:
    pod = replace(POD, name="[b]漢字\x1b[2J\u202e" * 9, gpu_name="x" * 99)
    for line in (0, 1):
        pieces = pod_pieces(pod, FACTS, line, width, name_width([pod]))
        text = "".join(text for text, _look in pieces)
        assert not {"\x1b", "\u202e"} & set(text)
    first = "".join(text for text, _look in pod_pieces(pod, FACTS, 0, max(width, 40), name_width([pod])))
    assert cell_len(first) <= max(width, 40)


def test_the_order_of_the_list() -> None:
    own = replace(POD, id="a", kind=PodKind.ADDRESS, created_at=0)
    found, young = replace(POD, id="b", found=True, created_at=1), replace(POD, id="c", created_at=NOW)
    assert [pod.id for pod in in_order([own, found, young, POD])] == ["p1", "c", "a", "b"]


def test_spans() -> None:
    assert [span(seconds) for seconds in (-5, 20, 60, 725, 7199, 7200, 80_000)] == [
        "under 1 min",
        "under 1 min",
        "1 min",
        "12 min",
        "2 h",
        "2 h",
        "22 h",
    ]


def test_money_in_whatever_room_there_is() -> None:
    spending = Spending(0.34, 0.0, 0.42, 5.0, 3.1, 21.3, 39_600.0, (), ())
    whole = "$0.42 of $5.00 spent today · balance $21.30, lasts about 11 hours · $3.10 in 30 days"
    assert money_line(spending, True, 100) == whole
    assert money_line(spending, True, len(whole) - 1) == whole.removesuffix(" · $3.10 in 30 days")
    assert money_line(spending, True, 60) == "$0.42 of $5.00 spent today · balance $21.30, about 11 hours"
    assert money_line(spending, True, 50) == "$0.42 of $5.00 spent today · balance $21.30"
    assert money_line(spending, True, 5) == "$0.42 of $5.00 spent today"
    assert "lasts" not in money_line(replace(spending, runway_seconds=None), True, 100)
    assert "balance not available" in money_line(replace(spending, balance=None), True, 100)
    assert "no RunPod key yet" in money_line(spending, False, 100)
    assert money_line(None, True, 100) == ""


def offer(gpu: str, cloud: Cloud, per_hour: float | None, stock: Stock = Stock.HIGH, vram: int = 24) -> Offer:
    return Offer(gpu, gpu, vram, cloud, per_hour, stock)


def test_the_table_of_machines() -> None:
    plan = plan_of(Settings(videos_folder=""))
    first, second = DEFAULT_GPUS[:2]
    offers = [
        offer("NVIDIA RTX A5000", Cloud.COMMUNITY, 0.16),
        offer(second, Cloud.COMMUNITY, 0.79, Stock.NONE),
        offer(second, Cloud.SECURE, 0.86),
        offer(first, Cloud.SECURE, 0.69),
        offer(first, Cloud.COMMUNITY, 0.34),
        offer("NVIDIA H100 PCIe", Cloud.SECURE, 2.89),
        offer("NVIDIA A40", Cloud.SECURE, None),
        offer("NVIDIA RTX A2000", Cloud.SECURE, 0.1, vram=6),
        offer("NVIDIA GeForce RTX 5090", Cloud.SECURE, 0.5),
    ]
    rows = catalogue(offers, plan, cloud=None, on_volume=False)
    assert [(row.offer.gpu, row.per_hour) for row in rows] == [
        (first, 0.34),
        (second, 0.86),
        ("NVIDIA RTX A5000", 0.16),
        ("NVIDIA H100 PCIe", 2.89),
    ]
    assert [row.against for row in rows] == ["", "", "", "over your cap of $1.00/h"]
    assert rows[-1].short == "over cap"
    on_volume = catalogue(offers, plan, cloud=None, on_volume=True)
    assert {row.offer.cloud for row in on_volume} == {Cloud.SECURE}
    community = catalogue(offers, plan, cloud=Cloud.COMMUNITY, on_volume=False)
    assert [(row.offer.gpu, row.short) for row in community][-1] == (second, "none free")


def test_a_log_is_copied_whole_and_clean(tmp_path: Path) -> None:
    from oavr_tui.clients.log_file import older

    log, redact = tmp_path / "pod.log", Redactor()
    redact.know_pod("abc123def456")
    older(log).write_text("first\n")
    log.write_text("second \x1b[31mred\x07\nkey rpa_ABCDEFGHIJ at abc123def456\nlast without an end")
    target = free_name(tmp_path, "studio.log")
    assert copy_log(log, target, redact) == 4
    text = target.read_text()
    assert text.splitlines()[:2] == ["first", "second red"]
    assert "ABCDEFGHIJ" not in text and "abc123def456" not in text
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert free_name(tmp_path, "studio.log").name == "studio-2.log"
    with pytest.raises(FileExistsError):
        copy_log(log, target, redact)
    with pytest.raises(FileNotFoundError):
        copy_log(tmp_path / "none.log", tmp_path / "x", redact)


def test_a_narrow_row_of_a_stopped_studio_says_less_but_cuts_no_word() -> None:
    pieces = pod_pieces(replace(POD, state=PodState.STOPPED), replace(FACTS, due={}, deletes=False), 0, 60, 8)
    assert "".join(text for text, _look in pieces).rstrip().endswith("stays until you delete it")
