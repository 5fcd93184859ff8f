"""Facts that can't be believed or placed: kept with their raw form, once, and never billed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Func, Value
from django.utils import timezone

from charging.ingest.facts import Misfit, Outcome, Reporter
from charging.models import ChargingSession, QuarantinedFact


@dataclass(slots=True)
class Doubt:
    """A fact to set aside, and the session that it casts doubt on."""

    reporter: Reporter
    reason: str
    detail: str
    raw: str
    session_id: UUID | None = None
    resolution: str = ""  # nobody has to look at it: why


def keep(misfits: Sequence[Misfit]) -> list[Outcome]:
    """Set aside what the gateway itself found unfit."""
    set_aside([Doubt(fact.reporter, fact.reason, fact.detail, fact.raw) for fact in misfits])
    return [Outcome(quarantined=fact.reason) for fact in misfits]


def set_aside(doubts: Sequence[Doubt]) -> None:
    """Write the facts; one that came before with the same reason and raw form stays as it is."""
    rows = [
        QuarantinedFact(
            organisation_id=doubt.reporter.organisation_id,
            source=QuarantinedFact.Source.OCPP,
            source_key=_key(doubt),
            station_id=doubt.reporter.station_id,
            session_id=doubt.session_id,
            reason=doubt.reason,
            detail=doubt.detail[:500],
            raw=doubt.raw,
            resolution=doubt.resolution,
            resolved_at=timezone.now() if doubt.resolution else None,
        )
        for doubt in doubts
    ]
    if rows:
        QuarantinedFact.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)


def hold(session_ids: Sequence[UUID], reason: str) -> None:
    """Keep money from moving for these sessions until a person has looked. Priced ones are beyond this."""
    ChargingSession.objects.filter(
        id__in=session_ids, quality__in=("good", "held"), state__in=("active", "ended")
    ).exclude(hold_reasons__contains=[reason]).update(
        quality="held", hold_reasons=Func(F("hold_reasons"), Value(reason), function="array_append")
    )


def _key(doubt: Doubt) -> str:
    digest = hashlib.sha256(f"{doubt.reason}\0{doubt.raw}".encode()).hexdigest()[:40]
    return f"{doubt.reporter.identity}:{digest}"
