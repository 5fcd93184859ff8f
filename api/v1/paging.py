"""Pages by position: the last page is as quick as the first, and no row is shown twice while others arrive."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from ninja import Field, Schema


class PageAsked(Schema):
    """Which page: how many rows, and after which position."""

    limit: int = Field(50, ge=1, le=200, description="rows of a page")
    after: str = Field("", max_length=200, description="`next` of the page before")


class TimesAsked(PageAsked):
    """A page of what happened in a span of time."""

    from_: datetime | None = Field(
        None, alias="from", description="not earlier; ISO 8601, UTC unless it says"
    )
    to: datetime | None = Field(None, description="earlier than this; ISO 8601, UTC unless it says")


def refuse_unknown(request: HttpRequest, known: type[Schema]) -> None:
    """A misspelt filter must not give the unfiltered list. Raises ValidationError."""
    names = {field.alias or name for name, field in known.model_fields.items()}
    if unknown := [name for name in request.GET if name not in names]:
        words = f"is not known here; known are {', '.join(sorted(names))}"
        raise ValidationError({name: [words] for name in unknown})


def between(rows: QuerySet[Any], column: str, asked: TimesAsked) -> QuerySet[Any]:
    """The rows of the span of time asked for."""
    if asked.from_ is not None:
        rows = rows.filter(**{f"{column}__gte": utc(asked.from_)})
    if asked.to is not None:
        rows = rows.filter(**{f"{column}__lt": utc(asked.to)})
    return rows


def page_of(
    rows: QuerySet[Any], column: str, asked: PageAsked, written: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """One page, newest first, by `column` and id; `next` is null on the last."""
    if asked.after:
        at, row_id = _read(asked.after)
        rows = rows.filter(Q(**{f"{column}__lt": at}) | Q(**{column: at, "id__lt": row_id}))
    found = list(rows.order_by(f"-{column}", "-id")[: asked.limit + 1])
    shown = found[: asked.limit]
    return {
        "items": [written(row) for row in shown],
        "next": _position(shown[-1], column) if len(found) > asked.limit else None,
    }


def utc(moment: datetime) -> datetime:
    """Without a zone, a time is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _position(row: Model, column: str) -> str:
    at: datetime = getattr(row, column)
    row_id: UUID = row.id  # type: ignore[attr-defined]  # every table of ours has one
    return base64.urlsafe_b64encode(f"{at.isoformat()}~{row_id}".encode()).decode().rstrip("=")


def _read(text: str) -> tuple[datetime, UUID]:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        at, _tilde, row_id = plain.partition("~")
        return utc(datetime.fromisoformat(at)), UUID(row_id)
    except (binascii.Error, ValueError) as error:
        raise ValidationError({"after": "is no position that a page gave as `next`"}) from error
