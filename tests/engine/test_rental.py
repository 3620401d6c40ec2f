"""One account at a time: opened when it is needed, another when the key is another, and none left open."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from oavr_tui.engine.rental import Rental
from oavr_tui.errors import NoKey
from tests.engine.account import Hands, MemoryAccount
from tests.engine.yards import setup


class Keys:
    """A person's key, which may change, and the accounts that were opened with it."""

    def __init__(self) -> None:
        self.hands = Hands()
        self.key: str | None = "one"
        self.opened: list[MemoryAccount] = []
        made = replace(setup(MemoryAccount(self.hands)), key=lambda: self.key, open_account=self._open)
        self.rental = Rental(made, self.hands.clock)

    def _open(self, _key: str, _control: str) -> MemoryAccount:
        self.opened.append(MemoryAccount(self.hands))
        return self.opened[-1]


async def test_an_account_is_opened_once_and_closed_in_the_end() -> None:
    keys = Keys()
    first = await keys.rental.provider()
    assert await keys.rental.provider() is first
    await keys.rental.close()
    await keys.rental.close()
    assert [account.closed for account in keys.opened] == [1]


async def test_another_key_is_another_account_also_for_two_who_ask_at_once() -> None:
    class Slow(MemoryAccount):
        async def close(self) -> None:
            await asyncio.sleep(0)
            await super().close()

    keys = Keys()
    await keys.rental.provider()
    keys.opened[0].__class__ = Slow
    await keys.rental.account()
    keys.key = "two"
    one, other = await asyncio.gather(keys.rental.provider(), keys.rental.provider())
    assert one is other is keys.opened[1]
    assert [account.closed for account in keys.opened] == [1, 0]
    assert await keys.rental.account() is not None
    assert keys.opened[1].asked("account") == [""]  # nothing is told of another person's money


async def test_a_balance_is_a_minute_old_at_most_and_may_be_missing() -> None:
    keys = Keys()
    await keys.rental.account()
    keys.hands.now += 50
    await keys.rental.account()
    assert len(keys.opened[0].asked("account")) == 1
    keys.hands.now += 11
    keys.opened[0].faults["account"] = ["unreachable"]
    assert await keys.rental.account() is None
    assert await keys.rental.account(fresh=True) is not None


async def test_without_a_key_nothing_is_asked() -> None:
    keys = Keys()
    keys.key = None
    assert not keys.rental.has_key
    with pytest.raises(NoKey):
        await keys.rental.provider()
    assert keys.opened == []
