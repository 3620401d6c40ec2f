"""The gate as a machine that is driven at random: midnights, restarts, two processes, a server up, down or refusing.

The server here is the rules of the real one in memory, so that its clock can be moved as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar, cast

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from license_server import generations
from license_server.app import ask
from oavr_tui.clients.license_api import Checked, LicenseApi, State, Tracked
from oavr_tui.engine.gate import Gate
from oavr_tui.errors import LicenseRefused, LicenseUnreachable
from oavr_tui.models.ledger import DAY
from tests.license_server.stores import SIGNER, World, world
from tests.licenses.gates import Hands, gate_on, may

T = TypeVar("T")

OTHER_FOLDER, HOUR = "other", 3600.0


class RealRules:
    """The real server's rules on its real store, without the network between, so that its clock can be moved."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.up = True
        self.kills = False  # whoever asks does not live to hear the answer

    def _reach(self) -> None:
        if not self.up:
            raise LicenseUnreachable("The license server cannot be reached.")

    async def check(self, fingerprint: str, _claim: str = "") -> Checked:
        self._reach()
        found = await ask(self.here.store.read, generations.check(fingerprint, self.here.now, SIGNER))
        return Checked(False, found.used, 1, "", "", self.here.now)

    async def track(self, fingerprint: str, job_id: str, state: State) -> Tracked:
        self._reach()
        done = await ask(
            self.here.store.write, generations.track_job(fingerprint, job_id, state, self.here.now, SIGNER, 1)
        )
        if self.kills:
            raise asyncio.CancelledError
        if done.outcome != "ok":
            raise LicenseRefused("no", "DAILY_LIMIT" if done.outcome == "limit" else "COMMITTED")
        return Tracked(False, done.used, 1, self.here.now)

    async def close(self) -> None:
        """There is nothing to close."""


class GateMachine(RuleBasedStateMachine):
    """Two processes on one folder, and one on another folder of the same machine."""

    jobs = Bundle("jobs")

    @initialize()
    def begin(self) -> None:
        self.stack = contextlib.ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.here = self.stack.enter_context(world(self.folder))
        self.server = RealRules(self.here)
        self.hands = Hands(self.here.now)
        self.gates = {name: self._gate(name) for name in ("one", "two", OTHER_FOLDER)}
        self.live: dict[str, str] = {}  # job: its folder
        self.granted: dict[str, tuple[int, bool]] = {}  # job: its day, and whether the server was there
        self.made: dict[str, tuple[int, bool, str]] = {}
        self.failed: dict[str, str] = {}
        self.count = 0

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    def _gate(self, name: str) -> Gate:
        gate = gate_on(self.folder / self._home(name), "http://127.0.0.1:9", self.hands)
        gate.desk._api = cast(LicenseApi, self.server)
        self.here.runner.run(gate.open())
        return gate

    @staticmethod
    def _home(name: str) -> str:
        return "home" if name != OTHER_FOLDER else OTHER_FOLDER

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.here.runner.run(work)

    def _reserve(self, name: str, job: str) -> None:
        gate = self.gates[name]
        self._run(gate.refresh())
        before = gate.memory.entry(job)
        if self._run(may(gate, job)):
            entry = gate.memory.entry(job)
            assert entry is not None
            same = before is not None and before.day == entry.day and before.state.value == "reserve"
            self.granted[job] = (entry.day, self.granted[job][1] if same and job in self.granted else entry.known)
            self.live[job] = self._home(name)
            self.failed.pop(job, None)

    @rule(name=st.sampled_from(["one", "two", OTHER_FOLDER]), target=jobs)
    def ask_for_one(self, name: str) -> str:
        self.count += 1
        job = f"job-{self.count}"
        self._reserve(name, job)
        return job

    @rule(name=st.sampled_from(["one", "two", OTHER_FOLDER]))
    def die_while_asking(self, name: str) -> None:
        """What the server holds for nobody is given back, so that it costs no video of a day."""
        self.count += 1
        gate = self.gates[name]

        async def asks() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await may(gate, f"lost-{self.count}")

        self.server.kills = True
        self._run(asks())
        self.server.kills = False
        self.gates[name] = self._gate(name)
        self._pass(20.0)  # longer than anybody asks
        if self.server.up:
            again = self.gates[name]
            self._run(again.look(now=True))
            lost = again.memory.entry(f"lost-{self.count}")
            assert lost is None or (lost.state.value, lost.told) == ("release", True)

    @rule(name=st.sampled_from(["one", "two"]), job=jobs, well=st.booleans())
    def end(self, name: str, job: str, well: bool) -> None:
        if job not in self.live:
            return
        name = name if self.live[job] == "home" else OTHER_FOLDER
        gate = self.gates[name]
        self._run(gate.refresh())
        folder = self.live.pop(job)
        if well:
            self._run(gate.commit(job))
            self.made[job] = (*self.granted[job], folder)
        else:
            self._run(gate.release(job))
            self.failed[job] = folder

    @rule(job=jobs)
    def try_again(self, job: str) -> None:
        if job in self.failed:
            self._reserve("two" if self.failed[job] == "home" else OTHER_FOLDER, job)

    @rule(up=st.booleans())
    def server_comes_and_goes(self, up: bool) -> None:
        self.server.up = up
        self._pass(20.0)  # longer than the pause after a call in vain

    @rule(hours=st.sampled_from([0.5, 3, 7, 13, 30]), watched=st.booleans())
    def time_passes(self, hours: float, watched: bool) -> None:
        """watched: reservations are renewed all the while; otherwise by the next driver, before it does anything."""
        rest = hours * HOUR
        while rest > 0:
            step = min(rest, HOUR if watched else rest)
            self._pass(step)
            rest -= step
            for job, folder in self.live.items():
                gate = self.gates["one" if folder == "home" else OTHER_FOLDER]
                self._run(gate.refresh())
                self._run(gate.renew(job))

    def _pass(self, seconds: float) -> None:
        self.hands.move(seconds)
        self.here.now += seconds

    @rule(name=st.sampled_from(["one", "two", OTHER_FOLDER]))
    def restart(self, name: str) -> None:
        self.gates[name] = self._gate(name)

    @rule(name=st.sampled_from(["one", "two", OTHER_FOLDER]))
    def look(self, name: str) -> None:
        self._run(self.gates[name].look(now=True))

    @invariant()
    def one_a_day_from_each_folder(self) -> None:
        made = [(day, folder) for day, _known, folder in self.made.values()]
        assert len(made) == len(set(made)), self.made

    @invariant()
    def one_a_day_from_the_server(self) -> None:
        days = [day for day, known, _folder in self.made.values() if known]
        assert len(days) == len(set(days)), self.made


TestGate = GateMachine.TestCase
TestGate.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_new_day_begins_at_midnight_utc(tmp_path: Path) -> None:
    async def day() -> None:
        hands = Hands(20_000 * DAY - 1.0)
        gate = gate_on(tmp_path, "", hands)
        await gate.open()
        assert await may(gate, "one")
        await gate.commit("one")
        assert (gate.status.left, gate.status.resets_at) == (0, 20_000 * DAY)
        assert not await may(gate, "two")
        hands.move(2.0)
        assert gate.status.left == 1
        assert await may(gate, "two")
        hands.move(-2 * DAY)  # set back: what was made later counts here too
        assert not await may(gate, "three")
        await gate.close()

    asyncio.run(day())


def test_a_reservation_that_ran_out_on_the_server_meanwhile_is_said_again(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        server, hands = RealRules(here), Hands(here.now)
        gate = gate_on(tmp_path / "home", "http://127.0.0.1:9", hands)
        gate.desk._api = cast(LicenseApi, server)

        async def night() -> None:
            await gate.open()
            assert await may(gate, "long")
            server.up = False
            for _hour in range(7):
                hands.move(HOUR)
                here.now += HOUR
                await gate.renew("long")
            server.up = True
            hands.move(60)
            assert not await may(gate, "another")
            await gate.close()

        here.runner.run(night())
