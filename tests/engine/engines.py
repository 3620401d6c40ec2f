"""A whole engine for the tests of its commands: the real store, an account in memory, a clock by hand."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from oavr_tui.engine.engine import Engine
from oavr_tui.engine.gate import GateSetup
from oavr_tui.engine.workshop import Surroundings
from oavr_tui.paths import Paths
from oavr_tui.settings import load_settings
from tests.engine.account import Hands, MemoryAccount
from tests.engine.yards import setup


def engine_on(home: Paths, account: MemoryAccount | None = None, **options: Any) -> Engine:
    """An engine on an account, not opened yet. options: for `setup`."""
    account = account or MemoryAccount(Hands())
    hands, numbers = account.hands, itertools.count(1)
    around = Surroundings(hands.clock, hands.clock, hands.sleep, lambda: str(uuid.UUID(int=next(numbers))))
    made = setup(account, **options)
    return Engine(
        home, settings=load_settings(home, {}), environ={}, around=around, pods=made, gate=GateSetup(free_daily=1000)
    )
