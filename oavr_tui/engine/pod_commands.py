"""Own addresses: taken in with a look whether anybody answers there, and forgotten again."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from oavr_tui.engine.parts import Parts
from oavr_tui.errors import BadInput, OavrError
from oavr_tui.models import Pod, PodKind
from oavr_tui.text import safe

_ANSWER_SECONDS = 15.0


class PodCommands(Parts):
    """The engine's part for pods that are not rented; the rented ones are the fleet's."""

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
