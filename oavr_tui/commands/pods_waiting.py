"""Waiting until a studio is in the state that was asked for, telling of each step."""

from __future__ import annotations

from dataclasses import dataclass

from oavr_tui.commands.reporting import step_record
from oavr_tui.commands.session import EXIT_CANCELLED, Left, Signals, follow
from oavr_tui.commands.talk import put_json, say
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import Event, Notice, PodChanged, PodStepped
from oavr_tui.models import Pod, PodState, PodWish

_ENDS = frozenset({PodState.READY, PodState.STOPPED, PodState.GONE})


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for. undo: what ctrl+c asks for instead, where the way there can be turned back."""

    pod: Pod
    until: PodState
    undo: PodWish = PodWish.NOTHING


class _Watcher:
    """Follows one studio by its name, since a start may go on on another machine."""

    def __init__(self, engine: Engine, waiting: Waiting, as_json: bool) -> None:
        self._engine = engine
        self._wanted = waiting
        self._json = as_json
        self.pod = waiting.pod
        self.undone = False

    def heard(self, event: Event) -> bool:
        if isinstance(event, Notice):
            say(event.text)
        elif isinstance(event, PodStepped) and event.name == self.pod.name:
            put_json(step_record(event)) if self._json else say(f"{event.name}: {event.text}.")
        elif isinstance(event, PodChanged):
            self._follow(event.pod)
        return self.over()

    def over(self) -> bool:
        """Whether nothing further will come of it."""
        if self.undone:
            return self.pod.state in (PodState.STOPPED, PodState.GONE)
        return not self.pod.asked and self.pod.state in _ENDS | {self._wanted.until}

    def _follow(self, changed: Pod) -> None:
        if changed.id == self.pod.id:
            self.pod = changed
        if self._wanted.until is PodState.READY and self.pod.state in (PodState.TERMINATING, PodState.GONE):
            successor = self._engine.fleet.book.named(self.pod.name)
            if successor is not None and successor.starting and not self.undone:
                self.pod = successor


async def wait_for(engine: Engine, waiting: Waiting, as_json: bool) -> int:
    """Drive, or wait for whoever drives, until it is so; returns the exit code."""
    signals = Signals()
    with signals.caught(), engine.listen() as events:
        watcher = _Watcher(engine, waiting, as_json)
        try:
            async with engine.driving_when_free():

                async def turn_back() -> None:
                    if waiting.undo is PodWish.NOTHING:
                        raise Left(2)
                    watcher.undone = True
                    say(f"Turning back: {watcher.pod.name} is given up.")
                    watcher.pod = await engine.fleet.ask(watcher.pod, waiting.undo)

                if not watcher.over():
                    await follow(engine, events, watcher.heard, turn_back, signals)
        except Left as left:
            say(f"Stopped waiting; {watcher.pod.name} goes on in the background.")
            return left.exit_code
    return _concluded(watcher, waiting, as_json)


def _concluded(watcher: _Watcher, waiting: Waiting, as_json: bool) -> int:
    pod = watcher.pod
    reached = pod.state is waiting.until or (waiting.until is PodState.STOPPED and pod.state is PodState.GONE)
    if as_json:
        put_json({"name": pod.name, "state": pod.state.value, "note": pod.note or None})
    elif reached and not watcher.undone:
        say(f"{pod.name} is {pod.state.value}.")
    elif not watcher.undone and pod.note:
        say(pod.note)
    if watcher.undone:
        return EXIT_CANCELLED
    return 0 if reached else 1
