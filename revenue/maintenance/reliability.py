"""How reliable ports are: mean time between failures and to repair, and how many plugs charge at once."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import Organisation
from revenue.maintenance.attempts import Attempt, attempts_of, first_plugs
from stations.models import EVSE
from stations.uptime import PortTimes, port_times, uptime_of
from stations.uptime.spans import FAR

Grouping = Callable[[EVSE], str]
GROUPINGS: dict[str, Grouping] = {
    "port": lambda evse: f"{evse.station.site} · {evse.station} · {evse.number}",
    "site": lambda evse: str(evse.station.site),
    "model": lambda evse: f"{evse.station.vendor} {evse.station.model}".strip(),
    "firmware": lambda evse: " ".join(
        part for part in (evse.station.vendor, evse.station.model, evse.station.firmware_version) if part
    ),
}


@dataclass
class Reliability:
    """A port, site, model or firmware over a period. Failures are outages that nothing excuses."""

    name: str
    ports: int = 0
    failures: int = 0
    up: timedelta = timedelta()
    repair: timedelta = timedelta()
    attempts: int = 0
    failed: int = 0
    visits: int = 0
    first_plugs: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Error codes and stop reasons of failed starts, the most frequent first."""
        return self.codes.most_common()

    @property
    def between_failures(self) -> timedelta | None:
        """MTBF: time up over failures; None without a failure."""
        return self.up / self.failures if self.failures else None

    @property
    def to_repair(self) -> timedelta | None:
        """MTTR: down time that nothing excuses over failures."""
        return self.repair / self.failures if self.failures else None

    @property
    def first_plug_percent(self) -> Decimal | None:
        """Visits whose first plug charged, in percent."""
        if not self.visits:
            return None
        return (Decimal(self.first_plugs) * 100 / self.visits).quantize(Decimal("0.1"))


def reliability(
    organisation: Organisation, start: datetime, end: datetime, by: str = "port"
) -> list[Reliability]:
    """One row a group that `by` names (a key of GROUPINGS), those with most failed starts and outages first."""
    times = port_times(organisation, start, end)
    name_of = {one.evse.pk: GROUPINGS[by](one.evse) or "?" for one in times}
    rows = {name: Reliability(name) for name in name_of.values()}
    for one in times:
        _add_times(rows[name_of[one.evse.pk]], one, start, end)
    attempts = attempts_of(organisation, start, end)
    for attempt in attempts:
        _add_attempt(rows[name_of[attempt.evse_id]], attempt)
    for first in first_plugs(attempts):
        row = rows[name_of[first.evse_id]]
        row.visits += 1
        row.first_plugs += first.succeeded
    return sorted(rows.values(), key=lambda row: (-row.failed - row.failures, row.name))


def _add_times(row: Reliability, times: PortTimes, start: datetime, end: datetime) -> None:
    whole = uptime_of(times, start, end)
    row.ports += 1
    row.up += whole.measured - whole.outage
    row.repair += whole.counted
    row.failures += sum(1 for counted in _counted(times, start, end) if counted > timedelta())


def _counted(times: PortTimes, start: datetime, end: datetime) -> Sequence[timedelta]:
    spans = [(max(one.since, start), min(one.until or FAR, end)) for one in times.outages]
    return [uptime_of(times, since, until).counted for since, until in spans]


def _add_attempt(row: Reliability, attempt: Attempt) -> None:
    row.attempts += 1
    if not attempt.succeeded:
        row.failed += 1
        row.codes[attempt.reason] += 1
