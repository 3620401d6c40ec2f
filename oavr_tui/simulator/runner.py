"""The worker of the simulated server: one prompt at a time, told to the sockets in the recorded order of messages."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from oavr_tui.simulator.faults import Fail, Faults
from oavr_tui.simulator.folders import Folders
from oavr_tui.simulator.making import Interrupted, Made, Node, Pace, Tools
from oavr_tui.simulator.node_info import Generation, NodeInfo
from oavr_tui.simulator.order import Cache, Order, Signatures, links_of
from oavr_tui.simulator.progress import Progress
from oavr_tui.simulator.sockets import Sockets
from oavr_tui.simulator.state import Ended, Graph, Prompt, PromptQueue


@dataclass(slots=True)
class _Run:
    """One prompt under way."""

    prompt: Prompt
    graph: Graph
    progress: Progress
    current: str
    messages: list[list[Any]] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    results: dict[str, Made] = field(default_factory=dict)


class Runner:
    """Takes prompts from the queue and carries them out, until its task is cancelled.

    wall: unix seconds, for timestamps. clock and sleep: seconds of running time.
    """

    def __init__(
        self,
        queue: PromptQueue,
        sockets: Sockets,
        info: NodeInfo,
        folders: Folders,
        nodes: dict[str, Node],
        *,
        generation: Generation,
        faults: Faults,
        pace: Pace,
        log: Callable[[str], None],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._queue = queue
        self._sockets = sockets
        self._info = info
        self._folders = folders
        self._nodes = nodes
        self._generation = generation
        self._faults = faults
        self._pace = pace
        self._log = log
        self._wall = wall
        self._clock = clock
        self._sleep = sleep
        self._interrupt_asked = False
        self.cache = Cache(generation)
        self.executed: list[str] = []

    def interrupt(self, prompt_id: str | None = None) -> bool:
        """Ask the running prompt to stop at its next tick: any, or only the one with this id. False if none runs."""
        running = self._queue.running
        if prompt_id is not None and (running is None or running.prompt_id != prompt_id):
            return False
        self._interrupt_asked = True
        return running is not None

    async def run_forever(self) -> None:
        """Carry out prompts as they come, until cancelled."""
        while True:
            prompt = await self._queue.take()
            self._interrupt_asked = False
            self._log("got prompt")
            started = self._clock()
            ended = await self._execute(prompt)
            self.executed.append(prompt.prompt_id)
            self._queue.finish(prompt, ended)
            self._tell(prompt, "executing", {"node": None, "prompt_id": prompt.prompt_id})
            self._log(f"Prompt executed in {self._clock() - started:.2f} seconds")

    async def _execute(self, prompt: Prompt) -> Ended:
        client = prompt.client_id
        self._sockets.client_id, self._sockets.last_node = client, None
        progress = Progress(
            prompt.prompt_id,
            self._generation,
            lambda kind, data: self._sockets.publish(kind, data, client),
            self._clock,
        )
        run = _Run(prompt, self._without_stray_links(prompt.graph), progress, prompt.outputs[0])
        self._message(run, "execution_start", {})
        signatures = Signatures(run.graph, self._folders)
        try:
            order = await self._begin(run, signatures)
            while order:
                run.current = order.take()
                await self._node(run, signatures.of(run.current))
                order.done(run.current)
            self._message(run, "execution_success", {})
            success = True
        except Interrupted:
            self._message(run, "execution_interrupted", self._where(run), everybody=True)
            success = False
        except Exception as error:  # whatever a node raises is an answer for the client, as on a real server
            self._log(f"!!! Exception during processing !!! {error}")
            self._message(run, "execution_error", self._failure(run, error))
            success = False
        self._sockets.last_node = None
        shown = {n: made.ui for n, made in run.results.items() if made.ui is not None}
        meta = {n: {"node_id": n, "display_node": n, "parent_node": None, "real_node_id": n} for n in shown}
        return Ended(success, shown, meta, run.messages)

    async def _begin(self, run: _Run, signatures: Signatures) -> Order:
        graph = run.graph
        by_node = await asyncio.to_thread(_sign_all, graph, run.prompt.outputs, signatures)
        self.cache.begin(set(by_node.values()))
        cached = {n: made for n in by_node if (made := self.cache.get(by_node[n])) is not None}
        run.results |= {n: made for n, made in cached.items() if n not in run.prompt.outputs}
        self._message(run, "execution_cached", {"nodes": [n for n in graph if n in cached]})
        return Order(
            graph, run.prompt.outputs, lambda n: n in cached, lambda n: self._info.is_output(graph[n]["class_type"])
        )

    async def _node(self, run: _Run, signature: str) -> None:
        """Run one node, or show again what it made before."""
        node_id, prompt = run.current, run.prompt
        made: Made | None = self.cache.get(signature)
        if made is None:
            self._check()
            self._sockets.last_node = node_id
            run.progress.start(node_id)
            self._tell(prompt, "executing", {"node": node_id, "display_node": node_id, "prompt_id": prompt.prompt_id})
            made = await self._make(run)
            self.cache.put(signature, made, shown=made.ui is not None)
            run.executed.append(node_id)
        run.results[node_id] = made
        if made.ui is not None:
            shown = {"node": node_id, "display_node": node_id, "output": made.ui, "prompt_id": prompt.prompt_id}
            self._tell(prompt, "executed", shown)
        run.progress.finish(node_id)

    async def _make(self, run: _Run) -> Made:
        node_id, prompt = run.current, run.prompt
        node = run.graph[node_id]
        if fail := self._faults.for_node(node["class_type"]):
            raise _ordered_failure(fail)

        def tick(value: float, maximum: float) -> None:
            self._check()
            run.progress.update(node_id, value, maximum)

        tools = Tools(
            node_id=node_id,
            prompt_id=prompt.prompt_id,
            graph=run.graph,
            folders=self._folders,
            generation=self._generation,
            pace=self._pace,
            clock=self._clock,
            sleep=self._sleep,
            progress=tick,
            check=self._check,
            preview=lambda image: self._sockets.publish_preview(image, run.progress.about(node_id), prompt.client_id),
        )
        return await self._nodes[node["class_type"]](tools, _inputs(run, node))

    def _without_stray_links(self, graph: Graph) -> Graph:
        """The graph without links into inputs that a node does not have: nobody checked where those lead."""
        clean: Graph = {}
        for node_id, node in graph.items():
            declared = {key for key, _, _ in self._info.inputs(node["class_type"])}
            inputs = {k: v for k, v in node.get("inputs", {}).items() if k in declared or not isinstance(v, list)}
            clean[node_id] = {**node, "inputs": inputs}
        return clean

    def _check(self) -> None:
        if self._interrupt_asked:
            self._interrupt_asked = False
            raise Interrupted

    def _where(self, run: _Run) -> dict[str, Any]:
        node_type = run.graph[run.current]["class_type"]
        return {"node_id": run.current, "node_type": node_type, "executed": list(run.executed)}

    def _failure(self, run: _Run, error: Exception) -> dict[str, Any]:
        given = _inputs(run, run.graph[run.current])
        return {
            **self._where(run),
            "exception_message": f"{error}\n",
            "exception_type": _full_name(error),
            "traceback": traceback.format_tb(error.__traceback__),
            "current_inputs": {key: [_plain(value)] for key, value in given.items()},
            "current_outputs": list(run.graph),
        }

    def _message(self, run: _Run, kind: str, data: dict[str, Any], *, everybody: bool = False) -> None:
        """Say something that the history keeps. Without a clientId nobody hears it, unless it is for everybody."""
        data = {"prompt_id": run.prompt.prompt_id, **data, "timestamp": int(self._wall() * 1000)}
        run.messages.append([kind, data])
        if run.prompt.client_id is not None or everybody:
            self._sockets.publish(kind, data, run.prompt.client_id)

    def _tell(self, prompt: Prompt, kind: str, data: dict[str, Any]) -> None:
        if prompt.client_id is not None:
            self._sockets.publish(kind, data, prompt.client_id)


def _sign_all(graph: Graph, outputs: list[str], signatures: Signatures) -> dict[str, str]:
    """Signatures of the outputs and all that feeds them."""
    found: dict[str, str] = {}
    stack = list(outputs)
    while stack:
        node_id = stack.pop()
        if node_id not in found:
            found[node_id] = signatures.of(node_id)
            stack += links_of(graph[node_id])
    return found


def _inputs(run: _Run, node: dict[str, Any]) -> dict[str, Any]:
    """The node's inputs with links followed."""
    return {
        key: run.results[value[0]].values[value[1]] if isinstance(value, list) and value[0] in run.results else value
        for key, value in node["inputs"].items()
    }


def _ordered_failure(fail: Fail) -> Exception:
    """An exception with the type and text that the fault script asks for."""
    module, _, name = fail.exception_type.rpartition(".")
    kind = type(name, (RuntimeError,), {"__module__": module or "builtins", "__qualname__": name})
    error: Exception = kind(fail.message)
    return error


def _full_name(error: Exception) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | bool | str) else str(value)
