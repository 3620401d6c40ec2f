"""What a server offers for an input, read out of /object_info, and finding our files in it.

Servers keep the same file in different folders, and write paths with either slash, so files are matched by their last
part. /object_info writes a list of choices in two ways, and both are read: [["a", "b"], {...}] and
["COMBO", {"options": ["a", "b"]}].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ObjectInfo = Mapping[str, Mapping[str, Any] | None]
"""Class name to its /object_info. None: the server does not know the class. Absent: it was not asked."""

_MODEL_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")


def choices(object_info: ObjectInfo, class_name: str, input_name: str) -> tuple[str, ...] | None:
    """The choices that a server offers for an input; None where it is no list of choices, or not known."""
    spec = _declared(object_info, class_name, input_name)
    if not spec:
        return None
    options: object = spec[0]
    if options == "COMBO":
        options = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
    if not isinstance(options, list):
        return None
    return tuple(option for option in options if isinstance(option, str))


def largest(object_info: ObjectInfo, class_name: str, input_name: str) -> int | None:
    """The largest whole number that a server takes for an input; None where it says nothing."""
    spec = _declared(object_info, class_name, input_name)
    limits = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    most = limits.get("max")
    return most if isinstance(most, int) and most >= 0 else None


def _declared(object_info: ObjectInfo, class_name: str, input_name: str) -> list[Any]:
    declared = _section(_section(object_info.get(class_name), "input"), "required") or {}
    optional = _section(_section(object_info.get(class_name), "input"), "optional") or {}
    spec = declared.get(input_name, optional.get(input_name))
    return spec if isinstance(spec, list) else []


def is_model_file(value: object) -> bool:
    """Whether a value names a model's file, as against a mode or a device."""
    return isinstance(value, str) and value.lower().endswith(_MODEL_ENDINGS)


def basename(name: str) -> str:
    """The last part of a path written with either slash, in lower case: what files are matched by."""
    return name.replace("\\", "/").rsplit("/", 1)[-1].lower()


def match_file(wanted: str, offered: Sequence[str]) -> str | None:
    """The offered name of the wanted file: the same path if it is there, else the one that shares most of its end."""
    if wanted in offered:
        return wanted
    same_name = [name for name in offered if basename(name) == basename(wanted)]
    if not same_name:
        return None
    return max(sorted(same_name), key=lambda name: _shared_end(wanted, name))


def _shared_end(first: str, second: str) -> int:
    """How many parts two paths have in common, counted from the end."""
    count = 0
    for one, other in zip(_parts(first), _parts(second), strict=False):
        if one != other:
            break
        count += 1
    return count


def _parts(name: str) -> list[str]:
    return name.replace("\\", "/").lower().split("/")[::-1]


def _section(document: object, name: str) -> Mapping[str, Any] | None:
    found = document.get(name) if isinstance(document, Mapping) else None
    return found if isinstance(found, Mapping) else None
