"""Reading GraphQL queries as RunPod's clients send them, and picking from an answer what was asked for.

It covers what a query of a client can hold: operations with variables, aliases, arguments with literals of every kind
(strings with escapes, block strings, numbers, enums, null, lists, objects), fragments, and @include/@skip. It knows no
schema: whoever answers gives whole objects, and a field that is not in them is an error, as it would be on the server.
The grammar is that of the GraphQL specification of October 2021, section 2 and appendix A.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_DEEPEST = 50
_LONGEST_INT = 300
_TOKEN = re.compile(
    r'(?P<skip>[\s,\ufeff]+|\#[^\r\n]*)|(?P<block>"""(?:\\"""|(?!""").)*""")|(?P<string>"(?:[^"\\\r\n]|\\.)*")'
    r"|(?P<float>-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?![\w.]))|(?P<int>-?(?:0|[1-9]\d*)(?![\w.]))"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>\.\.\.|[!$&()\[\]{}:=@|])",
    re.ASCII | re.DOTALL,
)


class GraphqlError(Exception):
    """A query that cannot be read or answered. code: as servers put it into extensions.code."""

    def __init__(self, message: str, code: str = "GRAPHQL_PARSE_FAILED") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Word(str):
    """A name used as a value: an enum's, as in cloudType: COMMUNITY."""

    __slots__ = ()


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
    reader = _Reader(_tokens(text))
    reader.document()
    return _Binder(reader, variables or {}).operation(operation_name)


def answer(fields: tuple[Field, ...], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Of a whole object what was asked for, under the names asked for. Raises GraphqlError for fields it has not."""
    found: dict[str, Any] = {}
    for field in fields:
        if field.name not in whole:
            kind = whole.get("__typename", "Query")
            message = f'Cannot query field "{field.name}" on type "{kind}".'
            raise GraphqlError(message, "GRAPHQL_VALIDATION_FAILED")
        value = whole[field.name]
        if callable(value):
            value = value(field.arguments)
        found[field.alias] = _picked(field, value)
    return found


def _picked(field: Field, value: Any) -> Any:
    if isinstance(value, list):
        return [_picked(field, part) for part in value]
    if value is None:
        return None
    if isinstance(value, Mapping) != bool(field.fields):
        wants = "must have a selection of subfields" if isinstance(value, Mapping) else "must not have a selection"
        raise GraphqlError(f'Field "{field.name}" {wants}.', "GRAPHQL_VALIDATION_FAILED")
    return answer(field.fields, value) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str


@dataclass(frozen=True, slots=True)
class _Spread:
    """A fragment in a selection: named, or inline with its own parts."""

    name: str
    parts: tuple[_Part, ...]
    directives: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _RawField:
    name: str
    alias: str
    arguments: Mapping[str, Any]
    directives: Mapping[str, Mapping[str, Any]]
    parts: tuple[_Part, ...]


_Part = _RawField | _Spread


@dataclass(frozen=True, slots=True)
class _RawOperation:
    kind: str
    name: str
    defaults: Mapping[str, Any]
    parts: tuple[_Part, ...]


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise GraphqlError(f"Syntax Error: Unexpected character: {json.dumps(text[at])}.")
        if match.lastgroup and match.lastgroup != "skip":
            found.append(_Token(match.lastgroup, match.group()))
        at = match.end()
    found.append(_Token("end", "<EOF>"))
    return found


class _Reader:
    """A reader by recursive descent; each method reads one thing of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self.operations: list[_RawOperation] = []
        self.fragments: dict[str, tuple[_Part, ...]] = {}

    def document(self) -> None:
        while self._peek().kind != "end":
            if self._peek().text == "fragment":
                self._take()
                name = self._name()
                self._words("on")
                self._name()
                self._directives()
                self.fragments[name] = self._selection()
            else:
                self.operations.append(self._operation())

    def _operation(self) -> _RawOperation:
        if self._peek().text == "{":
            return _RawOperation("query", "", {}, self._selection())
        kind = self._name()
        if kind not in ("query", "mutation", "subscription"):
            raise GraphqlError(f'Syntax Error: Unexpected Name "{kind}".')
        name = self._name() if self._peek().kind == "name" else ""
        defaults: dict[str, Any] = {}
        if self._accept("("):
            while not self._accept(")"):
                self._sign("$")
                variable = self._name()
                self._sign(":")
                self._type()
                defaults[variable] = self._value() if self._accept("=") else None
        self._directives()
        return _RawOperation(kind, name, defaults, self._selection())

    def _type(self) -> None:
        if self._accept("["):
            self._deeper()
            self._type()
            self._depth -= 1
            self._sign("]")
        else:
            self._name()
        self._accept("!")

    def _selection(self) -> tuple[_Part, ...]:
        self._deeper()
        self._sign("{")
        parts: list[_Part] = []
        while not self._accept("}"):
            parts.append(self._spread() if self._accept("...") else self._field())
        self._depth -= 1
        if not parts:
            raise GraphqlError('Syntax Error: Expected Name, found "}".')
        return tuple(parts)

    def _spread(self) -> _Spread:
        if self._peek().kind == "name" and self._peek().text != "on":
            return _Spread(self._name(), (), self._directives())
        if self._peek().text == "on":
            self._take()
            self._name()
        return _Spread("", directives=self._directives(), parts=self._selection())

    def _field(self) -> _RawField:
        alias = name = self._name()
        if self._accept(":"):
            name = self._name()
        arguments = self._arguments()
        directives = self._directives()
        parts = self._selection() if self._peek().text == "{" else ()
        return _RawField(name, alias, arguments, directives, parts)

    def _arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._accept("("):
            while not self._accept(")"):
                name = self._name()
                self._sign(":")
                found[name] = self._value()
        return found

    def _directives(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        while self._accept("@"):
            name = self._name()
            found[name] = self._arguments()
        return found

    def _value(self) -> Any:
        token = self._take()
        match token.kind, token.text:
            case "int", text:
                return int(text) if len(text) < _LONGEST_INT else float(text)
            case "float", text:
                return float(text)
            case "string", text:
                return _unescaped(text)
            case "block", text:
                return _dedented(text[3:-3].replace('\\"""', '"""'))
            case "name", "true" | "false" as text:
                return text == "true"
            case "name", "null":
                return None
            case "name", text:
                return Word(text)
            case "sign", "$":
                return _Variable(self._name())
            case "sign", "[" | "{" as opening:
                self._deeper()
                found = self._list() if opening == "[" else self._object()
                self._depth -= 1
                return found
        raise _unexpected(token)

    def _list(self) -> list[Any]:
        found: list[Any] = []
        while not self._accept("]"):
            found.append(self._value())
        return found

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._accept("}"):
            name = self._name()
            self._sign(":")
            found[name] = self._value()
        return found

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise GraphqlError("Syntax Error: the query is nested too deeply.")

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind == "end":
            raise _unexpected(token)
        self._at += 1
        return token

    def _accept(self, sign: str) -> bool:
        token = self._peek()
        if token.kind != "sign" or token.text != sign:
            return False
        self._at += 1
        return True

    def _sign(self, sign: str) -> None:
        if not self._accept(sign):
            raise GraphqlError(f'Syntax Error: Expected "{sign}", found {_shown(self._peek())}.')

    def _words(self, word: str) -> None:
        if self._name() != word:
            raise GraphqlError(f'Syntax Error: Expected "{word}".')

    def _name(self) -> str:
        token = self._peek()
        if token.kind != "name":
            raise GraphqlError(f"Syntax Error: Expected Name, found {_shown(token)}.")
        self._at += 1
        return token.text


class _Binder:
    """Fills in variables and fragments."""

    def __init__(self, reader: _Reader, variables: Mapping[str, Any]) -> None:
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

    def _fields(self, parts: tuple[_Part, ...], depth: int) -> list[Field]:
        if depth > _DEEPEST:
            raise GraphqlError("Cannot spread fragment within itself.", "GRAPHQL_VALIDATION_FAILED")
        found: list[Field] = []
        for part in parts:
            if not self._wanted(part.directives):
                continue
            if isinstance(part, _RawField):
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
        if isinstance(value, _Variable):
            if value.name not in self._variables:
                raise GraphqlError(f'Variable "${value.name}" is not defined.', "GRAPHQL_VALIDATION_FAILED")
            return self._variables[value.name]
        if isinstance(value, list):
            return [self._bound(each) for each in value]
        if isinstance(value, dict):
            return {key: self._bound(each) for key, each in value.items()}
        return value


def _unescaped(text: str) -> str:
    """GraphQL's escapes are JSON's, and \\u{...} besides."""
    spelled = re.sub(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|.)", _code_point, text)
    try:
        value = json.loads(spelled, strict=False)
    except ValueError:
        raise GraphqlError("Syntax Error: Invalid character escape sequence.") from None
    return str(value)


def _code_point(match: re.Match[str]) -> str:
    if match.group(1) is None:
        return match.group()
    try:
        return json.dumps(chr(int(match.group(1), 16)))[1:-1]
    except (ValueError, OverflowError):
        raise GraphqlError("Syntax Error: Invalid Unicode escape sequence.") from None


def _dedented(text: str) -> str:
    """A block string's value: common indentation and empty first and last lines removed (section 2.9.4)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    indents = [len(line) - len(line.lstrip(" \t")) for line in lines[1:] if line.strip(" \t")]
    common = min(indents, default=0)
    lines = [lines[0], *(line[common:] for line in lines[1:])]
    while lines and not lines[0].strip(" \t"):
        lines.pop(0)
    while lines and not lines[-1].strip(" \t"):
        lines.pop()
    return "\n".join(lines)


def _shown(token: _Token) -> str:
    return token.text if token.kind == "end" else f'"{token.text[:40]}"'


def _unexpected(token: _Token) -> GraphqlError:
    return GraphqlError(f"Syntax Error: Unexpected {_shown(token)}.")
