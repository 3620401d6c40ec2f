"""The text of a GraphQL document, read into its parts: tokens, then a reader by recursive descent.

The grammar is that of the GraphQL specification of October 2021, section 2 and appendix A.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 50
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
class Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Spread:
    """A fragment in a selection: named, or inline with its own parts."""

    name: str
    parts: tuple[Part, ...]
    directives: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class RawField:
    name: str
    alias: str
    arguments: Mapping[str, Any]
    directives: Mapping[str, Mapping[str, Any]]
    parts: tuple[Part, ...]


Part = RawField | Spread


@dataclass(frozen=True, slots=True)
class RawOperation:
    kind: str
    name: str
    defaults: Mapping[str, Any]
    parts: tuple[Part, ...]


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise GraphqlError(f"Syntax Error: Unexpected character: {json.dumps(text[at])}.")
        if match.lastgroup and match.lastgroup != "skip":
            found.append(Token(match.lastgroup, match.group()))
        at = match.end()
    found.append(Token("end", "<EOF>"))
    return found


class Reader:
    """A reader by recursive descent; each method reads one thing of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.operations: list[RawOperation] = []
        self.fragments: dict[str, tuple[Part, ...]] = {}

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

    def _operation(self) -> RawOperation:
        if self._peek().text == "{":
            return RawOperation("query", "", {}, self._selection())
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
        return RawOperation(kind, name, defaults, self._selection())

    def _type(self) -> None:
        if self._accept("["):
            self._deeper()
            self._type()
            self._depth -= 1
            self._sign("]")
        else:
            self._name()
        self._accept("!")

    def _selection(self) -> tuple[Part, ...]:
        self._deeper()
        self._sign("{")
        parts: list[Part] = []
        while not self._accept("}"):
            parts.append(self._spread() if self._accept("...") else self._field())
        self._depth -= 1
        if not parts:
            raise GraphqlError('Syntax Error: Expected Name, found "}".')
        return tuple(parts)

    def _spread(self) -> Spread:
        if self._peek().kind == "name" and self._peek().text != "on":
            return Spread(self._name(), (), self._directives())
        if self._peek().text == "on":
            self._take()
            self._name()
        return Spread("", directives=self._directives(), parts=self._selection())

    def _field(self) -> RawField:
        alias = name = self._name()
        if self._accept(":"):
            name = self._name()
        arguments = self._arguments()
        directives = self._directives()
        parts = self._selection() if self._peek().text == "{" else ()
        return RawField(name, alias, arguments, directives, parts)

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
                return Variable(self._name())
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
        if self._depth > DEEPEST:
            raise GraphqlError("Syntax Error: the query is nested too deeply.")

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
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


def _shown(token: Token) -> str:
    return token.text if token.kind == "end" else f'"{token.text[:40]}"'


def _unexpected(token: Token) -> GraphqlError:
    return GraphqlError(f"Syntax Error: Unexpected {_shown(token)}.")
