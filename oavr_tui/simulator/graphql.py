"""Reading GraphQL queries as RunPod's clients send them, and picking from an answer what was asked for.

It covers what a query of a client can hold: operations with variables, aliases, arguments with literals of every kind
(strings with escapes, block strings, numbers, enums, null, lists, objects), fragments, @include and @skip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from oavr_tui.simulator.graphql_reader import DEEPEST, GraphqlError, Part, RawField, Reader, Variable, Word

__all__ = ["Field", "GraphqlError", "Operation", "Resolver", "Types", "Word", "answer", "check", "parse"]

Types = Mapping[str, Mapping[str, str]]
"""The fields of each type, with the type of the object that a field answers with; an empty text for a plain value."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that is asked for. arguments: with variables filled in; fields: of the object it answers with."""

    name: str
    alias: str
    arguments: Mapping[str, Any]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """kind: query, mutation or subscription."""

    kind: str
    fields: tuple[Field, ...]


Resolver = Callable[[Mapping[str, Any]], Any]
"""In an object's place of a value: called with the field's arguments."""


def parse(text: str, variables: Mapping[str, Any] | None = None, operation_name: str | None = None) -> Operation:
    """The operation of a document that is meant. Raises GraphqlError with the words of common servers."""
    reader = Reader(text)
    reader.document()
    return _Binder(reader, variables or {}).operation(operation_name)


def check(fields: tuple[Field, ...], kind: str, types: Types) -> None:
    """Whether a type has all that is asked of it. Raises GraphqlError in the words of common servers."""
    for field in fields:
        if field.name == "__typename":
            continue
        if field.name not in types[kind]:
            message = f'Cannot query field "{field.name}" on type "{kind}".'
            raise GraphqlError(message, "GRAPHQL_VALIDATION_FAILED")
        inner = types[kind][field.name]
        if bool(inner) != bool(field.fields):
            wants = "must have a selection of subfields" if inner else "must not have a selection"
            raise GraphqlError(f'Field "{field.name}" {wants}.', "GRAPHQL_VALIDATION_FAILED")
        check(field.fields, inner, types)


def answer(fields: tuple[Field, ...], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Of a whole object what was asked for, under the names asked for; `check` has found all of it to exist."""
    found: dict[str, Any] = {}
    for field in fields:
        value = whole[field.name]
        found[field.alias] = _picked(field, value(field.arguments) if callable(value) else value)
    return found


def _picked(field: Field, value: Any) -> Any:
    if isinstance(value, list):
        return [_picked(field, part) for part in value]
    return answer(field.fields, value) if isinstance(value, Mapping) else value


class _Binder:
    """Fills in variables and fragments."""

    def __init__(self, reader: Reader, variables: Mapping[str, Any]) -> None:
        self._reader = reader
        self._given = variables
        self._variables: dict[str, Any] = {}

    def operation(self, name: str | None) -> Operation:
        found = [each for each in self._reader.operations if name is None or each.name == name]
        if not found:
            raise GraphqlError(f'Unknown operation named "{name}".' if name else "Syntax Error: Unexpected <EOF>.")
        if len(found) > 1:
            raise GraphqlError("Must provide operation name if query contains multiple operations.")
        raw = found[0]
        self._variables = {key: self._given.get(key, default) for key, default in raw.defaults.items()}
        return Operation(raw.kind, tuple(self._fields(raw.parts, 0)))

    def _fields(self, parts: tuple[Part, ...], depth: int) -> list[Field]:
        if depth > DEEPEST:
            raise GraphqlError("Cannot spread fragment within itself.", "GRAPHQL_VALIDATION_FAILED")
        found: list[Field] = []
        for part in parts:
            if not self._wanted(part.directives):
                continue
            if isinstance(part, RawField):
                arguments = {name: self._bound(value) for name, value in part.arguments.items()}
                inner = tuple(self._fields(part.parts, depth + 1))
                found.append(Field(part.name, part.alias, arguments, inner))
            else:
                if part.name and part.name not in self._reader.fragments:
                    raise GraphqlError(f'Unknown fragment "{part.name}".', "GRAPHQL_VALIDATION_FAILED")
                inside = self._reader.fragments[part.name] if part.name else part.parts
                found += self._fields(inside, depth + 1)
        return found

    def _wanted(self, directives: Mapping[str, Mapping[str, Any]]) -> bool:
        include = self._bound(directives.get("include", {}).get("if", True))
        return bool(include) and not self._bound(directives.get("skip", {}).get("if", False))

    def _bound(self, value: Any) -> Any:
        if isinstance(value, Variable):
            if value.name not in self._variables:
                raise GraphqlError(f'Variable "${value.name}" is not defined.', "GRAPHQL_VALIDATION_FAILED")
            return self._variables[value.name]
        if isinstance(value, list):
            return [self._bound(each) for each in value]
        if isinstance(value, dict):
            return {key: self._bound(each) for key, each in value.items()}
        return value
