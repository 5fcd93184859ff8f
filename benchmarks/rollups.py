"""`make bench-rollups`: what the owner's figures cost, and what keeping them up costs.

1,000,000 sessions are generated and summed; then the rollups of 10,000,000 are written directly and the same
questions asked again, beside the naive query over sessions. An owner with 7 % of 2,000 stations asks.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg import connect, sql

from benchmarks.report import Figure, publish
from evbilling.embedded import Postgres, Use, run_dir

HOME = run_dir() / "bench"
DATABASE = "rollups"
FIRST, LAST = date(2024, 11, 1), date(2026, 10, 31)
QUERY_BAR_MS, GROWTH_BAR, CLOSE_BAR_MS, REBUILD_BAR_S = 50, 1.5, 5, 60
NAIVE = """
SELECT date_trunc('month', s.started_at AT TIME ZONE 'Europe/Berlin'), count(*), sum(p.net), sum(p.energy_wh)
FROM charging_chargingsession s JOIN charging_pricedsession p ON p.session_id = s.id
WHERE s.organisation_id = %s AND s.started_at >= %s GROUP BY 1
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    options = parser.parse_args()
    postgres = Postgres(HOME / "postgres")
    use = Use(postgres)
    use.join()
    try:
        _prepare(postgres)
        publish("rollups", measure(options.sessions))
    finally:
        _empty()
        use.leave()


def _empty() -> None:
    """Leave the migrated database for the next run, and its disk to others."""
    from django.db import connection, connections

    from benchmarks.rollups_world import EMPTY

    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
    connections.close_all()


def _prepare(postgres: Postgres) -> None:
    """A migrated, empty database, and Django on it."""
    os.environ |= {"DATABASE_URL": postgres.url(DATABASE), "DJANGO_SETTINGS_MODULE": "evbilling.settings"}
    import django
    from django.core.management import call_command

    django.setup()
    with connect(postgres.url("postgres"), autocommit=True) as admin:
        if not admin.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    call_command("migrate", verbosity=0)
    _empty()


def measure(count: int) -> list[Figure]:
    from django.db import connection

    from benchmarks import rollups_world
    from revenue import rollups

    with connection.cursor() as cursor:
        rollups_world.fill_sessions(cursor, count)
    begin = time.perf_counter()
    rollups.rebuild()
    rebuild_s = time.perf_counter() - begin
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE revenue_stationday")
        cursor.execute("VACUUM ANALYZE revenue_ownerhour")
    naive_ms = _p50_ms(_naive, times=5)
    small = _questions_ms()
    figures = [
        Figure(
            "rebuild", rebuild_s, "s", bar=f"< {REBUILD_BAR_S} s a million", holds=rebuild_s < REBUILD_BAR_S
        ),
        *_upkeep(),
    ]
    with connection.cursor() as cursor:
        rollups_world.fill_rollups(cursor)
    for name, ms in _questions_ms().items():
        growth = ms / small[name]
        figures += [
            Figure(f"{name}, 1 M sessions", small[name], "ms", ratio_to_naive=small[name] / naive_ms),
            Figure(
                f"{name}, 10 M sessions", ms, "ms", ratio_to_limit=growth,
                bar=f"< {QUERY_BAR_MS} ms, < {GROWTH_BAR} x of 1 M",
                holds=ms < QUERY_BAR_MS and growth < GROWTH_BAR,
            ),
        ]  # fmt: skip
    return [*figures, Figure("naive: 24 months over 1 M sessions", naive_ms, "ms")]


def _owner() -> Any:
    from accounts.models import Organisation

    return Organisation.objects.get(slug="owner-1")


def _naive() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(NAIVE, [_owner().pk, FIRST])
        cursor.fetchall()


def _questions_ms() -> dict[str, float]:
    """p50 of what the owner's pages ask."""
    from revenue.rollups import reading

    owner = _owner()
    station = owner_station(owner)
    years = reading.Scope(owner, "EUR", FIRST, LAST)
    month = reading.Scope(owner, "EUR", LAST - timedelta(days=59), LAST)
    quarter = reading.Scope(owner, "EUR", LAST - timedelta(days=89), LAST)
    asked: dict[str, Callable[[], object]] = {
        "24 months by day": lambda: reading.by_day(years, reading.SHOWN),
        "30 days beside 30 before": lambda: reading.by_day(month, reading.SHOWN),
        "24 months by hour of week": lambda: reading.by_hour_of_week(years, ("net", "occupied_s")),
        "90 days by station": lambda: reading.by_station(quarter, reading.SHOWN),
        "90 days by site": lambda: reading.by_site(quarter, reading.SHOWN),
        "90 days by tariff": lambda: reading.by_tariff(quarter, reading.SHOWN),
        "24 months of one station": lambda: reading.by_day(
            reading.Scope(owner, "EUR", FIRST, LAST, station_id=station), reading.SHOWN
        ),
    }
    return {name: _p50_ms(question) for name, question in asked.items()}


def owner_station(owner: Any) -> Any:
    from stations.models import Station

    return Station.objects.of(owner).order_by("identity").values_list("pk", flat=True)[0]


def _p50_ms(work: Callable[[], object], times: int = 15) -> float:
    work()
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        took.append((time.perf_counter() - begin) * 1000)
    return statistics.median(took)


def _upkeep(count: int = 200) -> list[Figure]:
    """Closing sessions with and without the triggers, and settling them, at the owner with most sessions."""
    from django.db import connection

    from revenue import rollups

    now = datetime.now(UTC)
    with_marks = _close_ms(count, now - timedelta(hours=3))
    begin = time.perf_counter()
    rollups.sweep()
    settle_ms = (time.perf_counter() - begin) * 1000
    marks = (
        ("charging_pricedsession", "rollup_mark_priced"),
        ("charging_chargingsession", "rollup_mark_session"),
    )
    with connection.cursor() as cursor:
        for table, trigger in marks:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        bare = _close_ms(count, now - timedelta(hours=6))
        for table, trigger in marks:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")
    added = with_marks - bare + settle_ms / count
    return [
        Figure("closing a session: price, with marks", with_marks, "ms"),
        Figure("closing a session: added by the triggers", with_marks - bare, "ms"),
        Figure("settling, a close", settle_ms / count, "ms"),
        Figure("upkeep in all, a close", added, "ms", bar=f"< {CLOSE_BAR_MS} ms", holds=added < CLOSE_BAR_MS),
    ]


def _close_ms(count: int, start: datetime) -> float:
    """p50 of rating one ended session."""
    from accounts.models import Organisation
    from charging import rating
    from charging.models import ChargingSession
    from stations.models import Connector

    owner = Organisation.objects.get(slug="owner-2")
    places = list(Connector.objects.of(owner).select_related("evse")[:count])
    took = []
    for place in places:
        session = ChargingSession.objects.create(
            organisation=owner, station_id=place.evse.station_id, connector=place, started_at=start,
            ended_at=start + timedelta(hours=1, minutes=place.pk.int % 60), meter_end_wh=9000, state="ended",
            source_key=os.urandom(8).hex(),
        )  # fmt: skip
        begin = time.perf_counter()
        priced = rating.rate(session)
        took.append((time.perf_counter() - begin) * 1000)
        assert priced is not None
    return statistics.median(took)


if __name__ == "__main__":
    main()
