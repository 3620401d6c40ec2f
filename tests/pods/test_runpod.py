"""The account as the app uses it, against a simulated one: the whole life of a machine, and one way standing in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from oavr_tui.errors import BadInput, NoFunds, NoGpu, NoKey, Rejected, Unreachable
from oavr_tui.pods.provider import ApiGone, Cloud, CloudPod, CloudState, NotNow, Provider, Slower, Unclear, Wish
from oavr_tui.pods.runpod import AWAY_FOR, GONE_FOR, RunPod, RunPodAddress, runpod_address
from oavr_tui.simulator.runpod import RunPodSimulator
from oavr_tui.simulator.runpod_script import FULL_KEY, READ_ONLY_KEY, Script

GPU = "NVIDIA GeForce RTX 4090"
WISH = Wish("oavr-1", GPU, Cloud.COMMUNITY, "qvidd7ityi")
FAST = {"pull_seconds": 0.01, "start_seconds": 0.01, "stop_keeps_gpu": True}
EVERY_WAY = ["sdk", "v2", "auto"]

Fault = dict[str, Any]


class Clock:
    """Monotonic seconds that pass only when a test says so, or while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class World:
    """A simulated RunPod, and accounts on it."""

    def __init__(self, simulator: RunPodSimulator, closing: AsyncExitStack) -> None:
        self.simulator, self.clock, self._closing = simulator, Clock(), closing

    def account(self, control: str = "auto", key: str = FULL_KEY, **more: Any) -> RunPod:
        account = RunPod(
            key,
            base=self.simulator.base_url,
            control=control,
            sleep=self.clock.sleep,
            clock=self.clock,
            **more,
        )
        self._closing.push_async_callback(account.close)
        return account

    def script(self, *faults: Fault, **more: Any) -> None:
        self.simulator.account.replace_script(Script.model_validate({**FAST, **more, "faults": list(faults)}))

    def asked(self, deed: str) -> list[str]:
        """By which of its APIs this was asked for, oldest first."""
        return [each["api"] for each in self.simulator.books()["requests"] if each["deed"] == deed]

    @property
    def made(self) -> list[str]:
        """The names of all pods that were ever made."""
        return [pod["name"] for pod in self.simulator.books()["pods"]]


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    script = Script.model_validate(FAST)
    async with AsyncExitStack() as closing, RunPodSimulator(tmp_path, script=script) as simulator:
        yield World(simulator, closing)


async def until(account: Provider, pod_id: str, state: CloudState) -> CloudPod:
    """The pod once it is in this state."""
    while True:
        pod = await account.pod(pod_id)
        assert pod is not None
        if pod.state is state:
            return pod
        assert pod.state in (CloudState.COMING, CloudState.RUNNING, CloudState.STOPPED)
        await asyncio.sleep(0.02)


def asked_first(account: RunPod) -> str:
    return account.way.value


def on(api: str, **match: Any) -> Any:
    return {"match": {"api": api, **match}}


def no_rest(**match: Any) -> Fault:
    """REST answers nothing useful."""
    return {**on("v2", **match), "do": "error", "status": 502, "form": "html"}


@pytest.mark.parametrize("control", EVERY_WAY)
async def test_the_life_of_a_machine(world: World, control: str) -> None:
    account = world.account(control)
    offer = next(each for each in await account.offers() if each.gpu == GPU and each.cloud is Cloud.COMMUNITY)
    assert offer.per_hour is not None
    made = await account.create(WISH)
    assert (made.name, made.state) == ("oavr-1", CloudState.COMING)
    running = await until(account, made.id, CloudState.RUNNING)
    assert running.per_hour == offer.per_hour
    assert running.memory_gb == 62.0
    assert [pod.id for pod in await account.pods()] == [made.id]
    money = await account.account()
    assert money is not None
    assert money.per_hour is not None
    assert money.per_hour >= offer.per_hour
    await account.stop(made.id)
    stopped = await until(account, made.id, CloudState.STOPPED)
    assert stopped.per_hour < offer.per_hour
    await account.start(made.id)
    await until(account, made.id, CloudState.RUNNING)
    await account.terminate(made.id)
    assert await account.pod(made.id) is None
    await account.terminate(made.id)
    assert await account.pods() == ()
    assert world.made == ["oavr-1"]


@pytest.mark.parametrize("control", EVERY_WAY)
async def test_what_the_account_is_refused(world: World, control: str) -> None:
    account = world.account(control)
    world.script(capacity={GPU: {"community": 0, "secure": 0}})
    with pytest.raises(NoGpu):
        await account.create(WISH)
    world.script({"match": {"deed": "start"}, "do": "not_free"})
    made = await account.create(WISH)
    await until(account, made.id, CloudState.RUNNING)
    await account.stop(made.id)
    with pytest.raises(NotNow):
        await account.start(made.id)
    await account.terminate(made.id)
    world.simulator.account.set_balance(0.0)
    with pytest.raises(NoFunds):
        await account.create(WISH)
    assert world.made == ["oavr-1"]
    with pytest.raises(Rejected):
        await account.stop(made.id)


@pytest.mark.parametrize("control", EVERY_WAY)
async def test_keys_that_may_not(world: World, control: str) -> None:
    with pytest.raises(NoKey):
        await world.account(control, key="rpa_WRONG").pods()
    with pytest.raises(NoKey):
        await world.account(control, key="").pods()
    looking = world.account(control, key=READ_ONLY_KEY)
    assert await looking.pods() == ()
    with pytest.raises(NoKey, match="may look at machines but not start"):
        await looking.create(WISH)
    assert world.made == []


async def test_rest_is_asked_first(world: World) -> None:
    account = world.account()
    await account.offers()
    await account.volumes()
    made = await account.create(WISH)
    await account.terminate(made.id)
    assert set(world.asked("catalog") + world.asked("volumes") + world.asked("create")) == {"v2"}
    assert asked_first(account) == "v2"


@pytest.mark.parametrize("status", [410, 404, 200])
async def test_without_rest_the_package_does_it_all(world: World, status: int) -> None:
    gone: Fault = {**on("v2"), "do": "gone", "status": 410 if status == 200 else status}
    world.script(gone)
    account = world.account()
    made = await account.create(WISH)
    assert world.asked("create") == ["v2", "graphql"]
    await until(account, made.id, CloudState.RUNNING)
    assert asked_first(account) == "sdk"
    assert await account.bills(0.0) is None
    assert account.log(made.id, "") is None
    await account.stop(made.id)
    await account.terminate(made.id)
    assert world.made == ["oavr-1"]
    assert world.asked("stop") == world.asked("terminate") == ["graphql"]


@pytest.mark.parametrize("status", [410, 404, 200])
async def test_without_graphql_rest_does_it_all(world: World, status: int) -> None:
    world.script({**on("graphql"), "do": "gone", "status": status})
    account = world.account()
    made = await account.create(WISH)
    await until(account, made.id, CloudState.RUNNING)
    assert [pod.memory_gb for pod in await account.pods()] == [None]
    assert await account.account() is None
    await account.terminate(made.id)
    with pytest.raises(ApiGone):
        await world.account("sdk").pods()


async def test_with_neither_it_says_so(world: World) -> None:
    world.script({"do": "gone", "status": 410})
    account = world.account()
    for asked in (account.pods(), account.create(WISH), account.terminate("abc123")):
        with pytest.raises(ApiGone):
            await asked


async def test_a_question_that_rest_leaves_unanswered_moves_to_the_package_and_back(world: World) -> None:
    account = world.account()
    world.script(no_rest())
    assert await account.pods() == ()
    assert asked_first(account) == "sdk"
    before = len(world.asked("list"))
    assert await account.pods() == ()
    assert world.asked("list")[before:] == ["graphql"]
    made = await account.create(WISH)
    assert world.asked("create") == ["graphql"]
    # The package's way fails in its turn, and REST is back.
    world.script({**on("graphql"), "do": "drop"})
    assert [pod.id for pod in await account.pods()] == [made.id]
    # After a while it is as in the beginning.
    world.script()
    world.clock.now += AWAY_FOR + 1
    assert asked_first(account) == "v2"
    await account.volumes()
    assert world.asked("volumes") == ["v2"]


async def test_what_is_gone_is_looked_for_again_much_later(world: World) -> None:
    account = world.account()
    world.script({**on("v2"), "do": "gone"})
    await account.volumes()
    world.clock.now += GONE_FOR - 1
    assert asked_first(account) == "sdk"
    world.clock.now += 2
    assert asked_first(account) == "v2"


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "drop", "when": "after"},
        {"do": "drop", "when": "before"},
        {"do": "error", "status": 500, "when": "after"},
        {"do": "error", "status": 502, "form": "html", "when": "before"},
        {"do": "body", "body": "<html>", "content_type": "text/html"},
    ],
)
async def test_a_change_that_may_have_been_done_is_never_asked_for_again(world: World, fault: Fault) -> None:
    account = world.account()
    world.script({**on("v2", deed="create"), **fault})
    with pytest.raises(Unclear):
        await account.create(replace(WISH, min_memory_gb=0))
    assert world.asked("create") == ["v2"]
    assert len(world.made) == (fault.get("when") == "after")
    world.script()
    made = await account.create(WISH)
    world.script(*({**on("v2", deed=deed), **fault} for deed in ("stop", "terminate")))
    for change, deed in ((account.stop, "stop"), (account.terminate, "terminate")):
        with pytest.raises(Unclear):
            await change(made.id)
        assert world.asked(deed) == ["v2"]


async def test_a_question_that_was_answered_is_not_asked_elsewhere(world: World) -> None:
    account = world.account()
    for fault, error in (
        ({"do": "unauthorized"}, NoKey),
        ({"do": "rate_limit", "retry_after": 60}, Slower),
    ):
        world.script({**on("v2"), **fault})
        with pytest.raises(error):
            await account.volumes()
    assert "graphql" not in world.asked("volumes")


async def test_when_no_way_works_the_first_one_says_why(world: World) -> None:
    world.script(no_rest(), {**on("graphql"), "do": "unauthorized"})
    with pytest.raises(Unreachable):
        await world.account().pods()


async def test_one_way_alone_is_never_left(world: World) -> None:
    world.script(no_rest())
    with pytest.raises(Unreachable):
        await world.account("v2").pods()
    assert "graphql" not in world.asked("list")
    world.script({**on("graphql"), "do": "drop"})
    before = len(world.asked("list"))
    with pytest.raises(Unreachable):
        await world.account("sdk").pods()
    assert world.asked("list")[before:] == ["graphql"]


async def test_the_balance_may_be_missing_but_a_wrong_key_is_said(world: World) -> None:
    account = world.account()
    money = await account.account()
    assert money is not None
    assert money.balance == pytest.approx(25.0)
    assert money.limit_per_hour == 80.0
    silent: tuple[Fault, ...] = ({"do": "drop"}, {"do": "rate_limit"}, {"do": "error"}, {"do": "body", "body": "[]"})
    for fault in silent:
        world.script({**on("graphql"), **fault})
        assert await account.account() is None
    for refusal in ("unauthorized", "forbidden"):
        world.script({**on("graphql"), "do": refusal})
        with pytest.raises(NoKey):
            await account.account()
    # REST takes the key: then it is only kept from GraphQL.
    await account.volumes()
    assert await account.account() is None


async def test_bills_and_logs_come_from_rest(world: World) -> None:
    account = world.account()
    made = await account.create(WISH)
    await until(account, made.id, CloudState.RUNNING)
    assert await account.bills(time.time() - 60.0) is not None
    lines = account.log(made.id, "")
    assert lines is not None
    assert (await anext(lines))[1]
    await lines.aclose()  # type: ignore[attr-defined]
    world.script({**on("v2", deed="billing"), "do": "gone"})
    assert await account.bills(0.0) is None


async def test_the_memory_of_hosts_is_learned_once(world: World) -> None:
    account = world.account()
    made = await account.create(WISH)
    await until(account, made.id, CloudState.RUNNING)
    for _ in range(3):
        assert [pod.memory_gb for pod in await account.pods()] == [62.0]
    assert world.asked("list").count("graphql") == 1


async def test_memory_that_cannot_be_learned_fails_nothing_and_is_asked_for_seldom(world: World) -> None:
    world.script({**on("graphql", deed="list"), "do": "drop"})
    account = world.account()
    await account.create(WISH)
    for _ in range(3):
        assert [pod.memory_gb for pod in await account.pods()] == [None]
    assert world.asked("list").count("graphql") == 1
    world.script()
    world.clock.now += AWAY_FOR + 1
    assert [pod.memory_gb for pod in await account.pods()] == [62.0]


async def test_memory_is_not_waited_for(world: World) -> None:
    world.script({**on("graphql", deed="list"), "do": "hang"})
    account = world.account(memory_within=0.05)
    await account.create(WISH)
    async with asyncio.timeout(30):  # the hang lasts far longer
        assert [pod.memory_gb for pod in await account.pods()] == [None]


async def test_closing_is_fine_twice_and_unused(world: World) -> None:
    account = world.account()
    await account.close()
    await account.pods()
    await account.close()
    await account.close()


def test_ways_and_addresses_that_are_none() -> None:
    with pytest.raises(BadInput):
        RunPod(FULL_KEY, control="rest")
    with pytest.raises(BadInput):
        RunPod(FULL_KEY, base="http://api.runpod.io")


def test_where_runpod_is() -> None:
    assert runpod_address({}) == RunPodAddress()
    assert RunPodAddress().service("abc123", 8188) == "https://abc123-8188.proxy.runpod.net"
    given = runpod_address(
        {
            "RUNPOD_API_BASE_URL": " http://127.0.0.1:8000/ ",
            "OAVR_RUNPOD_PROXY": "http://localhost:8000/proxy/{pod}-{port}",
        }
    )
    assert given.base == "http://127.0.0.1:8000"
    assert given.service("abc123", 8001) == "http://localhost:8000/proxy/abc123-8001"
    assert runpod_address({"RUNPOD_API_BASE_URL": "", "OAVR_RUNPOD_PROXY": " "}) == RunPodAddress()


@pytest.mark.parametrize(
    "environ",
    [
        {"RUNPOD_API_BASE_URL": "api.runpod.io"},
        {"RUNPOD_API_BASE_URL": "http://api.runpod.io"},
        {"RUNPOD_API_BASE_URL": "ftp://api.runpod.io"},
        {"RUNPOD_API_BASE_URL": "https://"},
        {"RUNPOD_API_BASE_URL": "https://host:99999"},
        {"RUNPOD_API_BASE_URL": "https://user:secret@host"},
        {"RUNPOD_API_BASE_URL": "https://host/?key=1"},
        {"RUNPOD_API_BASE_URL": "https://ho st"},
        {"RUNPOD_API_BASE_URL": "https://[::1"},
        {"OAVR_RUNPOD_PROXY": "https://proxy.example"},
        {"OAVR_RUNPOD_PROXY": "https://{port}.example"},
        {"OAVR_RUNPOD_PROXY": "https://{pod}-{port}-{key}.example"},
        {"OAVR_RUNPOD_PROXY": "https://{pod.__class__}-{port}.example"},
        {"OAVR_RUNPOD_PROXY": "{pod}-{port}.example"},
        {"OAVR_RUNPOD_PROXY": "https://{pod}-{port}{port}.example"},
    ],
)
def test_addresses_that_are_none(environ: dict[str, str]) -> None:
    with pytest.raises(BadInput) as caught:
        runpod_address(environ)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("pod_id", ["", "a/b", "a.b", "a@b", "-a", "a#", "a\n", "é", "a" * 70])
def test_an_id_that_is_no_host_name_makes_no_address(pod_id: str) -> None:
    with pytest.raises(BadInput):
        RunPodAddress().service(pod_id, 8188)
    for port in (0, -1, 65536):
        with pytest.raises(BadInput):
            RunPodAddress().service("abc123", port)
