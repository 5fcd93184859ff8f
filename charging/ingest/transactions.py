"""Transactions that stations number themselves (OCPP 2): whichever event comes first opens the session.

What that event could not say holds the session, and each of these holds ends when a later event says it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction

from accounts.authorisation import Authorisation, Verdict, authorise_all
from charging import reservations
from charging.ingest import beginnings, session_states
from charging.ingest.beginnings import Beginning, Key
from charging.ingest.facts import TAKEN, Cost, Outcome, TransactionSeen
from charging.ingest.known import forget
from charging.ingest.quarantine import Doubt, set_aside
from charging.ingest.remote import tag_of_remote_start
from charging.ingest.starts import HOLD_REASONS, LET_IN
from charging.models import ChargingSession, CostNotice

REMEMBERED = 200_000
REUSED = "transaction_id_reused"
SHOWN = (ChargingSession.Quality.GOOD, ChargingSession.Quality.RELEASED)
_complete: OrderedDict[Key, None] = OrderedDict()  # nothing is left to learn of how these began
Verdicts = Mapping[tuple[UUID, str], Authorisation]


def note(seen: Sequence[TransactionSeen]) -> list[Outcome]:
    """One outcome per event, with the verdict on the tag if one was shown."""
    for fact in seen:
        if fact.uid is None and fact.begins and fact.remote_start_id is not None:
            fact.uid = tag_of_remote_start(fact.reporter, fact.remote_start_id, fact.at)
    verdicts = authorise_all((f.reporter.organisation_id, f.uid) for f in seen if f.uid is not None)
    open_ = [fact for fact in seen if fact.begins or _key(fact) not in _complete]
    reused = _begin(open_, verdicts) if open_ else set()
    session_states.change([fact for fact in seen if fact.state and id(fact) not in reused])
    costs = _costs(seen)
    return [_outcome(fact, verdicts, reused, costs.get(_key(fact))) for fact in seen]


def _costs(seen: Sequence[TransactionSeen]) -> dict[Key, Cost]:
    """What `charging.running_cost` last made of these sessions; a session that is held shows none."""
    going = [fact for fact in seen if not fact.begins]
    notices = CostNotice.objects.filter(
        organisation__in={fact.reporter.organisation_id for fact in going},
        station__in={fact.reporter.station_id for fact in going},
        session__transaction_id__in={fact.transaction_id for fact in going},
        session__quality__in=SHOWN,
    ).values_list("station_id", "session__transaction_id", "cost", "kind")
    known = notices if going else ()
    return {
        (station, str(number)): Cost(amount, kind == CostNotice.Kind.FINAL)
        for station, number, amount, kind in known
    }


def _begin(seen: Sequence[TransactionSeen], verdicts: Verdicts) -> set[int]:
    """Open the sessions that are missing and tell the others what is new; ids of facts that don't fit."""
    opened = beginnings.open_missing(seen)
    known = beginnings.locked(seen)
    doubts: list[Doubt] = []
    reused: set[int] = set()
    for fact in seen:
        beginning = known.get(_key(fact))
        if beginning is None:
            continue  # at no connector that we know: its readings and its end are set aside
        if fact.begins and beginning.contradicts(fact):
            reused.add(id(fact))
            doubts.append(Doubt(fact.reporter, REUSED, f"transaction {fact.transaction_id}", fact.raw))
            continue
        beginning.learn(fact)
        if fact.reservation is not None:
            reporter = fact.reporter
            reservations.used(
                reporter.organisation_id, reporter.station_id, fact.reservation, beginning.session.pk
            )
        if fact.uid is not None:
            doubts += _identify(beginning, fact, verdicts[fact.reporter.organisation_id, fact.uid])
    changed = [beginning for beginning in known.values() if beginning.changed]
    beginnings.save(changed)
    forget([key for key, beginning in known.items() if beginning.changed])
    transaction.on_commit(lambda: _remember(known))
    set_aside(doubts)
    beginnings.adopt_early_facts([fact for fact in seen if _key(fact) in opened], known)
    return reused


def _identify(beginning: Beginning, fact: TransactionSeen, shown: Authorisation) -> list[Doubt]:
    """Whose session it is: the first tag that was shown decides, unless it was nobody's."""
    refused = HOLD_REASONS.get(shown.verdict, "")
    if not beginning.take_token(shown.token, refused, offline=fact.offline):
        return []
    session = beginning.session
    if shown.verdict is Verdict.INVALID:
        return [Doubt(fact.reporter, refused, "the tag belongs to nobody", fact.raw, session.pk)]
    if refused and fact.offline:
        return [Doubt(fact.reporter, refused, LET_IN, fact.raw, session.pk, resolution=LET_IN)]
    return []


def _outcome(fact: TransactionSeen, verdicts: Verdicts, reused: set[int], cost: Cost | None) -> Outcome:
    quarantined = REUSED if id(fact) in reused else ""
    if fact.uid is None:
        return Outcome(quarantined=quarantined, cost=cost) if quarantined or cost else TAKEN
    shown = verdicts[fact.reporter.organisation_id, fact.uid]
    return Outcome(verdict=shown.verdict, group=shown.group, quarantined=quarantined, cost=cost)


def _remember(known: Mapping[Key, Beginning]) -> None:
    for key, beginning in known.items():
        if beginning.is_complete:
            _complete[key] = None
            _complete.move_to_end(key)
    while len(_complete) > REMEMBERED:
        _complete.popitem(last=False)


def _key(fact: TransactionSeen) -> Key:
    return fact.reporter.station_id, fact.transaction_id
