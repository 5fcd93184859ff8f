"""Feeds: values by the hour, from an uploaded CSV or an address that is asked by the clock."""

import csv
import io
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from revenue.dynamic.fetching import FetchError, fetch
from revenue.models import Feed, FeedValue

log = logging.getLogger(__name__)

MOST_ROWS = 20_000
LARGEST = Decimal(1_000_000)
TIME_NAMES = ("at", "start", "time")
SCALES = {"value": 1, "per_kwh": 1, "per_mwh": 1000}
"""How a value may be named, and what it is divided by."""


class FeedError(ValueError):
    """What is wrong with the values, naming the row and the field."""


def read_values(text: str) -> dict[datetime, Decimal]:
    """Values by whole UTC hour; shorter steps (quarters) are averaged.

    CSV with a header, or JSON: a list of objects, or an object with such a list in `values` or `prices`.
    Each has `at` (RFC 3339 with its offset) and one of `value`, `per_kwh`, `per_mwh`. Raises FeedError.
    """
    by_hour: dict[datetime, list[Decimal]] = defaultdict(list)
    rows = _json_rows(text) if text.lstrip("\ufeff \r\n\t")[:1] in ("[", "{") else _csv_rows(text)
    for number, row in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise FeedError(f"row {number}: there are more than {MOST_ROWS:,} rows; send fewer")
        at, value = _moment(row, number), _value(row, number)
        by_hour[at.replace(minute=0, second=0, microsecond=0)].append(value)
    if not by_hour:
        raise FeedError(
            "there is no row with a value; a header `at,value` and a row for each hour are wanted"
        )
    places = Decimal("0.000001")
    return {
        hour: (sum(values, Decimal(0)) / len(values)).quantize(places) for hour, values in by_hour.items()
    }


def _csv_rows(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        sample = text[:2048]
        delimiter = ";" if sample.count(";") > sample.count(",") else ","
        for row in csv.DictReader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter):
            yield {str(name).strip().lower(): value for name, value in row.items() if name is not None}
    except csv.Error as error:
        raise FeedError(f"this is not CSV: {error}") from error


def _json_rows(text: str) -> Iterable[Mapping[str, Any]]:
    try:
        read = json.loads(text.lstrip("\ufeff"), parse_float=Decimal, parse_int=Decimal)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FeedError(f"this is not JSON: {error}") from error
    listed = read.get("values", read.get("prices")) if isinstance(read, dict) else read
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise FeedError("a list of objects is wanted, or an object with that list in `values` or `prices`")
    return listed


def _moment(row: Mapping[str, Any], number: int) -> datetime:
    said = next((row[name] for name in TIME_NAMES if row.get(name)), None)
    if said is None:
        raise FeedError(f"row {number}: `at` is missing")
    try:
        moment = datetime.fromisoformat(str(said).strip())
    except ValueError as error:
        raise FeedError(f"row {number}: `at` is {said!r}; write 2026-11-22T18:00+01:00") from error
    if moment.tzinfo is None:
        raise FeedError(f"row {number}: `at` has no offset; write {moment:%Y-%m-%dT%H:%M}+01:00 or …Z")
    if not 2000 <= moment.year <= 2200:
        raise FeedError(f"row {number}: `at` is too far away")
    return moment.astimezone(UTC)


def _value(row: Mapping[str, Any], number: int) -> Decimal:
    name = next((name for name in SCALES if row.get(name) not in (None, "")), None)
    if name is None:
        raise FeedError(f"row {number}: `value` is missing")
    try:
        value = Decimal(str(row[name]).strip().replace(",", ".")) / SCALES[name]
    except InvalidOperation as error:
        raise FeedError(f"row {number}: `{name}` is {row[name]!r}, not a number") from error
    if not value.is_finite() or abs(value) > LARGEST:
        raise FeedError(f"row {number}: `{name}` is {row[name]!r}, not a number one can use")
    return value


@transaction.atomic
def store(feed: Feed, values: Mapping[datetime, Decimal], received_at: datetime) -> int:
    """Keep the values; what was known of the same hours is replaced. Returns how many."""
    FeedValue.objects.bulk_create(
        [
            FeedValue(
                organisation_id=feed.organisation_id, feed=feed, at=at, value=value, received_at=received_at
            )
            for at, value in sorted(values.items())
        ],
        update_conflicts=True,
        unique_fields=["organisation", "feed", "at"],
        update_fields=["value", "received_at"],
    )
    return len(values)


def sweep(now: datetime | None = None) -> int:
    """Ask the feeds whose time has come. Returns how many answered."""
    now = now or timezone.now()
    return sum(
        ask(feed.organisation_id, feed.pk, now) for feed in Feed.objects.exclude(url="") if _is_due(feed, now)
    )


def _is_due(feed: Feed, now: datetime) -> bool:
    return feed.asked_at is None or now - feed.asked_at >= timedelta(minutes=feed.every_minutes)


def ask(organisation_id: UUID, feed_id: UUID, now: datetime) -> bool:
    """Ask one feed's address and keep its values, or why there are none. The network is outside a transaction."""
    feed = _claim(organisation_id, feed_id, now)
    if feed is None:
        return False
    try:
        store(feed, read_values(fetch(feed.url).decode("utf-8", "replace")), timezone.now())
    except (FetchError, FeedError) as error:
        log.warning("feed %s: %s", feed.name, error)
        _note(feed, failure=str(error)[:300])
        return False
    _note(feed, failure="", answered_at=timezone.now())
    return True


def _claim(organisation_id: UUID, feed_id: UUID, now: datetime) -> Feed | None:
    """The feed, if nobody else is asking it: whoever moves `asked_at` first has it."""
    feed: Feed | None = Feed.objects.of(organisation_id).filter(pk=feed_id).exclude(url="").first()
    if feed is None:
        return None
    same = Feed.objects.of(organisation_id).filter(pk=feed_id, asked_at=feed.asked_at)
    if feed.asked_at is None:
        same = Feed.objects.of(organisation_id).filter(pk=feed_id, asked_at__isnull=True)
    return feed if same.update(asked_at=now) else None


def _note(feed: Feed, **said: object) -> None:
    Feed.objects.of(feed.organisation_id).filter(pk=feed.pk).update(**said)
