"""Is a posted graph one that the server can run? The checks and answers of ComfyUI's `validate_prompt`, as recorded.

Like the real thing it walks from the output nodes upward, converts numbers given as text, checks ranges of literal
values only (never of linked ones), and accepts a prompt of which only some outputs are good.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oavr_tui.simulator.folders import Folders, Outside
from oavr_tui.simulator.node_info import Generation, NodeInfo
from oavr_tui.simulator.state import Graph

_LONGEST_LIST_SHOWN = 20
_UNCHECKED_VALUES = frozenset({"VHS_VideoCombine"})
"""Nodes whose own VALIDATE_INPUTS takes everything, which switches the server's checks of values off."""
_CONVERTERS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


class BadWorkflow(Exception):
    """The posted thing is so far from a graph that a new server answers 500."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """error is None where the prompt is accepted, even if only for some of its outputs."""

    error: dict[str, Any] | None
    outputs: list[str]
    node_errors: dict[str, Any] = field(default_factory=dict)


def error_of(kind: str, message: str, details: str = "", **extra: Any) -> dict[str, Any]:
    """The four-part error object that ComfyUI uses everywhere."""
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def validate(
    graph: Graph, info: NodeInfo, folders: Folders, generation: Generation, targets: list[str] | None = None
) -> Verdict:
    """Check a graph and convert its values in place. targets: the only output nodes wanted, or None for all of them.

    Raises BadWorkflow where a new server fails with status 500.
    """
    found = _find_outputs(graph, info, generation, targets)
    if isinstance(found, Verdict):
        return found
    check = _Check(graph, info, folders)
    good: list[str] = []
    node_errors: dict[str, Any] = {}
    for output in found:
        if check.output(output):
            good.append(output)
            continue
        for node_id, reasons in check.reasons.items():
            if reasons:
                entry = node_errors.setdefault(
                    node_id,
                    {"errors": reasons, "dependent_outputs": [], "class_type": graph[node_id].get("class_type")},
                )
                entry["dependent_outputs"].append(output)
    if good:
        return Verdict(None, good, node_errors)
    details = "\n".join(f"{r['message']}: {r['details']}" for output in found for r in check.reasons[output])
    failed = error_of("prompt_outputs_failed_validation", "Prompt outputs failed validation", details)
    return Verdict(failed, [], node_errors)


def _find_outputs(
    graph: Graph, info: NodeInfo, generation: Generation, targets: list[str] | None
) -> list[str] | Verdict:
    outputs = []
    for node_id, node in graph.items():
        if generation == "new" and not isinstance(node, dict):
            raise BadWorkflow(node_id)
        kind = node.get("class_type") if isinstance(node, dict) else None
        if kind is None or kind not in info:
            return Verdict(_unknown_node(node_id, node, generation), [])
        if info.is_output(kind) and (targets is None or node_id in targets):
            outputs.append(node_id)
    if not outputs:
        return Verdict(error_of("prompt_no_outputs", "Prompt has no outputs"), [])
    return outputs


def _unknown_node(node_id: str, node: Any, generation: Generation) -> dict[str, Any]:
    kind = node.get("class_type") if isinstance(node, dict) else None
    details = f"Node ID '#{node_id}'"
    if generation == "old":
        message = (
            "Cannot execute because a node is missing the class_type property."
            if kind is None
            else f"Cannot execute because node {kind} does not exist."
        )
        return error_of("invalid_prompt", message, details)
    title = node.get("_meta", {}).get("title", kind)
    message = (
        f"Node 'ID #{node_id}' has no class_type. The workflow may be corrupted or a custom node is missing."
        if kind is None
        else f"Node '{title}' not found. The custom node may not be installed."
    )
    return error_of("missing_node_type", message, details, node_id=node_id, class_type=kind, node_title=title)


class _Check:
    """One walk over one graph. reasons: per visited node its own errors; a node may be bad for its ancestors' only."""

    def __init__(self, graph: Graph, info: NodeInfo, folders: Folders) -> None:
        self._graph = graph
        self._info = info
        self._folders = folders
        self._verdicts: dict[str, bool] = {}
        self._path: list[str] = []
        self.reasons: dict[str, list[dict[str, Any]]] = {}

    def output(self, node_id: str) -> bool:
        try:
            return self._node(node_id)
        except Exception as error:  # whatever a strange graph causes is an answer, not a crash
            self._verdicts[node_id] = False
            extra = {"exception_type": _full_name(error), "traceback": traceback.format_tb(error.__traceback__)}
            self.reasons[node_id] = [
                error_of("exception_during_validation", "Exception when validating node", str(error), **extra)
            ]
            return False

    def _node(self, node_id: str) -> bool:
        if node_id in self._verdicts:
            return self._verdicts[node_id]
        if node_id in self._path:
            raise ValueError(f"Dependency cycle detected: {' -> '.join([*self._path, node_id])}")
        self._path.append(node_id)
        try:
            given = self._graph[node_id]["inputs"]
            errors: list[dict[str, Any]] = []
            ancestors_good = True
            for key, config, required in self._info.inputs(self._graph[node_id]["class_type"]):
                if key not in given:
                    if required:
                        errors.append(
                            error_of("required_input_missing", "Required input is missing", key, input_name=key)
                        )
                elif isinstance(given[key], list):
                    ancestors_good &= self._link(key, config, given[key], errors)
                else:
                    errors += self._value(node_id, key, config)
        finally:
            self._path.pop()
        self._verdicts[node_id] = ancestors_good and not errors
        self.reasons[node_id] = [*self.reasons.get(node_id, ()), *errors]  # in a cycle there already is one
        return self._verdicts[node_id]

    def _link(self, key: str, config: list[Any], link: list[Any], errors: list[dict[str, Any]]) -> bool:
        """Check a link and what it leads to; False where something further up is bad."""
        if len(link) != 2:
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            errors.append(
                error_of("bad_linked_input", message, key, input_name=key, input_config=config, received_value=link)
            )
            return True
        source, slot = link
        received = self._info.outputs(self._graph[source]["class_type"])[slot]
        if not _fits(received, config[0]):
            details = f"{key}, received_type({received}) mismatch input_type({config[0]})"
            message = "Return type mismatch between linked nodes"
            extra = {"input_name": key, "input_config": config, "received_type": received, "linked_node": link}
            errors.append(error_of("return_type_mismatch", message, details, **extra))
            return True
        try:
            return self._node(source)
        except Exception as error:  # the server reports it at the node with the bad link
            extra = {
                "input_name": key,
                "input_config": config,
                "exception_message": str(error),
                "exception_type": _full_name(error),
                "traceback": traceback.format_tb(error.__traceback__),
                "linked_node": link,
            }
            self._verdicts[source] = False
            self.reasons[source] = [
                error_of(
                    "exception_during_inner_validation", "Exception when validating inner node", str(error), **extra
                )
            ]
            return False

    def _value(self, node_id: str, key: str, config: list[Any]) -> list[dict[str, Any]]:
        """Convert one literal value in place and check it; at most one error."""
        node = self._graph[node_id]
        value = node["inputs"][key]
        about = {"input_name": key, "input_config": config, "received_value": value}
        kind, settings = config[0], config[1] if len(config) > 1 else {}
        if isinstance(kind, str) and kind in _CONVERTERS:
            try:
                value = node["inputs"][key] = _CONVERTERS[kind](value)
            except (TypeError, ValueError, OverflowError) as error:
                message = f"Failed to convert an input value to a {kind} value"
                details = f"{key}, {value}, {error}"
                return [error_of("invalid_input_type", message, details, **about, exception_message=str(error))]
        about["received_value"] = value
        if node["class_type"] in ("LoadImage", "LoadAudio"):
            return self._file(key, value)
        if node["class_type"] in _UNCHECKED_VALUES:
            return []
        if "min" in settings and value < settings["min"]:
            message = f"Value {value} smaller than min of {settings['min']}"
            return [error_of("value_smaller_than_min", message, key, **about)]
        if "max" in settings and value > settings["max"]:
            message = f"Value {value} bigger than max of {settings['max']}"
            return [error_of("value_bigger_than_max", message, key, **about)]
        options = kind if isinstance(kind, list) else settings.get("options") if kind == "COMBO" else None
        if options is not None and node["class_type"] != "SaveVideo" and value not in options:
            long = len(options) > _LONGEST_LIST_SHOWN
            shown = f"(list of length {len(options)})" if long else str(options)
            about["input_config"] = None if long else config
            return [error_of("value_not_in_list", "Value not in list", f"{key}: '{value}' not in {shown}", **about)]
        return []

    def _file(self, key: str, value: Any) -> list[dict[str, Any]]:
        """LoadImage and LoadAudio look whether the file is there, not whether the combo lists it."""
        try:
            self._folders.loadable(str(value))
        except (FileNotFoundError, Outside, OSError, ValueError):
            details = f"{key} - Invalid {key} file: {value}"
            message = "Custom validation failed for node"
            return [error_of("custom_validation_failed", message, details, input_name=key)]
        return []


def _fits(received: str, wanted: Any) -> bool:
    """Whether an output of one type may feed an input of another; several types are written with commas."""
    if not isinstance(wanted, str) or "*" in (received, wanted):
        return True
    return bool(set(received.split(",")) & set(wanted.split(",")))


def _full_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
