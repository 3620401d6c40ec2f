"""The person's RunPod key: kept, tried, shown masked, forgotten. A key itself is never part of a sentence."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from oavr_tui.engine.parts import Parts
from oavr_tui.errors import BadInput, OavrError
from oavr_tui.models import Pod, PodState
from oavr_tui.secrets_file import RUNPOD_VARIABLE, check_shape, forget_runpod_key, load_secrets, save_runpod_key

_TEST_SECONDS = 25.0
_SHOWN, _LONG_ENOUGH = 4, 16
"""Characters shown at either end of a key, and how long it must be for that."""


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What came of trying a key. balance: dollars, None where it is not known."""

    ok: bool
    sentence: str
    balance: float | None = None


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """Where the present key is from. masked: fit to show, empty without a key. place: a variable's name, or a path."""

    kind: Literal["environment", "file", "none"]
    masked: str = ""
    place: str = ""


class KeyCommands(Parts):
    """The engine's part for the key."""

    async def key_origin(self) -> KeyOrigin:
        """Where the present key is from. Raises BadInput where the file of keys cannot be used."""
        secrets = await asyncio.to_thread(load_secrets, self.paths, self._environ)
        if not secrets.runpod_key:
            return KeyOrigin("none")
        kind: Literal["environment", "file"] = "environment" if secrets.origin == RUNPOD_VARIABLE else "file"
        return KeyOrigin(kind, masked(secrets.runpod_key), secrets.origin)

    async def save_key(self, key: str) -> KeyOrigin:
        """Keep a key, which is used from now on; returns the one in force, as the environment goes before the file.

        Raises BadInput for what cannot be a key, or where it cannot be written.
        """
        self._setup.hide(key)
        await asyncio.to_thread(save_runpod_key, self.paths, key)
        self._wake()
        self.fleet.driver.wake()
        return await self.key_origin()

    async def forget_key(self, *, anyway: bool = False) -> bool:
        """Remove the kept key; returns whether there was one. The environment is left as it is.

        Raises BadInput while machines are there that cost money and could not be stopped any more; anyway: not even
        then.
        """
        if not anyway and (refusal := self.against_forgetting_key()):
            raise BadInput(refusal)
        return await asyncio.to_thread(forget_runpod_key, self.paths)

    def against_forgetting_key(self) -> str:
        """What would go on costing money without a key, as a sentence; empty where nothing would."""
        pods = [pod for pod in self.fleet.book.all() if costs(pod)]
        if not pods:
            return ""
        names = " and ".join(pod.name for pod in pods)
        price = sum(pod.per_hour if pod.billed else pod.storage_per_hour for pod in pods)
        return (
            f"{names} {'is' if len(pods) == 1 else 'are'} on your RunPod account at ${price:.2f}/h, and could not be "
            "stopped from here without the key. Terminate first."
        )

    async def test_key(self, key: str | None = None) -> KeyReport:
        """Ask the account whether it takes a key, the present one where none is given. Starts nothing, raises nothing
        that is about the key."""
        try:
            given = self._setup.key() if key is None else check_shape(key, "This RunPod key")
        except BadInput as error:
            return KeyReport(False, error.message)
        if not given:
            from oavr_tui.pods.runpod_sentences import no_key_yet

            return KeyReport(False, no_key_yet().message)
        self._setup.hide(given)
        try:
            async with asyncio.timeout(_TEST_SECONDS):
                return await self._ask_with(given)
        except OavrError as error:
            return KeyReport(False, error.message)
        except TimeoutError:
            return KeyReport(
                False, "RunPod did not answer in time, so it is not known whether the key works. Try again."
            )

    async def _ask_with(self, key: str) -> KeyReport:
        from oavr_tui.pods.cost import money

        await asyncio.to_thread(self._setup.load)
        provider = self._setup.open_account(key, self._setup.plan.control)
        try:
            await provider.pods()  # refused for a key that may not look at machines, which the balance does not tell
            account = await provider.account()
        finally:
            await provider.close()
        balance = account.balance if account is not None else None
        if balance is None:
            return KeyReport(True, "The key works. Your balance is not available.")
        short = " Add credit before you start a studio." if balance <= 0 else ""
        return KeyReport(True, f"The key works. Your balance is {money(balance)}.{short}", balance)


def costs(pod: Pod) -> bool:
    """Whether a pod that was started here may cost money, its storage included."""
    return not pod.found and (pod.billed or (pod.state is PodState.STOPPED and pod.storage_per_hour > 0))


def masked(key: str) -> str:
    """A key fit to show, like rpa_…3fA9; of a short one less."""
    if len(key) < _LONG_ENOUGH:
        return f"{key[:2]}…"
    return f"{key[:_SHOWN]}…{key[-_SHOWN:]}"
