"""Signing out: what this computer forgets. Videos stay, and so does everything that may cost money or is being made."""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum

from oavr_tui.engine.job_commands import JobCommands
from oavr_tui.engine.key_commands import KeyCommands
from oavr_tui.engine.pod_commands import PodCommands
from oavr_tui.errors import BadInput
from oavr_tui.models import PodKind


class Forget(StrEnum):
    """What can be forgotten. jobs: those that have ended. measures: how long things took here."""

    KEY = "key"
    ADDRESSES = "addresses"
    JOBS = "jobs"
    MEASURES = "measures"


class SignOutCommands(JobCommands, KeyCommands, PodCommands):
    """The engine's part for signing out."""

    async def sign_out(self, what: Set[str]) -> str:
        """Forget these (names of `Forget`), and return what had to stay and why, as sentences; empty where nothing did.

        Everything else is done even if something has to stay. Raises BadInput for a name that is not known, before
        anything is forgotten.
        """
        try:
            chosen = {Forget(name) for name in what}
        except ValueError:
            raise BadInput("Only the key, addresses, jobs and measures can be forgotten.") from None
        await self.refresh()
        stays: list[str] = []
        if Forget.KEY in chosen:
            stays += await self._forget_the_key()
        if Forget.ADDRESSES in chosen:
            stays += await self._forget_addresses()
        if Forget.JOBS in chosen:
            stays += await self._forget_jobs()
        if Forget.MEASURES in chosen:
            await self.fleet.book.forget_measures()
        return " ".join(stays)

    async def _forget_the_key(self) -> list[str]:
        if refusal := self.against_forgetting_key():
            return [f"The key stays: {refusal}"]
        await self.forget_key(anyway=True)
        origin = await self.key_origin()
        if origin.kind == "environment":
            return [
                f"A key is set in {origin.place} in the environment still, and is used until it is taken out there."
            ]
        return []

    async def _forget_addresses(self) -> list[str]:
        stays = []
        for pod in self.fleet.book.all():
            if pod.kind is not PodKind.ADDRESS:
                continue
            waits = any(not job.ended and job.request.on == pod.name for job in self.jobs())
            if waits or self.fleet.needs.made_on(pod) or self.fleet.needs.unsaved_on(pod):
                stays.append(f"{pod.name} stays: a video waits for it, or is still there.")
            else:
                await self.forget_address(pod)
        return stays

    async def _forget_jobs(self) -> list[str]:
        await self.clear_finished()
        left = [job for job in self.jobs() if job.ended]
        if not left:
            return []
        many = f"{len(left)} failed videos stay" if left[1:] else f"{left[0].title} stays"
        return [f"{many}: what was made can still be fetched with Retry."]
