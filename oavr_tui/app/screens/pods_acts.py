"""What can be done on the Pods screen: each action asks where money or something on a disk is at stake."""

from __future__ import annotations

from dataclasses import replace

from textual import on, work
from textual.widgets import Button

from oavr_tui.app.screens.pane import Pane
from oavr_tui.errors import NoKey, OavrError
from oavr_tui.models import Pod, PodKind, PodState, PodWish
from oavr_tui.text import safe

_ON_ITS_WAY = (PodState.STOPPING, PodState.TERMINATING)


class PodActs(Pane):
    """The actions. Which pod they are about, and how to bring one into sight, is the screen's."""

    @property
    def pod(self) -> Pod | None:
        """The pod under the cursor."""
        raise NotImplementedError

    def select(self, pod_id: str) -> None:
        """Bring a pod into sight, with its log."""
        raise NotImplementedError

    def _complain(self, error: OavrError) -> None:
        self.oavr.say(error.message, bad=True)

    # --- starting, stopping, deleting

    def action_start_stop(self) -> None:
        if self.pod is not None:
            self._start_or_stop(self.pod)

    @work(exclusive=True, group="pods-ask")
    async def _start_or_stop(self, pod: Pod) -> None:
        from oavr_tui.app.dialogs.stop_pod import ask_start, ask_stop

        if pod.state in _ON_ITS_WAY:
            self.oavr.say(f"{pod.name} is being {'stopped' if pod.state is PodState.STOPPING else 'deleted'} already.")
            return
        starts = pod.state is PodState.STOPPED
        wish = PodWish.START if starts else PodWish.STOP
        if not self._refused(pod, wish) and await (ask_start if starts else ask_stop)(self.oavr, pod):
            await self._ask_for(pod, wish)
            if starts:
                self.select(pod.id)

    def action_terminate(self) -> None:
        if self.pod is not None:
            self._terminate(self.pod)

    @work(exclusive=True, group="pods-ask")
    async def _terminate(self, pod: Pod) -> None:
        from oavr_tui.app.dialogs.terminate import ask_forget, ask_terminate

        engine = await self.engine()
        if pod.kind is PodKind.ADDRESS:
            if await ask_forget(self.oavr, pod):
                try:
                    await engine.forget_address(pod)
                except OavrError as error:
                    self._complain(error)
            return
        if pod.state is PodState.TERMINATING:
            self.oavr.say(f"{pod.name} is being deleted already.")
            return
        spent = engine.pod_cost(pod).spent
        if not self._refused(pod, PodWish.TERMINATE) and await ask_terminate(self.oavr, pod, spent):
            await self._ask_for(pod, PodWish.TERMINATE)

    def _refused(self, pod: Pod, wish: PodWish) -> bool:
        """Say at once why something cannot be done, rather than after the question whether to do it."""
        engine = self.oavr.engine
        if engine is None:
            return True
        refusal = ""
        if pod.kind is PodKind.ADDRESS:
            refusal = f"{pod.name} is an address of your own: it is never started or stopped here, and costs nothing."
        elif wish is not PodWish.START:
            refusal = engine.fleet.needs.against_ending(pod, wish)
        if refusal:
            self.oavr.say(refusal, bad=True)
        return bool(refusal)

    async def _ask_for(self, pod: Pod, wish: PodWish) -> None:
        engine = await self.engine()
        try:
            await engine.fleet.ask(engine.fleet.book.get(pod.id) or pod, wish)
        except NoKey:
            await self._get_key()
        except OavrError as error:
            self._complain(error)

    @work(exclusive=True, group="pods-deletion")
    async def _ask_about_deletion(self) -> None:
        """Once: what becomes of stopped pods."""
        from oavr_tui.app.dialogs.stop_pod import ask_about_deletion, deletion_is_open

        if deletion_is_open(self.oavr) and len(self.app.screen_stack) == 1:
            await ask_about_deletion(self.oavr)

    # --- new ones

    @on(Button.Pressed, "#pods-new")
    def action_new(self) -> None:
        self._new()

    @work(exclusive=True, group="pods-ask")
    async def _new(self) -> None:
        from oavr_tui.app.dialogs.new_pod import NewPod

        engine = await self.engine()
        if not engine.fleet.rental.has_key and not await self._get_key():
            return
        if pod_id := await self.app.push_screen_wait(NewPod()):
            self.select(pod_id)

    async def _get_key(self) -> bool:
        from oavr_tui.app.dialogs.get_key import GetKey

        kept = await self.app.push_screen_wait(GetKey())
        return kept is True

    @on(Button.Pressed, "#pods-add")
    def action_add(self) -> None:
        self._add()

    @work(exclusive=True, group="pods-ask")
    async def _add(self) -> None:
        from oavr_tui.app.dialogs.add_address import AddAddress

        added = await self.app.push_screen_wait(AddAddress())
        if added is not None:
            pod_id, sentence = added
            self.select(pod_id)
            self.oavr.say(sentence)

    # --- using one

    async def action_use(self) -> None:
        from oavr_tui.app.screens.studio import Studio

        pod = self.pod
        if pod is None:
            return
        studio = await self.oavr.go("studio")
        assert isinstance(studio, Studio)
        studio.form.fill(replace(studio.form.draft, on=pod.name, full=True))
        self.oavr.say(f"The next full video is made on {safe(pod.name, 60)}; More options changes that.")

    def pod_with_log(self) -> Pod | None:
        """The chosen pod, where its log is kept here; where it is not, that is said."""
        pod = self.pod
        if pod is not None and pod.kind is PodKind.ADDRESS:
            self.oavr.say(f"{pod.name} is an address of your own; its log is where it runs.")
            return None
        return pod

    def action_save_log(self) -> None:
        pod = self.pod_with_log()
        if pod is None:
            return
        self.oavr.save_log(self.oavr.paths.pod_log(pod.id), f"{pod.name}.log")

    def action_open_comfyui(self) -> None:
        if self.pod is not None:
            self._open_comfyui(self.pod)

    @work(exclusive=True, group="pods-ask")
    async def _open_comfyui(self, pod: Pod) -> None:
        from oavr_tui.app.dialogs.question import BACK, Answer, Question

        engine = await self.engine()
        if pod.state is not PodState.READY:
            self.oavr.say(f"ComfyUI answers only while {pod.name} is running; it is {pod.state} now.", bad=True)
            return
        try:
            url, token = engine.fleet.needs.address_of(pod)
        except OavrError as error:
            self._complain(error)
            return
        lines = []
        if pod.kind is PodKind.RUNPOD:
            lines.append(
                "Whoever knows its address can use this pod, and see what is made on it: pass it on to nobody."
            )
        if token:
            lines.append("It asks for the token that you gave.")
        if lines:
            answers = [Answer("open", "Open it", "primary"), BACK]
            question = Question(f"Open ComfyUI of {safe(pod.name, 60)}?", lines, answers, focus="open")
            if await self.app.push_screen_wait(question) != "open":
                return
        await self.oavr.show_address(url, f"ComfyUI of {pod.name}")
