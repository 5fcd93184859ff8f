"""Pages by position for tables that grow: the URL says after which row, so the last page is as quick as the first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.owner.period import uuid_of


@dataclass(frozen=True)
class Page:
    """Rows, newest first; `older` is the position after which the next page begins."""

    rows: list[Any]
    older: str


def page_before(rows: QuerySet[Any], column: str, position: str, size: int) -> Page:
    """The page of `rows`, by `column` and id, that begins after `position` (`<time>~<id>`, as `older` gave it)."""
    after = _read(position)
    if after is not None:
        at, row_id = after
        rows = rows.filter(Q(**{f"{column}__lt": at}) | Q(**{column: at, "id__lt": row_id}))
    found = list(rows.order_by(f"-{column}", "-id")[: size + 1])
    shown = found[:size]
    older = f"{getattr(shown[-1], column).isoformat()}~{shown[-1].id}" if len(found) > size else ""
    return Page(shown, older)


def _read(text: str) -> tuple[datetime, UUID] | None:
    moment, _tilde, row_id = text.partition("~")
    key = uuid_of(row_id)
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, key) if key and at.tzinfo else None
