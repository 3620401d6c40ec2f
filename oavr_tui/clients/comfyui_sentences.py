"""What went wrong on a ComfyUI server, in one plain sentence: no traceback, no raw answer, no control characters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oavr_tui.errors import OavrError, OutOfMemory, Rejected
from oavr_tui.text import safe

_MEMORY_SIGNS = (
    "outofmemoryerror",
    "out of memory",
    "allocation on device",
    "cublas_status_alloc_failed",
    "not enough memory",
)
_MISSING_CLASS = ("missing_node_type", "invalid_prompt")


def execution_error(details: Mapping[str, Any]) -> OavrError:
    """The error for an execution_error message: OutOfMemory where the card was full, else Rejected."""
    kind, message = _text(details.get("exception_type")), _text(details.get("exception_message"))
    node = _named(details.get("node_type"))
    if is_out_of_memory(kind, message):
        return OutOfMemory(
            f"The server's graphics card ran out of memory {_at(node)}. A smaller shape or a larger card helps."
        )
    if node in ("LoadImage", "LoadAudio"):
        what = "picture" if node == "LoadImage" else "voice"
        return Rejected(f"The server cannot open the {what}: {_reason(kind, message)}. Try another file.")
    return Rejected(f"The server failed {_at(node)}: {_reason(kind, message)}.", can_retry=True)


def is_out_of_memory(kind: str, message: str) -> bool:
    """Whether an exception's type and message say that memory ran out (torch's, CUDA's or ComfyUI's own words)."""
    said = f"{kind} {message}".lower()
    return any(sign in said for sign in _MEMORY_SIGNS)


def refused(document: object) -> OavrError:
    """The error for a graph that POST /prompt did not take, out of its answer (whatever that is)."""
    answer = _section(document)
    error = _section(answer.get("error"))
    node_sentence = node_errors(answer.get("node_errors"))
    if node_sentence is not None:
        return Rejected(node_sentence)
    kind, message = _text(error.get("type")), _text(error.get("message"))
    if kind in _MISSING_CLASS:
        name = _text(_section(error.get("extra_info")).get("class_type")) or _quoted(message)
        return Rejected(
            f"The server lacks the node {safe(name, 60)}. Install its custom nodes there and start ComfyUI again."
            if name
            else f"The server does not understand the workflow: {_end(message)}."
        )
    if kind == "prompt_no_outputs":
        return Rejected("The server finds nothing in the workflow that saves a video, so it was not started.")
    return Rejected(f"The server did not accept the workflow: {_end(message) or 'it does not say why'}.")


def node_errors(errors: object) -> str | None:
    """A sentence about the first of a prompt's node errors, and how many more there are; None where there are none."""
    if not isinstance(errors, dict) or not errors:
        return None
    first = next(iter(errors.values()))
    listed = first.get("errors") if isinstance(first, dict) else None
    problem = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    node = _named(first.get("class_type")) if isinstance(first, dict) else ""
    more = len(errors) - 1
    also = f" ({more} more node{'s' if more > 1 else ''} also)" if more else ""
    return f"The server did not accept the workflow: {_problem(problem, node)}{also}."


def _problem(problem: Mapping[str, Any], node: str) -> str:
    kind, details = _text(problem.get("type")), _text(problem.get("details"))
    at = f"the node {node}" if node else "a node"
    if kind == "value_not_in_list":
        # details: "model_name: 'x' not in ['a', 'b']", or "(list of length 31)" for a long one
        name, _, rest = details.partition(": ")
        wanted = safe(rest.partition(" not in ")[0], 120)
        return f"{at} asks for {wanted}, which the server does not have ({safe(name, 40)})"
    if kind == "custom_validation_failed":
        return f"{at} cannot use its file ({safe(details, 160)})"
    if kind == "required_input_missing":
        return f"{at} lacks its input {safe(details, 60)}"
    said = safe(f"{_text(problem.get('message'))} {details}", 200).rstrip(" .")
    return f"{at} has a problem ({said})" if said else f"{at} has a problem"


def _reason(kind: str, message: str) -> str:
    return _end(message) or safe(kind, 80) or "it does not say why"


def _end(message: str) -> str:
    return safe(message, 200).rstrip(" .")


def _at(node: str) -> str:
    return f"at the node {node}" if node else "while making the video"


def _named(value: object) -> str:
    return safe(_text(value), 60)


def _quoted(message: str) -> str:
    """The class in the older server's "Cannot execute because node X does not exist."."""
    before, found, rest = message.partition("because node ")
    return rest.partition(" does not exist")[0] if found and before and " does not exist" in rest else ""


def _section(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
