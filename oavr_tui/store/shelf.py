"""One kind of noun in its table: checked when read, and read only once as long as it stays the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from oavr_tui.models import Job, Measure, Pod, Spell, Video
from oavr_tui.store.documents import Unreadable, to_document
from oavr_tui.store.records import Change, delete, put
from oavr_tui.store.tables import KeyedTable
from oavr_tui.text import safe

SET_ASIDE = "set_aside"
"""The table of documents that nobody could read and that something else has taken the place of."""

N = TypeVar("N", Job, Video, Pod, Spell, Measure)


class Shelf(Generic[N]):
    """One kind of noun in its table: checked when read, and read only once as long as it stays the same."""

    def __init__(self, table: KeyedTable, kind: str, read: Callable[[Mapping[str, Any]], N]) -> None:
        self.table = table
        self._kind = kind
        self._read: Callable[[Mapping[str, Any]], N] = read
        self._known: dict[str, tuple[Mapping[str, Any], N | str]] = {}
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def get(self, key: str) -> N | None:
        raw = self.table.raw().get(key)
        return None if raw is None else self._noun(key, raw)

    def all(self) -> list[N]:
        raws = self.table.raw()
        if len(self._known) > 2 * len(raws):
            self._known = {key: known for key, known in self._known.items() if key in raws}
        nouns = (self._noun(key, raw) for key, raw in raws.items())
        return [noun for noun in nouns if noun is not None]

    def unreadable(self) -> list[str]:
        """A sentence for each document that cannot be read."""
        found = ((key, self._checked(key, raw)) for key, raw in self.table.raw().items())
        return [self._sentence(key, why) for key, why in found if isinstance(why, str)]

    def putting(self, noun: N) -> list[Change]:
        """The changes that store a noun. An unreadable document of the same id is kept aside. The lock is held."""
        return [*self._keeping(noun.id), self.table.putting(noun.id, to_document(noun))]

    def removing(self, key: str) -> list[Change]:
        """The changes that forget a noun, if there is one. The lock is held."""
        return [*self._keeping(key), delete(self.table.name, key)] if key in self.table.raw() else []

    def _keeping(self, key: str) -> list[Change]:
        raw = self.table.raw().get(key)
        if raw is None or not isinstance(self._checked(key, raw), str):
            return []
        count = len(self.table.journal.table(SET_ASIDE))
        return [put(SET_ASIDE, f"{self.table.name}/{key}/{count}", dict(raw))]

    def _noun(self, key: str, raw: Mapping[str, Any]) -> N | None:
        checked = self._checked(key, raw)
        if not isinstance(checked, str):
            return checked
        self._notes[self._sentence(key, checked)] = None
        return None

    def _checked(self, key: str, raw: Mapping[str, Any]) -> N | str:
        """The noun, or why it cannot be read."""
        known = self._known.get(key)
        # The storage puts a new object in place of a changed document, so the same object means the same content.
        if known is not None and known[0] is raw:
            return known[1]
        checked: N | str
        try:
            noun = self._read(raw)
            checked = noun if noun.id == key else "id: differs"
        except Unreadable as error:
            checked = str(error)
        self._known[key] = (raw, checked)
        return checked

    def _sentence(self, key: str, why: str) -> str:
        return (
            f"The {self._kind} {safe(key, 40)} could not be read ({safe(why, 120)}); it is left out of the list and"
            " kept in the store as it is."
        )
