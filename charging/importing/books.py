"""Writing imported sessions with their prices, and refused rows, by COPY."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from psycopg import sql
from psycopg.types.json import Json

import pricing
from accounts.identifiers import uuid7
from accounts.models import Organisation
from charging.importing.places import Place
from charging.importing.rows import Refusal, Row
from charging.models import ChargingSession, PricedSession, QuarantinedFact
from charging.price_line import price_line
from tariffs.models import TariffVersion

IMPORT = ChargingSession.Source.IMPORT

SESSION_COLUMNS = (
    "id", "organisation_id", "source", "source_key", "station_id", "connector_id", "state", "quality",
    "hold_reasons", "started_at", "ended_at", "meter_start_wh", "meter_end_wh", "stop_reason",
    "tariff_version_id", "settled_elsewhere", "created_at",
)  # fmt: skip
PRICED_COLUMNS = (
    "id", "organisation_id", "session_id", "revision", "tariff_version_id", "policy", "energy_wh",
    "duration_s", "currency", "energy", "time", "parking", "fees", "net", "tax", "gross", "result",
    "priced_at",
)  # fmt: skip
QUARANTINE_COLUMNS = (
    "id", "organisation_id", "source", "source_key", "reason", "detail", "raw", "received_at", "resolution",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """An imported session that is in the books already."""

    end: datetime | None
    energy_wh: int


class Books:
    """The imported sessions of one organisation. Its methods run in the caller's transaction."""

    def __init__(self, organisation: Organisation, version: TariffVersion) -> None:
        self._organisation, self._version, self._now = organisation, version, timezone.now()

    def sessions(self, keys: Sequence[str]) -> dict[str, Known]:
        """Which of these sessions are there."""
        found = ChargingSession.objects.of(self._organisation).filter(source=IMPORT, source_key__in=keys)
        return {
            key: Known(end, (meter_end or 0) - meter_start)
            for key, end, meter_start, meter_end in found.values_list(
                "source_key", "ended_at", "meter_start_wh", "meter_end_wh"
            )
        }

    def refusals(self, keys: Sequence[str]) -> set[str]:
        """Which of these refused rows are there."""
        found = QuarantinedFact.objects.of(self._organisation).filter(source=IMPORT, source_key__in=keys)
        return set(found.values_list("source_key", flat=True))

    def add_sessions(self, priced: Iterable[tuple[Row, Place, pricing.PricedSession]]) -> None:
        sessions, prices = [], []
        for row, place, result in priced:
            session_id = uuid7()
            sessions.append(self._session(session_id, row, place))
            prices.append(self._price(session_id, row, result))
        _copy(ChargingSession._meta.db_table, SESSION_COLUMNS, sessions)
        _copy(PricedSession._meta.db_table, PRICED_COLUMNS, prices)

    def add_refusals(self, refusals: Iterable[Refusal]) -> None:
        rows = [
            (
                uuid7(), self._organisation.pk, IMPORT, each.raw_key, each.reason, each.detail, each.raw,
                self._now, "",
            )
            for each in refusals
        ]  # fmt: skip
        _copy(QuarantinedFact._meta.db_table, QUARANTINE_COLUMNS, rows)

    def resolve(self, raw_keys: Sequence[str]) -> int:
        """Rows that an earlier run refused and this one took, with a better mapping. Returns how many."""
        waiting = QuarantinedFact.objects.of(self._organisation).filter(
            source=IMPORT, source_key__in=raw_keys, resolved_at=None
        )
        return waiting.update(resolved_at=self._now, resolution="taken by a later import")

    def _session(self, session_id: UUID, row: Row, place: Place) -> tuple[Any, ...]:
        return (
            session_id, self._organisation.pk, IMPORT, row.key, place.station_id, place.connector_id,
            ChargingSession.State.PRICED, ChargingSession.Quality.GOOD, "{}", row.start, row.end, 0,
            row.energy_wh, "", self._version.pk, True, self._now,
        )  # fmt: skip

    def _price(self, session_id: UUID, row: Row, result: pricing.PricedSession) -> tuple[Any, ...]:
        line, total = price_line(result), result.total
        duration_s = int((row.end - row.start).total_seconds())
        return (
            uuid7(), self._organisation.pk, session_id, 1, self._version.pk, result.policy, row.energy_wh,
            duration_s, result.currency, line.energy, line.time, line.parking, line.fees, total.net,
            total.tax, total.gross, Json(result.to_json(explain=True)), self._now,
        )  # fmt: skip


def _copy(table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
