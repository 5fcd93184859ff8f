"""States that a station tells of a transaction itself, not of its connector (OCPP 2)."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import connection, transaction

from accounts.identifiers import uuid7
from charging.ingest.arrays import plain, texts
from charging.ingest.facts import TransactionSeen

Key = tuple[UUID, str]
REMEMBERED = 200_000
_last: OrderedDict[Key, str] = OrderedDict()

# IDLE: a vehicle that charged before and is still there is parked; one that has not is kept waiting.
INSERT = """
    INSERT INTO charging_sessionstate (id, organisation_id, session_id, at, state)
    SELECT told.id, told.organisation_id, told.session_id, told.at, told.state
    FROM (
        SELECT v.id, s.organisation_id, s.id AS session_id, v.at,
               CASE WHEN v.state <> 'IDLE' THEN v.state
                    WHEN EXISTS (SELECT 1 FROM charging_sessionstate c
                                 WHERE c.organisation_id = s.organisation_id AND c.session_id = s.id
                                   AND c.at <= v.at AND c.state IN ('CHARGING', 'PARKED')) THEN 'PARKED'
                    ELSE 'WITHHELD' END AS state
        FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::text[])
          AS v(id, organisation_id, station_id, transaction_id, at, state)
        JOIN charging_chargingsession s
          ON s.organisation_id = v.organisation_id AND s.station_id = v.station_id
         AND s.transaction_id = v.transaction_id
        WHERE s.ended_at IS NULL OR v.at < s.ended_at
    ) told
    WHERE told.state IS DISTINCT FROM (
        SELECT state FROM charging_sessionstate
        WHERE organisation_id = told.organisation_id AND session_id = told.session_id AND at <= told.at
        ORDER BY at DESC LIMIT 1)
    ON CONFLICT DO NOTHING
"""


def change(seen: Sequence[TransactionSeen]) -> None:
    """Note each state from its time on, where it is another than the one before."""
    news = [fact for fact in seen if _is_news(fact)]
    for facts in _rounds(news):
        with connection.cursor() as cursor:
            cursor.execute(
                INSERT,
                [
                    plain(uuid7() for _ in facts),
                    plain(fact.reporter.organisation_id for fact in facts),
                    plain(fact.reporter.station_id for fact in facts),
                    texts(fact.transaction_id for fact in facts),
                    plain(fact.at for fact in facts),
                    texts(fact.state for fact in facts),
                ],
            )
    if news:
        transaction.on_commit(lambda: _remember(news))


def _is_news(fact: TransactionSeen) -> bool:
    """Most events say again what is known: those need no statement."""
    return fact.offline or _last.get((fact.reporter.station_id, fact.transaction_id)) != fact.state


def _remember(seen: Sequence[TransactionSeen]) -> None:
    for fact in seen:
        key = (fact.reporter.station_id, fact.transaction_id)
        _last[key] = fact.state
        _last.move_to_end(key)
    while len(_last) > REMEMBERED:
        _last.popitem(last=False)


def _rounds(seen: Sequence[TransactionSeen]) -> Iterator[list[TransactionSeen]]:
    """The n-th states of all transactions, for each n: each is compared with the one before."""
    queues: dict[Key, list[TransactionSeen]] = {}
    for fact in seen:
        queues.setdefault((fact.reporter.station_id, fact.transaction_id), []).append(fact)
    for number in range(max(map(len, queues.values()), default=0)):
        yield [queue[number] for queue in queues.values() if number < len(queue)]
