"""The quality gate: which sessions a person must look at before money moves, and what that person decides.

A held session keeps its facts and waits; it is neither priced nor billed until someone releases it. Every
step leaves a SessionReview that says who, when, why and on which evidence.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from accounts.models import User
from charging.facts import Facts, gather
from charging.models import ChargingSession, QuarantinedFact, SessionReview
from charging.plausibility import Finding, findings
from stations.models import Status, StatusInterval

OVERLAP_TOLERANCE = timedelta(seconds=60)
CLOCK_TOLERANCE = timedelta(minutes=5)
SILENT_FOR = timedelta(hours=6)
ABANDONED_FOR = timedelta(days=7)
STALE = "stale"

Quality = ChargingSession.Quality
State = ChargingSession.State


def judge(session: ChargingSession, facts: Facts | None = None) -> list[Finding]:
    """Every reason to hold an ended session, with evidence; empty for a good one. Changes nothing."""
    found = findings(facts or gather(session))
    for also in (_overlap(session), _in_the_future(session), *_quarantined(session)):
        if also is not None:
            found.append(also)
    return found


def _overlap(session: ChargingSession) -> Finding | None:
    """Two vehicles can't charge at one connector; an older session that never ended is its own fault."""
    if session.ended_at is None:
        return None
    others = (
        ChargingSession.objects.of(session.organisation_id)
        .filter(connector=session.connector_id, started_at__lt=session.ended_at - OVERLAP_TOLERANCE)
        .filter(
            Q(ended_at__gt=session.started_at + OVERLAP_TOLERANCE)
            | Q(ended_at__isnull=True, started_at__gte=session.started_at)
        )
        .exclude(pk=session.pk)
    )
    overlapping = [str(pk) for pk in others.order_by("started_at").values_list("pk", flat=True)[:10]]
    return Finding("overlap", {"sessions": overlapping}) if overlapping else None


def _in_the_future(session: ChargingSession) -> Finding | None:
    now = timezone.now()
    if session.ended_at is None or session.ended_at <= now + CLOCK_TOLERANCE:
        return None
    return Finding("clock_drift", {"ended_at": session.ended_at.isoformat(), "now": now.isoformat()})


def _quarantined(session: ChargingSession) -> list[Finding]:
    """Facts of this session that could not be believed and that nobody has resolved."""
    facts = QuarantinedFact.objects.of(session.organisation_id).filter(session=session, resolved_at=None)
    return [
        Finding(reason, {"quarantined": str(pk), "detail": detail})
        for pk, reason, detail in facts.values_list("pk", "reason", "detail")[:20]
    ]


def hold(session: ChargingSession, found: Sequence[Finding]) -> None:
    """Hold the session for review. The caller has it locked."""
    session.quality = Quality.HELD
    session.hold_reasons = list(dict.fromkeys(finding.reason for finding in found))
    session.save(update_fields=["quality", "hold_reasons"])
    SessionReview.objects.create(
        organisation_id=session.organisation_id,
        session=session,
        action=SessionReview.Action.HELD,
        reasons=session.hold_reasons,
        evidence={finding.reason: dict(finding.evidence) for finding in reversed(found)},
    )


def release(session: ChargingSession, *, by: User, note: str) -> ChargingSession:
    """Let a held session be priced and billed as it stands; a repeat is a no-op.

    Raises ValidationError without a note, and for registers that run backwards: those can only be waived.
    """
    return _decide(session, Quality.RELEASED, by, note)


def waive(session: ChargingSession, *, by: User, note: str) -> ChargingSession:
    """Never charge a held session; it stays on record. A repeat is a no-op; needs a note too."""
    return _decide(session, Quality.WAIVED, by, note)


@transaction.atomic
def _decide(session: ChargingSession, verdict: str, by: User, note: str) -> ChargingSession:
    if not note.strip():
        raise ValidationError({"note": "Say why: the reason is kept with the session."})
    row: ChargingSession = (
        ChargingSession.objects.of(session.organisation_id).select_for_update().get(pk=session.pk)
    )
    if row.quality != Quality.HELD:
        return row
    if verdict == Quality.RELEASED and row.energy_wh < 0:
        below = f"{row.meter_end_wh} Wh is below the start register {row.meter_start_wh} Wh: waive it"
        raise ValidationError({"meter_end_wh": below})
    row.quality = verdict
    row.save(update_fields=["quality"])
    SessionReview.objects.create(
        organisation_id=row.organisation_id, session=row, action=verdict, reasons=row.hold_reasons,
        note=note.strip(), by=by,
    )  # fmt: skip
    return row


def close_stale(now: datetime | None = None, limit: int = 500) -> int:
    """End sessions whose stop never came, at their last sign of life, and hold them. Returns how many.

    Silent for six hours while the station went on (a newer session, a free connector, a reboot), or silent
    for a week. Safe to run side by side.
    """
    now = now or timezone.now()
    closed = 0
    for organisation_id, pk in list(_stale(now).values_list("organisation_id", "pk")[:limit]):
        with transaction.atomic():
            session = (
                _stale(now)
                .filter(organisation=organisation_id, pk=pk)
                .select_related("connector__evse")
                .select_for_update(skip_locked=True, of=("self",))
                .first()
            )
            if session is not None:
                _close(session, now)
                closed += 1
    return closed


def _close(session: ChargingSession, now: datetime) -> None:
    session.state = State.ENDED
    session.ended_at = max(session.started_at, session.last_reading_at or session.started_at)
    known = session.last_register_wh
    session.meter_end_wh = session.meter_start_wh if known is None else known
    session.stop_reason = "Stale"
    before = [Finding(reason) for reason in session.hold_reasons]  # e.g. a tag that was refused
    session.quality, session.hold_reasons = Quality.HELD, [STALE]
    session.save(
        update_fields=["state", "ended_at", "meter_end_wh", "stop_reason", "quality", "hold_reasons"]
    )
    seen = {"last_sign_of_life": session.ended_at.isoformat(), "closed_at": now.isoformat()}
    hold(session, [Finding(STALE, seen), *before, *judge(session)])


def _stale(now: datetime) -> QuerySet[ChargingSession]:
    here = Q(organisation=OuterRef("organisation"), connector=OuterRef("connector"))
    newer = ChargingSession.objects.filter(here, started_at__gt=OuterRef("last_sign"))
    free = StatusInterval.objects.filter(
        here, status=Status.AVAILABLE, until__isnull=True, since__gt=OuterRef("last_sign")
    )
    stale: QuerySet[ChargingSession] = (
        ChargingSession.objects.active()
        .annotate(last_sign=Greatest("started_at", Coalesce("last_reading_at", "started_at")))
        .filter(last_sign__lt=now - SILENT_FOR)
        .filter(
            Q(last_sign__lt=now - ABANDONED_FOR)
            | Q(station__boot_at__gt=F("last_sign"))
            | Q(Exists(newer))
            | Q(Exists(free))
        )
        .order_by("started_at")
    )
    return stale
