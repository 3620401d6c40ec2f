"""The account by itself: its states under any order of deeds, and its money to the last digit."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.simulator.comfyui import ComfySimulator
from oavr_tui.simulator.pod_script import BootScript
from oavr_tui.simulator.runpod_account import Account
from oavr_tui.simulator.runpod_catalog import CloudName
from oavr_tui.simulator.runpod_money import STORAGE_PER_GB, Meter, Purse
from oavr_tui.simulator.runpod_pod import ACTIONS, RENTED, Machine, Order, SimPod, Status
from oavr_tui.simulator.runpod_refusals import NO_CAPACITY, NO_FUNDS, NOT_FREE, Refusal
from oavr_tui.simulator.runpod_script import Script
from tests.simulator.virtual_time import VirtualTime

GPU = "NVIDIA GeForce RTX 4090"
PRICE = 0.34
SECURE_PRICE = 0.69


class Switch:
    """A machine of which only the switch is there; it minds being switched in a way that makes no sense."""

    def __init__(self) -> None:
        self.on = self.closed = self.files = False
        self.log_text = ""
        self.comfy: ComfySimulator | None = None

    async def power_on(self, *, cold: bool) -> None:
        assert not self.on and not self.closed
        assert cold or self.files
        await asyncio.sleep(0)
        self.on = self.files = True

    async def power_off(self, *, wipe: bool) -> None:
        await asyncio.sleep(0)
        self.on = False
        self.files = self.files and not wipe

    async def handle(self, request: web.Request, port: int, path: str) -> web.StreamResponse:
        raise web.HTTPNotFound

    async def close(self) -> None:
        self.closed = True


class Bench:
    """An account in a time of its own."""

    def __init__(self, **script: Any) -> None:
        self.time = VirtualTime()
        self.switches: dict[str, Switch] = {}
        ids = itertools.count()
        self.account = Account(
            Script.model_validate({"balance": 1e6, "pull_seconds": 10, "start_seconds": 5, **script}),
            self._machine,
            now=lambda: self.time.now,
            sleep=self.time.sleep,
            new_id=lambda: f"pod{next(ids)}",
        )

    def _machine(self, pod_id: str, volume: str, boot: BootScript) -> Machine:
        self.switches[pod_id] = Switch()
        return self.switches[pod_id]

    def create(self, **more: Any) -> SimPod:
        order = {"name": "one", "gpu": GPU, "count": 1, "clouds": ("community",), "image": "x", "volume": 100}
        return self.account.create(Order(**{**order, **more}))


def refused(deed: Any, *arguments: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        deed(*arguments)
    return caught.value


async def test_the_life_of_a_pod_and_what_it_costs() -> None:
    bench = Bench(balance=100)
    account = bench.account
    pod = bench.create()
    switch = bench.switches[pod.id]
    assert (pod.status, pod.meter.per_hour) == (Status.PROVISIONING, PRICE)
    await bench.time.advance(10)
    assert (pod.status, switch.on) == (Status.STARTING, False)
    await bench.time.advance(5)
    assert (pod.status, switch.on, pod.started_at) == (Status.RUNNING, True, 15)
    await bench.time.advance(3585)
    assert pod.meter.dollars(bench.time.now) == pytest.approx(PRICE)
    account.stop(pod.id)
    assert pod.meter.per_hour == 100 * STORAGE_PER_GB
    await bench.time.advance(7200)
    assert (pod.status, switch.on, switch.files) == (Status.EXITED, False, True)
    assert pod.meter.dollars(bench.time.now, kind="storage") == pytest.approx(2 * 100 * 0.2 / 730)
    account.start(pod.id)
    assert pod.status is Status.STARTING  # its image is there
    await bench.time.advance(5)
    assert switch.on
    account.terminate(pod.id)
    total = PRICE + PRICE * 5 / 3600 + 2 * 100 * 0.2 / 730
    await bench.time.advance(99_999)
    assert (switch.on, switch.files, switch.closed) == (False, False, True)
    assert account.balance == pytest.approx(100 - total, abs=1e-12)
    assert account.pod(pod.id) is None
    await account.close()


async def test_a_stop_while_it_comes_up_is_a_stop() -> None:
    bench = Bench()
    pod = bench.create()
    await bench.time.advance(12)
    bench.account.stop(pod.id)
    await bench.time.advance(100)
    assert (pod.status, bench.switches[pod.id].on) == (Status.EXITED, False)
    bench.account.start(pod.id)
    assert not bench.switches[pod.id].files
    await bench.time.advance(14)
    assert pod.status is Status.STARTING  # its image had to be pulled first
    await bench.time.advance(1)
    assert bench.switches[pod.id].on
    await bench.account.close()


async def test_without_a_disk_of_its_own_nothing_is_left_after_a_stop() -> None:
    bench = Bench()
    pod = bench.create(volume=0)
    await bench.time.advance(15)
    bench.account.stop(pod.id)
    await bench.time.advance(1)
    assert not bench.switches[pod.id].files
    assert pod.meter.per_hour == 0
    await bench.account.close()


async def test_machines_that_are_left() -> None:
    bench = Bench(capacity={GPU: {"community": 1, "secure": 1}}, stock={GPU: "LOW"})
    account = bench.account
    gpu = account.script.gpu(GPU)
    assert gpu is not None
    both: tuple[CloudName, ...] = ("community", "secure")
    one = bench.create(clouds=both)
    two = bench.create(clouds=both)
    assert (one.host.cloud, two.host.cloud, two.host.price) == ("community", "secure", SECURE_PRICE)
    assert refused(lambda: bench.create(clouds=both)).reason is NO_CAPACITY
    assert account.market.stock(gpu, both) == "NONE"
    account.stop(one.id)
    assert account.market.stock(gpu, both) == "LOW"
    three = bench.create()
    assert refused(account.start, one.id).reason is NOT_FREE
    assert one.status is Status.EXITED
    account.terminate(three.id)
    account.start(one.id)
    account.vanish(one.id)
    assert refused(lambda: bench.create()).reason is NO_CAPACITY  # its host is dead
    await account.close()


async def test_a_stopped_pod_may_keep_its_machine() -> None:
    bench = Bench(capacity={GPU: {"community": 1}}, stop_keeps_gpu=True)
    pod = bench.create()
    bench.account.stop(pod.id)
    assert refused(lambda: bench.create()).reason is NO_CAPACITY
    bench.account.start(pod.id)
    bench.account.terminate(pod.id)
    bench.create()
    await bench.account.close()


async def test_hosts_have_the_memory_and_the_cuda_that_the_script_says() -> None:
    bench = Bench(host_memory_gb=[16, 32, 128, 24], host_cuda="12.8")
    assert [bench.create(min_memory=least).host.memory_gb for least in (0, 48, 0, 0)] == [16, 128, 24, 24]
    assert refused(lambda: bench.create(min_memory=48)).reason is NO_CAPACITY
    assert refused(lambda: bench.create(min_cuda="12.9")).reason is NO_CAPACITY
    assert refused(lambda: bench.create(cuda=("12.9", "13.0"))).reason is NO_CAPACITY
    bench.create(cuda=("12.4", "12.9"), min_cuda="12.8")
    await bench.account.close()


async def test_network_volumes_are_in_one_place_of_the_secure_cloud() -> None:
    bench = Bench(volumes=[{"id": "vol1", "data_center": "EU-RO-1"}])
    secure: dict[str, Any] = {"network_volume": "vol1", "volume": 0, "clouds": ("community", "secure")}
    pod = bench.create(**secure)
    assert (pod.host.cloud, pod.host.data_center) == ("secure", "EU-RO-1")
    for wrong in (
        {"clouds": ("community",)},
        {"data_centers": ("US-KS-2",)},
        {"network_volume": "vol2"},
        {"data_centers": ("MARS",)},
    ):
        assert refused(lambda more=wrong: bench.create(**{**secure, **more})).reason.status in (400, 422)
    await bench.time.advance(15)
    bench.account.terminate(pod.id)
    await bench.time.advance(1)
    assert bench.switches[pod.id].files  # of the volume
    await bench.account.close()


async def test_credit_for_an_hour_is_needed_and_nothing_is_left_without() -> None:
    bench = Bench(balance=0.33, volumes=[{"id": "vol1"}])
    account = bench.account
    assert refused(lambda: bench.create()).reason is NO_FUNDS
    account.set_balance(2)
    with_volume = bench.create(network_volume="vol1", volume=0, clouds=("secure",))
    without, stopped = bench.create(), bench.create()
    account.stop(stopped.id)
    spend = SECURE_PRICE + PRICE + 100 * STORAGE_PER_GB
    assert account.per_hour == pytest.approx(spend)
    await bench.time.advance(2 / spend * 3600 + 1000)
    account.settle()
    assert (with_volume.status, without.status, stopped.status) == (
        Status.EXITED,
        Status.TERMINATED,
        Status.TERMINATED,
    )
    assert without.end == "no_funds"
    assert without.ended_at == pytest.approx(2 / spend * 3600)
    assert account.balance == pytest.approx(0, abs=1e-9)
    assert refused(account.start, with_volume.id).reason is NO_FUNDS
    await account.close()


async def test_money_runs_faster_than_time_and_delays_are_its_owners() -> None:
    bench = Bench(time_scale=3600)
    pod = bench.create()
    await bench.time.advance(2)
    assert pod.meter.billed_seconds(bench.time.now) == pytest.approx(7200)
    assert pod.meter.dollars(bench.time.now) == pytest.approx(2 * PRICE)
    with pytest.raises(BadInput):
        bench.account.replace_script(Script(time_scale=1))
    bench.account.replace_script(Script(balance=7))
    assert bench.account.script.time_scale == 3600
    assert bench.account.balance == pytest.approx(7)
    await bench.account.close()


async def test_a_mishap_of_a_machine_is_heard() -> None:
    bench = Bench()
    pod = bench.create()
    bench.switches[pod.id].closed = True  # so that switching it on is an error
    await bench.time.advance(20)
    with pytest.raises(AssertionError):
        await bench.account.close()


DEEDS = ("stop", "start", "restart", "terminate", "vanish", "fail")
STEPS = st.one_of(
    st.tuples(st.just("create"), st.sampled_from([0, 100])),
    st.tuples(st.sampled_from(DEEDS), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 7, 12, 5000])),
    st.tuples(st.just("pay"), st.integers(1000, 2000)),
)
MACHINES = 3


@settings(max_examples=80, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_in_whatever_order_states_machines_and_money_agree(steps: list[tuple[str, int]]) -> None:
    asyncio.run(carry_out(steps))


async def carry_out(steps: list[tuple[str, int]]) -> None:
    bench = Bench(balance=1000, capacity={GPU: {"community": MACHINES}})
    account = bench.account
    made: list[SimPod] = []
    lost, paid = 0, 1000.0
    billed: dict[str, float] = {}
    for what, value in steps:
        if what == "create":
            rented = sum(pod.status in RENTED for pod in made)
            if rented + lost < MACHINES:
                made.append(bench.create(volume=value))
            else:
                assert refused(lambda disk=value: bench.create(volume=disk)).reason is NO_CAPACITY
        elif what == "pay":
            account.set_balance(value)
            paid = value + sum(pod.meter.dollars(bench.time.now) for pod in made)
        elif what == "wait":
            for pod in made:
                billed[pod.id] = billed.get(pod.id, 0) + (value if pod.status in RENTED else 0)
            await bench.time.advance(value)
        elif value < len(made):
            lost += do(account, what, made[value], lost, made)
        await bench.time.advance(0)
        check(bench, made, billed)
        spent = sum(pod.meter.dollars(bench.time.now) for pod in made)
        assert account.balance + spent == pytest.approx(paid)
    await account.close()
    assert all(switch.closed for switch in bench.switches.values())


def do(account: Account, what: str, pod: SimPod, lost: int, made: list[SimPod]) -> int:
    """One deed, refused exactly where it has to be. Returns how many machines were lost by it."""
    before = pod.status
    full = sum(each.status in RENTED for each in made) + lost >= MACHINES
    if before is Status.TERMINATED:
        assert refused(getattr(account, what), pod.id).reason.status == 404
        return 0
    if what in ("vanish", "fail"):
        getattr(account, what)(pod.id)
        return int(what == "vanish" and before in RENTED)
    if what not in ACTIONS[before]:
        assert refused(getattr(account, what), pod.id).reason.status == 409
    elif what == "start" and full:
        assert refused(account.start, pod.id).reason is NOT_FREE
    else:
        getattr(account, what)(pod.id)
        assert pod.status is not before or what == "restart"
        return 0
    assert pod.status is before
    return 0


def check(bench: Bench, made: list[SimPod], billed: dict[str, float]) -> None:
    """What has to hold at every moment."""
    now = bench.time.now
    for pod in made:
        switch = bench.switches[pod.id]
        assert switch.on == (pod.status is Status.RUNNING)
        assert switch.closed == (pod.status is Status.TERMINATED)
        assert pod.meter.billed_seconds(now) == pytest.approx(billed.get(pod.id, 0))
        assert (pod.meter.per_hour == PRICE) == (pod.status in RENTED)
        assert (pod.ended_at is not None) == (pod.status is Status.TERMINATED)


RATES = st.lists(
    st.tuples(st.sampled_from(["gpu", "storage"]), st.floats(0, 10), st.floats(0, 10_000)), min_size=1, max_size=8
)


@given(RATES, st.floats(0.1, 5000), st.floats(0, 80_000))
def test_dollars_are_time_times_price_however_they_are_cut(
    rates: list[tuple[Any, float, float]], scale: float, cut: float
) -> None:
    meter, now, expected = Meter(scale), 0.0, 0.0
    for kind, per_hour, seconds in rates:
        meter.turn(kind, per_hour, now)
        now += seconds
        expected += per_hour * seconds * scale / 3600
    assert meter.dollars(now) == pytest.approx(expected)
    assert meter.dollars(now) == pytest.approx(meter.dollars(now, kind="gpu") + meter.dollars(now, kind="storage"))
    cut = min(cut, now)
    assert meter.dollars(cut) + meter.dollars(now, since=cut) == pytest.approx(expected)
    meter.off(now)
    assert meter.dollars(now + 1e6) == pytest.approx(expected)
    purse = Purse(expected + 5, scale)
    assert purse.balance([meter], now) == pytest.approx(5)
    assert purse.empty_at([meter], now) is None
    meter.turn("gpu", 2.0, now)
    empty = purse.empty_at([meter], now)
    assert empty is not None
    assert purse.balance([meter], empty) == pytest.approx(0, abs=1e-6)


async def test_a_restart_that_keeps_no_disk_begins_cold() -> None:
    await carry_out([("create", 0), ("wait", 5000), ("restart", 0), ("wait", 7)])
