"""What a screen of pods asks for: how things stand with each, and own addresses taken in and forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from oavr_tui.engine.parts import Parts
from oavr_tui.engine.spending import PodCost, pod_cost
from oavr_tui.errors import BadInput, OavrError
from oavr_tui.models import Pod, PodKind, PodState
from oavr_tui.text import safe

_ANSWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand with the pods, each by its id of ours. costs: in dollars.

    videos: how many are on a pod or on their way to it. due: when a pod will be stopped (a running one) or deleted (a
    stopped one) if nothing changes, unix seconds.
    """

    costs: Mapping[str, PodCost]
    videos: Mapping[str, int]
    due: Mapping[str, float]


class PodCommands(Parts):
    """The engine's part for the pods as a person sees them; what is rented is the fleet's."""

    def outlook(self) -> Outlook:
        """How things stand with the pods. Needs no disk and no net."""
        from oavr_tui.pods.cost import day_began, total

        now, book = self.now(), self.fleet.book
        pods = book.all()
        today = total(book.paid, now, day_began(now))
        videos = {pod.id: len(self.fleet.needs.made_on(pod)) for pod in pods}
        return Outlook(
            costs={pod.id: pod_cost(pod, book.paid, now) for pod in pods},
            videos=videos,
            due={pod.id: at for pod in pods if (at := self._due(pod, videos[pod.id], today)) is not None},
        )

    def _due(self, pod: Pod, videos: int, spent_today: float) -> float | None:
        from oavr_tui.pods.idle_stop import Facts, decide

        if pod.found or pod.state not in (PodState.READY, PodState.STOPPED):
            return None
        needs = self.fleet.needs
        facts = Facts(
            now=self.now(),
            busy=videos > 0,
            waiting=needs.wanted(pod),
            unsaved=needs.unsaved_on(pod),
            balance_seconds=None,
            spent_today=spent_today,
        )
        return decide(pod, self.fleet.plan, facts).due_at

    async def add_address(self, url: str, *, name: str = "", token: str = "") -> tuple[Pod, str]:
        """Remember an own ComfyUI, whether it answers now or not; returns it, and a sentence on what it answered.

        name: made from the address where none is given. token: what the server wants to be shown, empty for nothing.
        Raises BadInput for an address, a name or a token that cannot be used; nothing is remembered then.
        """
        from oavr_tui.clients.comfyui_http import parse_address
        from oavr_tui.secrets_file import check_shape, save_address_token

        address = parse_address(url)
        if address.authorization is not None:
            raise BadInput("Leave name and password out of the address, and give what the server wants as a token.")
        token = check_shape(token, "This token") if token else ""
        pod = await self.fleet.add_address(address.base, _checked(name) or _name_from(address.base))
        if token:
            await asyncio.to_thread(save_address_token, self.paths, pod.name, token)
        return pod, await self._answer_of(pod, token)

    async def _answer_of(self, pod: Pod, token: str) -> str:
        from oavr_tui.clients.comfyui import ComfyUI

        client = pod.id.replace("-", "")
        try:
            async with (
                asyncio.timeout(_ANSWER_SECONDS),
                ComfyUI(pod.url, client_id=client, token=token or None) as server,
            ):
                info = await server.info()
        except (OavrError, TimeoutError) as error:
            reason = error.message if isinstance(error, OavrError) else "It took too long to answer."
            return f"{pod.name} is remembered, but does not answer now. {reason}"
        return f"{pod.name} answers: ComfyUI {safe(info.version, 40)}, {safe(info.device, 80)}."

    async def forget_address(self, pod: Pod) -> None:
        """Forget an own address and its token. Raises BadInput for a rented pod, and while a video is made there."""
        from oavr_tui.secrets_file import forget_address_token

        if pod.kind is PodKind.RUNPOD:
            raise BadInput(
                f"{pod.name} is on your RunPod account and costs money there, so it is not forgotten. "
                f"'oavr-tui pods terminate {pod.name}' ends it."
            )
        if self.fleet.needs.made_on(pod):
            raise BadInput(f"A video is being made on {pod.name}. Wait for it, or cancel it first.")
        await asyncio.to_thread(forget_address_token, self.paths, pod.name)
        await self.fleet.book.forget(pod)


def _checked(name: str) -> str:
    from oavr_tui.settings import pod_name

    try:
        return pod_name(name) if name.strip() else ""
    except ValueError as reason:
        raise BadInput(f"This name cannot be used: {reason}.") from None


def _name_from(base: str) -> str:
    parts = urlsplit(base)
    host = "".join(sign if sign.isalnum() or sign in ".-" else "-" for sign in parts.hostname or "server")
    return (f"{host}-{parts.port}" if parts.port else host)[:40].strip(".-")
