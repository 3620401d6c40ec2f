"""What the files of the store look like: encoding, decoding, and nothing that touches a disk.

Snapshot: two lines of JSON. The first says what the file is, its schema and generation, and the CRC-32 of the second,
which is {table: {key: document}}.

Journal: one line per change set, `crc32 in 8 hex digits, space, JSON, newline`, where the JSON is
`[generation, [change, ...]]` and a change is one of
`["put", table, key, document]`, `["del", table, key]`, `["clear", table]`, `["drop", table]`.
JSON is written in ASCII, so a newline occurs only at the end of a line and reading can go on after a damaged one.

A record counts when its generation is at least the snapshot's; older ones are in the snapshot already.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any, NoReturn

Document = dict[str, Any]
Tables = dict[str, dict[str, Document]]
Change = list[Any]

_STORE = "oavr-tui"
_LONGEST_HEADER = 4096


class Damaged(Exception):
    """A file is not what was written to it."""


@dataclass(slots=True)
class Snapshot:
    """One whole state. size: bytes of the file."""

    schema: int
    generation: int
    tables: Tables
    size: int


@dataclass(slots=True)
class Scan:
    """What a stretch of journal holds.

    records: (generation, changes) in order. good: bytes up to the end of the last whole record. damaged: lines before
    that which cannot be read. torn: the bytes after it, left by a writer that was stopped in the middle.
    """

    records: list[tuple[int, list[Change]]] = field(default_factory=list)
    good: int = 0
    damaged: list[bytes] = field(default_factory=list)
    torn: bytes = b""


def put(table: str, key: str, document: Document) -> Change:
    return ["put", table, key, document]


def delete(table: str, key: str) -> Change:
    return ["del", table, key]


def clear(table: str) -> Change:
    """Empty a table, or make an empty one."""
    return ["clear", table]


def drop(table: str) -> Change:
    return ["drop", table]


def encode_record(generation: int, changes: list[Change]) -> bytes:
    """One line of journal. Raises TypeError or ValueError for what JSON cannot say (NaN included)."""
    body = json.dumps([generation, changes], separators=(",", ":"), allow_nan=False).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode_record(line: bytes) -> tuple[int, list[Change]]:
    """Generation and changes of one line without its newline. Raises Damaged."""
    try:
        body = line[9:]
        if line[:9] != b"%08x " % zlib.crc32(body):
            raise Damaged
        content = _loads(body)
    except ValueError:
        raise Damaged from None
    if not (isinstance(content, list) and len(content) == 2 and type(content[0]) is int):
        raise Damaged
    generation, changes = content
    if not (isinstance(changes, list) and all(_is_change(change) for change in changes)):
        raise Damaged
    return generation, changes


def scan(raw: bytes) -> Scan:
    """Read a stretch of journal that begins at a record's start."""
    found = Scan()
    suspect: list[bytes] = []
    start = 0
    while (end := raw.find(b"\n", start)) >= 0:
        line = raw[start:end]
        start = end + 1
        try:
            found.records.append(decode_record(line))
        except Damaged:
            suspect.append(line)
        else:
            found.damaged += suspect
            suspect = []
            found.good = start
    found.torn = raw[found.good :]
    return found


def apply(tables: Tables, changes: list[Change]) -> None:
    """Carry out changes in place."""
    for change in changes:
        kind, table = change[0], change[1]
        if kind == "put":
            tables.setdefault(table, {})[change[2]] = change[3]
        elif kind == "del":
            tables.get(table, {}).pop(change[2], None)
        elif kind == "clear":
            tables[table] = {}
        else:
            tables.pop(table, None)


def encode_snapshot(schema: int, generation: int, tables: Tables) -> bytes:
    """A whole snapshot file."""
    body = json.dumps(tables, separators=(",", ":"), allow_nan=False).encode("ascii")
    header = {"store": _STORE, "schema": schema, "generation": generation, "crc32": f"{zlib.crc32(body):08x}"}
    return json.dumps(header).encode("ascii") + b"\n" + body + b"\n"


def decode_snapshot(raw: bytes) -> Snapshot:
    """Raises Damaged unless the file is whole and ours."""
    end = raw.find(b"\n", 0, _LONGEST_HEADER)
    body = raw[end + 1 : -1]
    try:
        header = _loads(raw[: max(end, 0)])
        if not isinstance(header, dict) or header.get("store") != _STORE or not raw.endswith(b"\n"):
            raise Damaged
        if header.get("crc32") != f"{zlib.crc32(body):08x}":
            raise Damaged
        tables = _loads(body)
    except ValueError:
        raise Damaged from None
    schema, generation = header.get("schema"), header.get("generation")
    if type(schema) is not int or type(generation) is not int or not _are_tables(tables):
        raise Damaged
    return Snapshot(schema, generation, tables, len(raw))


def _loads(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _are_tables(tables: object) -> bool:
    return isinstance(tables, dict) and all(
        isinstance(table, dict) and all(isinstance(document, dict) for document in table.values())
        for table in tables.values()
    )


def _is_change(change: object) -> bool:
    match change:
        case ["put", str(), str(), dict()]:
            return True
        case ["del", str(), str()] | ["clear" | "drop", str()]:
            return True
    return False
