"""What is special about the store in Redis: rules run again, answers that are lost, a Redis that would forget."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from license_server.kv import close_store, open_store
from license_server.kv.ask import ask
from license_server.kv.group import once_more, pack, unpack
from license_server.kv.interface import Delete, Get, Put, Rule, Scan, Store, StoreError
from tests.license_server.child import server
from tests.license_server.programs import RedisServer, free_port, redis_server
from tests.license_server.stores import NOON, on_engine, ops, scan, world
from tests.license_server.test_generations import VideosAgainstModel
from tests.license_server.test_kv_store import STEPS
from tests.license_server.test_licenses import LicensesAgainstModel


class TestLicensesOnRedis(LicensesAgainstModel.TestCase):  # type: ignore[misc,valid-type]
    engine = "redis"
    settings = settings(max_examples=8, stateful_step_count=15, deadline=None)


class TestVideosOnRedis(VideosAgainstModel.TestCase):  # type: ignore[misc,valid-type]
    engine = "redis"
    settings = settings(max_examples=12, stateful_step_count=15, deadline=None)


# The store against a dict


def steps_done(model: dict[tuple[str, str], tuple[bytes, float | None]], steps: list[Any], now: float) -> list[Any]:
    """Does to a dict what the steps say; what they should be answered."""
    told: list[Any] = []
    for step in steps:
        live = {slot: value for slot, (value, until) in model.items() if until is None or until > now}
        if isinstance(step, Get):
            told.append(live.get(step[:2]))
        elif isinstance(step, Scan):
            found = [(k, v) for (s, k), v in live.items() if s == step.space and k.startswith(step.prefix)]
            told.append([(k, v) for k, v in sorted(found) if k > step.after][: step.limit])
        else:
            told.append(None)
            if isinstance(step, Put):
                model[step[:2]] = (step.value, step.expires_at)
            else:
                model.pop(step[:2], None)
    return told


def dated_step(step: Any, now: float) -> Any:
    """A drawn step as an operation; its life becomes a time."""
    if type(step) is not tuple:
        return step
    space, key, value, life = step
    return Put(space, key, value, None if life is None else now + life)


@pytest.fixture(scope="module")
def on_redis(redis: RedisServer) -> Callable[[Path], str]:
    return redis.url


@settings(max_examples=60, deadline=None)
@given(groups=st.lists(st.lists(STEPS, max_size=4), max_size=5), later=st.floats(0, 60))
def test_groups_of_rules_are_as_if_each_were_alone(
    groups: list[list[list[Any]]], later: float, on_redis: Callable[[Path], str]
) -> None:
    model: dict[tuple[str, str], tuple[bytes, float | None]] = {}
    with on_engine(on_redis), world() as here:
        for group in groups:
            dated = [[dated_step(step, here.now) for step in steps] for steps in group]
            expected = [steps_done(model, steps, here.now) for steps in dated]
            assert here.all_at_once([ops(*steps) for steps in dated]) == expected
            for steps in dated:
                looks = [step for step in steps if isinstance(step, Get | Scan)]
                assert here.look(ops(*looks)) == steps_done(model, looks, here.now)
            here.now += later


def test_pages_are_whole_when_rows_in_them_are_gone(on_redis: Callable[[Path], str]) -> None:
    with on_engine(on_redis), world() as here:
        here.do(ops(*(Put("count", f"{n:04}", b"1", NOON + (60 if n < 400 else 600)) for n in range(500))))

        def remove_then_look() -> Rule[list[tuple[str, bytes]]]:
            for n in range(400, 450):
                yield Delete("count", f"{n:04}")
            yield Put("count", "0460a", b"2")
            rows: list[tuple[str, bytes]] = yield Scan("count", limit=12)
            return rows

        here.now += 61
        found = here.do(remove_then_look())
        assert [key for key, _ in found] == [*(f"{n:04}" for n in range(450, 461)), "0460a"]
        assert len(here.rows("count")) == 51


def test_names_of_what_redis_let_go_are_swept(on_redis: Callable[[Path], str], redis: RedisServer) -> None:
    with on_engine(on_redis), world() as here:
        here.do(ops(*(Put("count", f"{n:04}", b"1", NOON + 1e6 if n % 2 else None) for n in range(900))))

        async def names() -> int:
            raw = here.store._redis  # type: ignore[attr-defined]
            return int(await raw.zcard("oavr-names"))

        async def let_go() -> None:
            raw = here.store._redis  # type: ignore[attr-defined]
            await raw.delete(*(f"oavr:count/{n:04}" for n in range(1, 900, 2)))

        assert here.runner.run(names()) == 900
        here.runner.run(let_go())

        async def sweep() -> None:
            while await names() != 450:
                here.store.sweep()
                await asyncio.sleep(0)

        here.runner.run(asyncio.wait_for(sweep(), 30))
        assert len(here.rows("count")) == 450


# Several processes


def add_one(slot: str) -> Rule[int]:
    value: bytes | None = yield Get("count", slot)
    after = int(value or b"0") + 1
    yield Put("count", slot, str(after).encode())
    return after


def test_machines_that_want_the_same_get_it_one_after_the_other(redis: RedisServer) -> None:
    url, each = redis.url(), 60
    counted: list[int] = []

    async def one_machine() -> None:
        store = open_store(url, lambda: NOON)
        for _ in range(each // 10):
            counted.extend(await asyncio.gather(*(ask(store.write, add_one("shared")) for _ in range(10))))
        await close_store(store)

    threads = [threading.Thread(target=asyncio.run, args=(one_machine(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(counted) == list(range(1, 4 * each + 1)), "no two were told the same, and none was lost"


def test_a_rule_is_run_again_when_another_machine_was_quicker(redis: RedisServer) -> None:
    url, runs = redis.url(), []

    async def both() -> bytes | None:
        mine, other = open_store(url, lambda: NOON), open_store(url, lambda: NOON)
        loop = asyncio.get_running_loop()

        def slow() -> Rule[bytes | None]:
            value: bytes | None = yield Get("license", "a")
            runs.append(value)
            yield Get("license", f"b{len(runs)}")
            if len(runs) == 1:
                # Another machine is quicker, between this rule's reading and its writing.
                threading.Thread(target=lambda: asyncio.run(elsewhere())).start()
                yield Get("license", "c")
            yield Put("license", "a", (value or b"") + b"!")
            return value

        written = threading.Event()

        async def elsewhere() -> None:
            there = open_store(url, lambda: NOON)
            await ask(there.write, ops(Put("license", "a", b"quicker")))
            await close_store(there)
            written.set()

        # The first run's changes wait until the other machine has written.
        commit = mine._commit  # type: ignore[attr-defined]

        async def after_the_other(group: list[Any]) -> list[Any]:
            await loop.run_in_executor(None, written.wait, 30)
            result: list[Any] = await commit(group)
            return result

        mine._commit = after_the_other  # type: ignore[attr-defined]
        await ask(mine.write, slow())
        (found,) = await ask(other.read, ops(Get("license", "a")))
        await close_store(mine)
        await close_store(other)
        assert isinstance(found, bytes)
        return found

    assert asyncio.run(both()) == b"quicker!"
    assert runs == [None, b"quicker"]


# When it goes wrong


async def refused(store: Store, rule: Rule[Any]) -> str:
    with pytest.raises(StoreError) as told:
        await ask(store.write, rule)
    return str(told.value)


def test_killed_in_the_middle_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as redis:
        url = redis.url()

        async def count() -> tuple[int, int, int]:
            store = open_store(url, lambda: NOON)
            acknowledged: list[int] = []
            unclear = 0
            for _ in range(4):
                acknowledged += [await ask(store.write, add_one("a")) for _ in range(5)]
                asked = [asyncio.ensure_future(ask(store.write, add_one("a"))) for _ in range(50)]
                await asyncio.wait(asked[:1], timeout=0.002)
                redis.process.kill()
                told = await asyncio.gather(*asked, return_exceptions=True)
                acknowledged += [it for it in told if isinstance(it, int)]
                unclear += sum(isinstance(it, StoreError) for it in told)
                redis.process.wait(30)
                assert await refused(store, add_one("a")), "it says so while it is down"
                redis.start()
            (found,) = await ask(store.read, ops(Get("count", "a")))
            await close_store(store)
            return len(acknowledged), int(found or b"0"), unclear

        acknowledged, found, unclear = asyncio.run(count())
        assert acknowledged >= 20
        assert acknowledged <= found <= acknowledged + unclear, "nothing is lost, and nothing done twice"


def test_a_server_answers_503_while_its_redis_is_down_and_goes_on_after(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis") as redis, on_engine(redis.url), server(tmp_path) as here:
        track = {"fingerprint": "device"}
        assert here.post("/api/generation/track", track).json["count"] == 1
        redis.kill()
        for told in (here.post("/api/generation/track", track), here.get("/api/generation/check?fingerprint=device")):
            assert told.status == 503 and told.json["code"] == "UNAVAILABLE"
        assert here.get("/healthz").status == 503
        redis.start()
        assert here.get("/healthz").status == 200
        assert here.get("/api/generation/check?fingerprint=device").json["used"] == 1
        assert here.post("/api/generation/track", track).json["count"] == 2


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (["--appendonly", "no"], "keeps no log"),
        (["--appendonly", "yes", "--appendfsync", "no"], "never syncs"),
        (["--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"], "may drop licenses"),
    ],
)
def test_a_redis_that_would_forget_is_not_used(tmp_path: Path, how: list[str], said: str) -> None:
    with redis_server(tmp_path / "redis", *how) as redis:

        async def open_it() -> str:
            store = open_store(redis.url(), lambda: NOON)
            text = await refused(store, add_one("a"))
            await close_store(store)
            return text

        assert said in asyncio.run(open_it())


def test_nobody_there_is_said_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    async def open_it() -> str:
        store = open_store(f"redis://:secret-word@127.0.0.1:{free_port()}/0", lambda: NOON)
        text = await refused(store, add_one("a"))
        await close_store(store)
        assert await refused(store, add_one("a")) == "the store is closed"
        return text

    assert "secret-word" not in asyncio.run(open_it()) + caplog.text
    assert caplog.text


# Rules that can be run again


def test_a_rule_that_has_not_begun_can_be_made_once_more() -> None:
    def outer(a: int, /, b: int, *rest: int, c: int, d: int = 4, **more: int) -> Rule[list[int]]:
        held = [a]
        yield from ops()
        return [a, b, *rest, c, d, *more.values(), *(n + a for n in held), offset]

    offset = secrets.randbelow(100)
    rule = outer(1, 2, 3, 3, c=5, e=6)
    expected = [1, 2, 3, 3, 5, 4, 6, 2, offset]
    for again in (once_more(rule), once_more(once_more(rule)), rule):
        with pytest.raises(StopIteration) as ended:
            next(again)
        assert ended.value.value == expected
    with pytest.raises(ValueError, match="not begun"):
        once_more(rule)


@given(value=st.binary(), expires=st.none() | st.floats(0, 1e11), now=st.floats(0, 1e11))
def test_values_are_kept_with_their_expiry(value: bytes, expires: float | None, now: float) -> None:
    assert unpack(pack(value, expires), now) == (value if expires is None or expires > now else None)
    assert unpack(None, now) is None


def test_a_rule_that_fails_changes_nothing_and_disturbs_nobody(on_redis: Callable[[Path], str]) -> None:
    def fails() -> Rule[None]:
        yield Put("license", "a", b"wrong")
        raise LookupError("on purpose")

    with on_engine(on_redis), world() as here:
        told = here.all_at_once([add_one("a"), fails(), add_one("a")])
        assert told[0] == 1 and isinstance(told[1], LookupError) and told[2] == 2
        assert here.look(scan("license")) == []
