"""The gate against the real license server: who may, who may not, and what a server out of reach changes."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from oavr_tui.clients.license_token import read_token
from oavr_tui.engine.gate import Gate
from oavr_tui.errors import BadInput, LicenseRefused, LicenseUnreachable, LimitReached
from oavr_tui.models import Plan, Source
from oavr_tui.models.ledger import DAY
from tests.licenses.answering import answering
from tests.licenses.gates import HERE, Hands, commands, gate_on, may
from tests.licenses.server import LicenseServer, license_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LicenseServer]:
    with license_server(tmp_path) as running:
        yield running


@pytest.fixture
def hands() -> Hands:
    """The real time, since the server has no other."""
    return Hands(time.time())


@asynccontextmanager
async def opened(gate: Gate) -> AsyncIterator[Gate]:
    await gate.open()
    try:
        yield gate
    finally:
        await gate.close()


# --- with a server


async def test_one_video_a_day_and_a_retry_is_none(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        assert await may(gate, "one")
        assert gate.status.left == 0
        assert await may(gate, "one")  # held on to
        assert not await may(gate, "two")
        await gate.release("one")
        assert gate.status.left == 1
        assert await may(gate, "one")  # tried again
        await gate.commit("one")
        await gate.release("one")  # too late
        assert not await may(gate, "two")
        assert gate.status.used == 1
        assert gate.status.source is Source.SERVER


async def test_twenty_clicks_make_one_video(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        allowed = await asyncio.gather(*(may(gate, f"job-{number}") for number in range(20)))
    assert sum(allowed) == 1


async def test_two_apps_at_once_make_one_video(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    one, other = gate_on(tmp_path / "a", server.url, hands), gate_on(tmp_path / "a", server.url, hands)
    async with opened(one), opened(other):
        assert sum(await asyncio.gather(may(one, "x"), may(other, "y"))) == 1
        await other.refresh()
        await one.refresh()
        assert one.status.left == other.status.left == 0


async def test_a_renamed_folder_or_a_restart_gives_no_second_one(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        assert await may(gate, "one")
        await gate.commit("one")
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as again:
        assert again.status.left == 0  # before anybody was asked
        assert not await may(again, "two")
    async with opened(gate_on(tmp_path / "renamed", server.url, hands)) as elsewhere:
        assert not await may(elsewhere, "three")
        server.kill()
        hands.move(60)
        assert not await may(elsewhere, "four")  # what the server said last holds


async def test_another_name_in_the_environment_gives_no_second_one(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        assert await may(gate, "one")
        await gate.commit("one")
    async with opened(gate_on(tmp_path / "a", server.url, hands, given="e1" + "b" * 64)) as renamed:
        assert not await may(renamed, "two")


async def test_what_was_made_without_the_server_is_settled_when_it_is_back(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    server.kill()
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        assert await may(gate, "one")
        assert not await may(gate, "two")
        await gate.commit("one")
        assert gate.status.source.value == "offline"
        assert "out of reach" in str(await _refusal(gate, "two"))
        server.start()
        back = await gate.look(now=True)
        assert (back.used, back.source, back.trouble) == (1, Source.SERVER, "")
    async with opened(gate_on(tmp_path / "elsewhere", server.url, hands)) as other:
        assert not await may(other, "three")


async def test_what_was_made_without_the_server_is_told_before_more_is_asked_for(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    server.kill()
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        assert await may(gate, "one")
        await gate.commit("one")
        server.start()
        hands.move(60)  # longer than the pause after a call in vain
        assert not await may(gate, "two")


async def _refusal(gate: Gate, job: str) -> LimitReached:
    with pytest.raises(LimitReached) as refused:
        await gate.reserve(job)
    return refused.value


async def test_a_commit_that_a_kill_cut_off_is_told_later(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        assert await may(gate, "one")
        server.kill()
        await gate.commit("one")
    server.start()
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as again:
        await again.look(now=True)
    hands.move(7 * 3600)  # a reservation would be void by now
    async with opened(gate_on(tmp_path / "b", server.url, hands)) as other:
        assert (await other.look(now=True)).used == 1


# --- Pro


async def test_pro_goes_on_for_14_days_without_the_server(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        key = server.new_key()
        status = await commands(gate).activate(f" {key.lower().replace('-', ' ')} ")
        assert status.key == f"OAVR-****-****-****-{key[-4:]}"
        assert (status.plan, status.left, status.devices_used, status.max_devices) == (Plan.PRO, None, 1, 3)
    server.kill()
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        for number in range(5):
            assert await may(gate, f"job-{number}")
            hands.move(2.7 * DAY)
        assert gate.status.is_pro
        assert gate.status.source is Source.OFFLINE
        assert "Pro goes on" in gate.status.trouble
        hands.move(1 * DAY)
        assert await may(gate, "the free one")
        assert not await may(gate, "one more")
        await gate.look(now=True)
        assert gate.status.plan is Plan.FREE
        assert "14 days" in gate.status.trouble


async def test_a_clock_set_back_is_noticed_and_forgiven_by_the_server(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
        server.kill()
        hands.move(10 * DAY)
        assert await may(gate, "one")
        hands.move(-9 * DAY)
        assert not (await gate.look(now=True)).is_pro
        assert "set back" in gate.status.trouble
        hands.move(-1 * DAY)
        server.start()
        assert (await gate.look(now=True)).is_pro


async def test_a_refund_ends_pro_with_a_sentence(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    key = server.new_key()
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        await commands(gate).activate(key)
        server.own("license", "revoke", key)
        status = await commands(gate).refresh()
        assert (status.plan, status.left) == (Plan.FREE, 1)
        assert "withdrawn" in status.trouble
        server.kill()
        hands.move(60)
        assert await may(gate, "one")  # the free one
        assert not await may(gate, "two")


async def test_devices_are_listed_and_released(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    key = server.new_key()
    for number in range(3):
        device = "d1" + str(number) * 64
        async with opened(gate_on(tmp_path / str(number), server.url, hands, device=device)) as gate:
            await commands(gate).activate(key)
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        license_ = commands(gate)
        with pytest.raises(LicenseRefused) as refused:
            await license_.activate(key)
        assert refused.value.reason == "DEVICE_LIMIT"
        listed = await license_.devices(key)
        assert len(listed) == 3
        assert not any(one.this for one in listed)
        assert len(await license_.release_device(listed[0].shown, key)) == 2
        assert (await license_.activate(key)).is_pro
        assert [one.this for one in await license_.devices()] == [True, False, False]
        assert not (await license_.release_this_device()).is_pro
        with pytest.raises(BadInput):
            await license_.release_this_device()  # no key is kept any more


async def test_a_license_moves_with_its_home(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    home, new = tmp_path / "a", "d1" + "c" * 64
    async with opened(gate_on(home, server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
    async with opened(gate_on(home, server.url, hands, device=new, previous=HERE)) as moved:
        assert not (await commands(moved).refresh()).is_pro
        assert commands(moved).can_move_here
        status = await commands(moved).move_here()
        assert (status.is_pro, status.devices_used) == (True, 1)


async def test_words_for_every_refusal(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    key = server.new_key()
    server.own("license", "suspend", key)
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        for typed, reason in ((key, "SUSPENDED"), ("OAVR-AAAA-BBBB-CCCC-DDDD", "NOT_FOUND")):
            with pytest.raises(LicenseRefused) as refused:
                await commands(gate).activate(typed)
            assert refused.value.reason == reason
            assert typed not in refused.value.message
        with pytest.raises(BadInput):
            await commands(gate).activate("key with ümlaut")
        server.kill()
        with pytest.raises(LicenseUnreachable, match="Nothing was changed"):
            await commands(gate).activate(key)


async def test_no_key_and_no_fingerprint_is_shown(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    key = server.new_key()
    hidden: list[str] = []
    gate = gate_on(tmp_path / "a", server.url, hands, checkout="https://example.com/l/pro")
    gate.desk.setup = replace(gate.desk.setup, hide=hidden.append)
    async with opened(gate):
        word = (await commands(gate).upgrade()).url.partition("claim=")[2]
        status = await commands(gate).activate(key)
        assert key not in repr(status) and HERE not in repr(status)
        assert status.key.endswith(key[-4:])
        assert {key, HERE, word, gate.memory.token} <= set(hidden)
    for file in (tmp_path / "a" / "state" / "license.json", tmp_path / "a" / "config" / "secrets.toml"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


# --- whatever else may answer


def _page(status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>" % status


TOO_MANY = (
    b"HTTP/1.1 429 X\r\nContent-Type: application/json\r\nContent-Length: 53\r\n\r\n"
    b'{"success":false,"error":"x","code":"RATE_LIMITED"  }'
)
FORGED_PRO = json.dumps({"canGenerate": True, "isPro": "yes", "token": "e30.AAAA"}).encode()
STRANGE = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(FORGED_PRO),
    FORGED_PRO,
)


@pytest.mark.parametrize(
    "said",
    [_page(), _page(500), _page(403), _page(404), TOO_MANY, STRANGE, b"", None],
    ids=lambda said: repr(said)[:30],
)
async def test_nobody_is_locked_out_and_nobody_gets_more_by_a_bad_answer(
    server: LicenseServer, hands: Hands, tmp_path: Path, said: bytes | None
) -> None:
    """None: a server that takes the question and never answers."""
    async with opened(gate_on(tmp_path / "pro", server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
    async with opened(gate_on(tmp_path / "free", server.url, hands, device="d1" + "f" * 64)) as gate:
        assert await may(gate, "one")
        await gate.commit("one")
    async with answering(said) as url:
        async with opened(gate_on(tmp_path / "pro", url, hands, seconds=0.5)) as gate:
            assert await may(gate, "a")
            assert await may(gate, "b")
            assert gate.status.is_pro
            assert gate.status.source is Source.OFFLINE
        async with opened(gate_on(tmp_path / "free", url, hands, device="d1" + "f" * 64, seconds=0.5)) as gate:
            assert not await may(gate, "two")


async def test_a_forged_token_opens_nothing(server: LicenseServer, hands: Hands, tmp_path: Path) -> None:
    async with opened(gate_on(tmp_path / "a", server.url, hands)) as gate:
        await commands(gate).activate(server.new_key())
        first, _, signature = gate.memory.token.partition(".")
        keys = gate.memory.pinned
        assert read_token(gate.memory.token, keys, HERE) is not None
        assert read_token(gate.memory.token, keys, "d1" + "0" * 64) is None
        for forged in (
            f"{first}A.{signature}",
            f"{first}.{signature[:-4]}AAAA",
            first,
            "",
            ".",
            f"{first}.{signature}.",
        ):
            assert read_token(forged, keys, HERE) is None
            await gate.desk.change(partial(replace, token=forged, pro=True))
            gate.desk.failed(LicenseUnreachable("It is away."))
            assert not gate.status.is_pro


async def test_a_server_that_signs_with_another_key_is_pro_only_while_it_answers(
    server: LicenseServer, hands: Hands, tmp_path: Path
) -> None:
    other = "A" * 43 + "="
    async with opened(gate_on(tmp_path / "a", server.url, hands, keys=(other,))) as gate:
        status = await commands(gate).activate(server.new_key())
        assert status.is_pro
        assert "not signed" in status.trouble
        server.kill()
        assert not (await gate.look(now=True)).is_pro
