"""Do the rollups hold? Row by row against the sessions, and their totals against sessions and ledger."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Organisation
from revenue.models import RollupMark, RollupState
from revenue.rollups.measures import MEASURES
from revenue.rollups.rebuild import Progress, fresh_of, sum_up
from revenue.rollups.tables import TABLES, Table
from revenue.rollups.upkeep import settle

log = logging.getLogger(__name__)

SHOWN = 20
TRIES = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that doesn't hold: `where` names the row or the total, `what` says both figures."""

    organisation_id: UUID
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def nightly() -> int:
    """Check every organisation; what is found is logged as an error. Returns how much that is."""
    found = check()
    for difference in found:
        log.error("rollup of organisation %s: %s", difference.organisation_id, difference)
    return len(found)


def check(organisation_id: UUID | None = None, progress: Progress | None = None) -> list[Difference]:
    """All that differs, of one organisation or of all; what is marked is settled first. Repairs nothing."""
    organisations = (
        [organisation_id] if organisation_id else Organisation.objects.values_list("pk", flat=True)
    )
    return [one for each in organisations for one in _check_one(each, progress or (lambda _done, _of: None))]


def _check_one(organisation_id: UUID, progress: Progress) -> list[Difference]:
    found: list[Difference] = []
    for _ in range(TRIES):
        settle(organisation_id, wait=True)
        with transaction.atomic():
            _one_snapshot()
            if RollupMark.objects.of(organisation_id).exists():
                continue  # something came in between: settle that first
            sum_up(organisation_id, progress)
            found = [*_rows_differ(organisation_id), *_totals_differ(organisation_id)]
            break
    RollupState.objects.of(organisation_id).update(checked_at=timezone.now(), wrong=len(found))
    return found


def _one_snapshot() -> None:
    """Rows, totals and marks are looked at as of one moment; inside a test's transaction nobody else writes."""
    if not connection.savepoint_ids:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _rows_differ(organisation_id: UUID) -> Iterator[Difference]:
    for table in TABLES:
        for key, kept, fresh in _different(table, organisation_id):
            where = f"{table.name} {' '.join(str(part) for part in key[1:])}"
            yield Difference(organisation_id, where, _words(kept, fresh))


def _different(table: Table, organisation_id: UUID) -> list[tuple[Any, ...]]:
    key = ", ".join(f"coalesce(f.{name}, r.{name})" for name in table.key)
    kept = ", ".join(f"coalesce(r.{name}, 0)" for name in MEASURES)
    fresh = ", ".join(f"coalesce(f.{name}, 0)" for name in MEASURES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT ARRAY[{", ".join(f"(coalesce(f.{name}, r.{name}))::text" for name in table.key)}],
                ARRAY[{kept}]::numeric[], ARRAY[{fresh}]::numeric[]
            FROM {fresh_of(table)} f
            FULL JOIN (SELECT * FROM {table.name} WHERE organisation_id = %s) r ON {table.same("f", "r")}
            WHERE ({kept}) IS DISTINCT FROM ({fresh}) ORDER BY {key}""",
            [organisation_id],
        )
        return list(cursor.fetchall())


def _words(kept: list[Any], fresh: list[Any]) -> str:
    wrong = [
        f"{name} is {is_:f}, sessions say {should:f}"
        for name, is_, should in zip(MEASURES, kept, fresh, strict=True)
        if is_ != should
    ]
    return "; ".join(wrong)


SESSIONS_SAY = """
SELECT p.currency, count(*) AS sessions, sum(p.energy_wh) AS energy_wh, sum(p.energy) AS energy,
    sum(p.time) AS time, sum(p.parking) AS parking, sum(p.fees) AS fees, sum(p.net) AS net, sum(p.tax) AS tax,
    sum(p.gross) AS gross,
    sum(floor(extract(epoch FROM s.ended_at)) - floor(extract(epoch FROM s.started_at))) AS occupied_s
FROM charging_chargingsession s
JOIN charging_pricedsession p ON p.organisation_id = s.organisation_id AND p.session_id = s.id
LEFT JOIN billing_sessioncharge c ON c.organisation_id = s.organisation_id AND c.session_id = s.id
WHERE s.organisation_id = %s AND s.state = 'priced' AND (s.quality <> 'waived' OR c.id IS NOT NULL)
  AND p.revision = (SELECT max(revision) FROM charging_pricedsession
                    WHERE organisation_id = s.organisation_id AND session_id = s.id)
GROUP BY p.currency
"""
# What other rooms book on the same accounts, such as platform fees, is no session's and stays out.
LEDGER_SAYS = """
SELECT e.currency,
    -coalesce(sum(e.amount) FILTER (WHERE a.kind = 'revenue' AND j.cause = 'session_charged'), 0) AS charged_net,
    -coalesce(sum(e.amount) FILTER (WHERE a.kind = 'tax_payable' AND j.cause = 'session_charged'), 0)
        AS charged_tax,
    coalesce(sum(e.amount) FILTER (WHERE a.kind = 'revenue' AND j.cause = 'credit_note'), 0) AS refund_net,
    coalesce(sum(e.amount) FILTER (WHERE a.kind = 'tax_payable' AND j.cause = 'credit_note'), 0) AS refund_tax
FROM billing_entry e
JOIN billing_account a ON a.organisation_id = e.organisation_id AND a.id = e.account_id
JOIN billing_journal j
  ON j.organisation_id = e.organisation_id AND j.id = e.journal_id AND j.booked_at = e.booked_at
WHERE e.organisation_id = %s AND a.kind IN ('revenue', 'tax_payable')
GROUP BY e.currency
"""
SOURCES = (("sessions", SESSIONS_SAY), ("ledger", LEDGER_SAYS))


def _totals_differ(organisation_id: UUID) -> Iterator[Difference]:
    for source, question in SOURCES:
        names, says = _by_currency(question, [organisation_id])
        for table in TABLES:
            sums = ", ".join(f"sum({name})" for name in names)
            _names, has = _by_currency(
                f"SELECT currency, {sums} FROM {table.name} WHERE organisation_id = %s GROUP BY currency",
                [organisation_id],
            )
            for currency in sorted({*says, *has}):
                nothing = [0] * len(names)
                for name, is_, should in zip(
                    names, has.get(currency, nothing), says.get(currency, nothing), strict=True
                ):
                    if is_ != should:
                        what = f"{name} is {is_:f}, {source} say {should:f}"
                        yield Difference(organisation_id, f"{table.name} in all, {currency}", what)


def _by_currency(question: str, given: list[UUID]) -> tuple[list[str], dict[str, list[Any]]]:
    with connection.cursor() as cursor:
        cursor.execute(question, given)
        names = [column.name for column in cursor.description][1:]
        return names, {row[0]: list(row[1:]) for row in cursor.fetchall()}
