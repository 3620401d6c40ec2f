"""A bounded cache of what was read, kept by its last use, roughly."""

from __future__ import annotations

from typing import Final, TypeAlias

Entry: TypeAlias = tuple[bytes | None, float | None]
"""A value (None: known to be absent) and its expiry in Unix seconds (None: never)."""

MISSING: Final[Entry] = (b"", -1.0)
"""What `Cache.get` answers for what it does not know; compared by identity."""


class Cache:
    """Two generations: what is used moves to the younger; when that is full, it takes the place of the older.

    At most 2 x `entries` are held, none with a value longer than `longest` bytes. `young` may be looked into, never
    changed; it is another dict after the next change.
    """

    def __init__(self, entries: int = 8_192, longest: int = 2_048) -> None:
        self._entries = entries
        self._longest = longest
        self.young: dict[tuple[str, str], Entry] = {}
        self._old: dict[tuple[str, str], Entry] = {}

    def get(self, slot: tuple[str, str]) -> Entry:
        entry = self.young.get(slot)
        if entry is not None:
            return entry
        entry = self._old.get(slot)
        if entry is None:
            return MISSING
        self._add(slot, entry)
        return entry

    def put(self, slot: tuple[str, str], entry: Entry) -> None:
        if entry[0] is not None and len(entry[0]) > self._longest:
            self.young.pop(slot, None)
            self._old.pop(slot, None)
            return
        self._add(slot, entry)

    def _add(self, slot: tuple[str, str], entry: Entry) -> None:
        if len(self.young) >= self._entries:
            self._old = self.young
            self.young = {}
        self.young[slot] = entry

    def clear(self) -> None:
        self.young.clear()
        self._old.clear()

    def __len__(self) -> int:
        return len(self.young) + len(self._old)
