"""Work orders: each finding opens exactly one; people assign, note and close it; every step leaves an entry.

A finding that still stands a day after its order was closed, or comes back within a week, opens the same order
again. Closed as "no fault found" or "not ours to mend", it stays closed until the port has worked in between.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Membership, Organisation, Role, User
from revenue.maintenance.findings import Finding
from stations.models import EVSE, WorkOrder, WorkOrderEntry

Action = WorkOrderEntry.Action
Reason = WorkOrder.CloseReason
STANDS_AFTER = timedelta(days=1)
COMES_BACK_WITHIN = timedelta(days=7)
MAY_WORK = (Role.OWNER, Role.MANAGER, Role.TECHNICIAN)


def record(
    organisation: Organisation, findings: Iterable[Finding], kinds: Collection[str], now: datetime
) -> None:
    """Open, refresh or reopen the orders of `findings`; orders of these `kinds` that none stands for clear."""
    standing = set()
    for finding in findings:
        standing.add((finding.evse.pk, finding.kind))
        _merge(finding, now)
    open_ = WorkOrder.objects.of(organisation).open().filter(kind__in=list(kinds), cleared_at__isnull=True)
    for order in open_:
        if (order.evse_id, order.kind) not in standing:
            _clear(order, now)


@transaction.atomic
def _merge(finding: Finding, now: datetime) -> None:
    evse = finding.evse
    EVSE.objects.of(evse.organisation_id).select_for_update().get(pk=evse.pk)
    own = WorkOrder.objects.of(evse.organisation_id).filter(evse=evse, kind=finding.kind)
    order = own.filter(closed_at__isnull=True).first()
    if order is not None:
        _refresh(order, finding, now)
        return
    last = own.order_by("-closed_at").first()
    closed_at = last.closed_at if last else None
    if last is None or (closed_at and finding.since - closed_at > COMES_BACK_WITHIN):
        order = WorkOrder(
            organisation_id=evse.organisation_id,
            evse=evse,
            kind=finding.kind,
            opened_at=now,
            since=finding.since,
        )
        _take(order, finding, now)
        order.save()
        _enter(order, Action.OPENED, now)
    elif _is_new_reason(last, finding, now):
        _reopen(last, finding, now)


def _is_new_reason(last: WorkOrder, finding: Finding, now: datetime) -> bool:
    """Whether a closed order has to be opened again for this finding."""
    if last.closed_at is None or finding.since > last.closed_at:
        return True
    settled = last.close_reason in (Reason.NO_FAULT, Reason.NOT_OURS)
    return not settled and now - last.closed_at >= STANDS_AFTER


def _reopen(order: WorkOrder, finding: Finding, now: datetime) -> None:
    came_back = order.closed_at is not None and finding.since > order.closed_at
    order.closed_at, order.close_reason, order.cleared_at = None, "", None
    order.since = finding.since
    _take(order, finding, now)
    order.save()
    _enter(order, Action.REOPENED, now, text="came back" if came_back else "still stands")


def _refresh(order: WorkOrder, finding: Finding, now: datetime) -> None:
    again = order.cleared_at is not None
    order.cleared_at = None
    if again:
        order.since = finding.since
    _take(order, finding, now)
    order.save()
    if again:
        _enter(order, Action.CHANGED, now)


def _take(order: WorkOrder, finding: Finding, now: datetime) -> None:
    order.evidence, order.basis, order.seen_at = finding.evidence, finding.basis, now
    order.loss_per_day = finding.loss_per_day


@transaction.atomic
def _clear(order: WorkOrder, now: datetime) -> None:
    """The port works again. What nobody has taken on closes by itself; the rest waits for its technician."""
    order = WorkOrder.objects.of(order.organisation_id).select_for_update(of=("self",)).get(pk=order.pk)
    if order.closed_at is not None or order.cleared_at is not None:
        return
    order.cleared_at = now
    _enter(order, Action.CLEARED, now)
    if order.assignee_id is None:
        order.closed_at, order.close_reason = now, Reason.CAME_BACK
        _enter(order, Action.CLOSED, now, text=str(Reason.CAME_BACK.label))
    order.save(update_fields=["cleared_at", "closed_at", "close_reason"])


@transaction.atomic
def assign(order: WorkOrder, to: User, by: User) -> None:
    """Give the order to a member who may work on it. Raises ValidationError."""
    order = _locked(order)
    membership = Membership.objects.of(order.organisation_id).filter(user=to, role__in=MAY_WORK).first()
    if membership is None:
        raise ValidationError(
            {"assignee": _("Choose an owner, a manager or a technician of this organisation.")}
        )
    if order.assignee_id == to.pk:
        return
    order.assignee = to
    order.save(update_fields=["assignee"])
    _enter(order, Action.ASSIGNED, timezone.now(), by, to.get_full_name())


@transaction.atomic
def note(order: WorkOrder, text: str, by: User) -> None:
    """Write down what was seen or done. Raises ValidationError."""
    if not text.strip():
        raise ValidationError({"text": _("Write what you saw or did.")})
    _enter(_locked(order), Action.NOTE, timezone.now(), by, text.strip())


@transaction.atomic
def close(order: WorkOrder, reason: str, by: User, text: str = "") -> None:
    """Close with a reason, one of WorkOrder.CloseReason. Raises ValidationError."""
    order = _locked(order)
    if reason not in Reason.values:
        raise ValidationError({"reason": _("Say what the outcome was.")})
    now = timezone.now()
    order.closed_at, order.close_reason = now, reason
    order.save(update_fields=["closed_at", "close_reason"])
    words = str(Reason(reason).label)
    _enter(order, Action.CLOSED, now, by, f"{words}: {text.strip()}" if text.strip() else words)


def _locked(order: WorkOrder) -> WorkOrder:
    found: WorkOrder = (
        WorkOrder.objects.of(order.organisation_id).select_for_update(of=("self",)).get(pk=order.pk)
    )
    if not found.is_open:
        raise ValidationError(
            _("This order is closed already; it opens again by itself if the fault comes back.")
        )
    return found


def _enter(order: WorkOrder, action: str, at: datetime, by: User | None = None, text: str = "") -> None:
    WorkOrderEntry.objects.create(
        organisation_id=order.organisation_id, order=order, action=action, at=at, by=by, text=text[:1000]
    )
