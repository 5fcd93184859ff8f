"""What is known of a site when a price is decided: ports, feeds, expectations."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from revenue.dynamic.expected import Outlook
from revenue.dynamic.signals import (
    FORECAST,
    GRID_PRICE,
    OUT_OF_SERVICE,
    QUEUE,
    UTILISATION,
    Observation,
    Signals,
)
from revenue.models import Feed, FeedValue, RuleSet
from stations.models import Connector, Status, StatusInterval

OUT_OF_SERVICE_STATES = {Status.FAULTED, Status.UNAVAILABLE, Status.OFFLINE}
FREE_STATES = {Status.AVAILABLE}
FORECAST_MAX_AGE = timedelta(hours=1)


def observe(rule_set: RuleSet, slot: datetime, now: datetime, outlook: Outlook) -> Signals:
    """All signals for the hour that starts at `slot`, as known at `now`."""
    ports = _ports(rule_set, now)
    expected = outlook.utilisation(slot)
    found = {
        **ports,
        FORECAST: Observation(expected, None if expected is None else now, FORECAST_MAX_AGE),
    }
    for name, feed in ((GRID_PRICE, rule_set.grid_feed), (QUEUE, rule_set.queue_feed)):
        if feed is not None:
            found[name] = from_feed(feed, slot)
    return Signals(found)


def from_feed(feed: Feed, slot: datetime) -> Observation:
    """What the feed says of the hour; of a queue, its latest word."""
    values = FeedValue.objects.of(feed.organisation_id).filter(feed=feed)
    chosen = values.filter(at=slot) if feed.kind == Feed.Kind.GRID_PRICE else values.order_by("-at")
    said = chosen.first()
    max_age = timedelta(minutes=feed.max_age_minutes)
    return Observation(None, None, max_age) if said is None else _observed(said, max_age)


def _observed(said: FeedValue, max_age: timedelta) -> Observation:
    return Observation(said.value, said.received_at, max_age)


def _ports(rule_set: RuleSet, now: datetime) -> dict[str, Observation]:
    """Utilisation of the ports in service and how many are not; as old as the last word of any station."""
    connectors = (
        Connector.objects.of(rule_set.organisation_id)
        .filter(evse__station__site=rule_set.site_id)
        .select_related("evse__station")
    )
    intervals = StatusInterval.objects.of(rule_set.organisation_id).filter(
        until__isnull=True, connector__in=connectors
    )
    states = dict(intervals.values_list("connector_id", "status"))
    known = [_state(connector, states.get(connector.pk)) for connector in connectors]
    heard = [at for connector in connectors if (at := connector.evse.station.last_seen_at) is not None]
    measured_at = max(heard, default=None)
    max_age = timedelta(minutes=rule_set.utilisation_max_age_minutes)
    out = sum(state in OUT_OF_SERVICE_STATES for state in known)
    return {
        UTILISATION: Observation(utilisation(known), measured_at, max_age),
        OUT_OF_SERVICE: Observation(Decimal(out) if known else None, measured_at, max_age),
    }


def _state(connector: Connector, status: str | None) -> str | None:
    return status if connector.evse.station.connected_at is not None else str(Status.OFFLINE)


def utilisation(states: Sequence[str | None]) -> Decimal | None:
    """Percent of the ports in service that are taken; None where none is in service or known."""
    in_service = [state for state in states if state is not None and state not in OUT_OF_SERVICE_STATES]
    if not in_service:
        return None
    taken = sum(state not in FREE_STATES for state in in_service)
    return Decimal(round(100 * taken / len(in_service)))
