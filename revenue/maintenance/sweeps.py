"""What the scheduler calls: findings become work orders, organisation by organisation."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.utils import timezone

from accounts.models import Organisation
from revenue.maintenance import findings, orders
from revenue.maintenance.findings import Finding
from stations import uptime
from stations.models import EVSE, WorkOrder

log = logging.getLogger(__name__)
Kind = WorkOrder.Kind
Search = Callable[[Organisation, datetime], Iterable[Finding]]

OFTEN: dict[str, Search] = {Kind.OUTAGE: findings.outages_now}
SELDOM: dict[str, Search] = {
    Kind.SILENT: findings.silent_now,
    Kind.DERATED: findings.derated_now,
    Kind.FAILED_STARTS: findings.failing_starts,
}


def every_few_minutes() -> None:
    """Outages: what a station says of itself is acted on at once."""
    uptime.sweep()
    for organisation in _operators():
        search(organisation, OFTEN)


def every_few_hours() -> None:
    """What only many sessions can tell."""
    for organisation in _operators():
        search(organisation, SELDOM)


def search(organisation: Organisation, searches: dict[str, Search], now: datetime | None = None) -> None:
    """Look for each kind; one that fails is logged and does not keep the others."""
    now = now or timezone.now()
    for kind, find in searches.items():
        try:
            orders.record(organisation, list(find(organisation, now)), [kind], now)
        except Exception:
            log.exception("%s: looking for %s failed", organisation.slug, kind)


def _operators() -> Iterator[Organisation]:
    with_ports = EVSE.objects.values("organisation").distinct()
    yield from Organisation.objects.filter(pk__in=with_ports).order_by("slug")
