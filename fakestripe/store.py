"""The objects, in memory, with transactions and a journal behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakestripe.errors import missing_object
from fakestripe.journal import Journal
from fakestripe.types import Obj, clone

BATCH = 500
ANSWERS_KEPT_S = 24 * 3600
"""How long the answers of idempotency keys are kept."""


@dataclass(slots=True)
class Row:
    """One stored object: what the API shows, whose it is, and what only the server knows."""

    kind: str
    obj: Obj
    account: str | None = None
    private: Obj = field(default_factory=dict)

    def copy(self) -> Row:
        return Row(self.kind, clone(self.obj), self.account, clone(self.private))

    def packed(self) -> list[Any]:
        return [self.kind, self.obj, self.account, self.private]


class Store:
    """Committed rows by id and by kind (in order of creation)."""

    def __init__(self, state: Path | None = None) -> None:
        self.rows: dict[str, Row] = {}
        self.kinds: dict[str, dict[str, Row]] = {}
        self.clock_offset = 0.0
        self._journal = Journal(state) if state is not None else None
        if self._journal is not None:
            for entry in self._journal.read():
                self._apply(entry)
            self._rewrite(self._journal)

    def _rewrite(self, journal: Journal) -> None:
        oldest = time.time() + self.clock_offset - ANSWERS_KEPT_S
        for object_id, row in list(self.kinds.get("_idempotency", {}).items()):
            if row.obj["created"] < oldest:
                self._drop(object_id)
        journal.rewrite(self._snapshot())

    def _apply(self, entry: Obj) -> None:
        for object_id, packed in entry.get("rows", {}).items():
            if packed is None:
                self._drop(object_id)
            else:
                self._put(object_id, Row(*packed))
        self.clock_offset = entry.get("clock_offset", self.clock_offset)

    def _snapshot(self) -> Iterator[Obj]:
        yield {"clock_offset": self.clock_offset}
        items = list(self.rows.items())
        for start in range(0, len(items), BATCH):
            yield {"rows": {key: row.packed() for key, row in items[start : start + BATCH]}}

    def _put(self, object_id: str, row: Row) -> None:
        self.rows[object_id] = row
        self.kinds.setdefault(row.kind, {})[object_id] = row

    def _drop(self, object_id: str) -> None:
        row = self.rows.pop(object_id, None)
        if row is not None:
            del self.kinds[row.kind][object_id]

    def commit(self, changes: dict[str, Row | None]) -> None:
        """Journal the changes first, then show them: an answer never outruns the file."""
        if not changes:
            return
        if self._journal is not None:
            self._journal.append(
                {"rows": {key: row.packed() if row else None for key, row in changes.items()}}
            )
        for object_id, row in changes.items():
            if row is None:
                self._drop(object_id)
            else:
                self._put(object_id, row)
        if self._journal is not None and self._journal.outgrown:
            self._rewrite(self._journal)

    def set_clock_offset(self, seconds: float) -> None:
        """Remember how far the clock was moved."""
        if self._journal is not None:
            self._journal.append({"clock_offset": seconds})
        self.clock_offset = seconds

    def close(self) -> None:
        """Let go of the state file."""
        if self._journal is not None:
            self._journal.close()


class Tx:
    """Reads and writes of one request; nothing is seen outside before ``commit``."""

    def __init__(self, store: Store, account: str | None = None) -> None:
        self.store = store
        self.account = account
        self.changes: dict[str, Row | None] = {}

    def of(self, account: str | None) -> Tx:
        """The same transaction seen from another account."""
        other = Tx(self.store, account)
        other.changes = self.changes
        return other

    def find(self, object_id: str) -> Row | None:
        """The row of an id in any account, not to be changed."""
        if object_id in self.changes:
            return self.changes[object_id]
        return self.store.rows.get(object_id)

    def row(self, kind: str, object_id: str, param: str = "id") -> Row:
        """The row of an id of this kind in this account, not to be changed; 404 otherwise."""
        found = self.find(object_id)
        if found is None or found.kind != kind or found.account != self.account:
            raise missing_object(kind, object_id, param)
        return found

    def read(self, kind: str, object_id: str, param: str = "id") -> Obj:
        """The object of an id, not to be changed."""
        return self.row(kind, object_id, param).obj

    def edit_row(self, kind: str, object_id: str, param: str = "id") -> Row:
        """The row of an id, to be changed in place."""
        return self._editable(object_id, self.row(kind, object_id, param))

    def edit(self, kind: str, object_id: str, param: str = "id") -> Obj:
        """The object of an id, to be changed in place."""
        return self.edit_row(kind, object_id, param).obj

    def edit_anywhere(self, object_id: str) -> Row:
        """Like ``edit_row`` across accounts, for the server's own work."""
        found = self.find(object_id)
        if found is None:
            raise missing_object("object", object_id)
        return self._editable(object_id, found)

    def _editable(self, object_id: str, found: Row) -> Row:
        if object_id not in self.changes:
            self.changes[object_id] = found = found.copy()
        return found

    def add(self, kind: str, obj: Obj, *, account: str | None = "", private: Obj | None = None) -> Obj:
        """Store a new object, in this request's account unless another is named."""
        owner = self.account if account == "" else account
        self.changes[obj["id"]] = Row(kind, obj, owner, private or {})
        return obj

    def drop(self, object_id: str) -> None:
        """Forget a row."""
        self.changes[object_id] = None

    def rows_of(self, kind: str) -> Iterator[Row]:
        """All rows of a kind in this account, newest first."""
        return (row for row in self.rows_anywhere(kind) if row.account == self.account)

    def rows_anywhere(self, kind: str) -> Iterator[Row]:
        """All rows of a kind in all accounts, newest first."""
        committed = self.store.kinds.get(kind, {})
        for object_id, row in reversed(list(self.changes.items())):
            if row is not None and row.kind == kind and object_id not in committed:
                yield row
        for object_id in reversed(committed):
            found = self.find(object_id)
            if found is not None:
                yield found

    def search(self, kind: str, wanted: Callable[[Obj], bool]) -> Iterator[Obj]:
        """The objects of a kind in this account that fit, newest first."""
        return (row.obj for row in self.rows_of(kind) if wanted(row.obj))

    def commit(self) -> None:
        """Make the changes true."""
        self.store.commit(self.changes)
        self.changes = {}
