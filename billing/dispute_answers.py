"""Answering a dispute: the evidence is frozen, set as a PDF, uploaded, and handed to the bank, once.

Both requests carry keys of the dispute's row, so that a repeat after any crash is the same answer.
"""

import hashlib
from datetime import datetime, timedelta

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from billing import dispute_evidence, disputes, stripe_calls
from billing.evidence_page import page_of
from billing.models import Dispute
from billing.snapshots import Snapshot
from billing.stripe_client import StripeRefused, StripeUnreachable

SEND_AGAIN_AFTER = timedelta(seconds=60)
LONGEST_STATEMENT = 20_000  # what Stripe takes in a field


class NotAnswerable(ValueError):
    """The dispute can't be answered; nothing was written. The message names the field."""


def answer(dispute: Dispute, statement: str) -> Dispute:
    """Decide to fight a dispute: freeze the evidence with our `statement`, and hand it to the bank.

    There is one answer to a dispute. Raises NotAnswerable. What Stripe doesn't take at once is sent again by
    the sweep; what it refuses is in `refusal`.
    """
    _freeze(dispute, statement.strip())
    dispute.refresh_from_db()
    send(dispute)
    dispute.refresh_from_db()
    return dispute


@transaction.atomic
def _freeze(dispute: Dispute, statement: str) -> None:
    row = _locked(dispute)
    now = timezone.now()
    _check(row, statement, now)
    row.evidence = dispute_evidence.snapshot(row, statement, now)
    row.statement, row.answered_at = statement, now
    row.refusal, row.file_id = "", ""
    row.evidence_sha256 = ""
    row.save(update_fields=["evidence", "statement", "answered_at", "refusal", "file_id", "evidence_sha256"])


def _locked(dispute: Dispute) -> Dispute:
    rows = Dispute.objects.of(dispute.organisation_id).select_for_update(of=("self",))
    found: Dispute = rows.select_related("payment", "organisation").get(pk=dispute.pk)
    return found


def _check(row: Dispute, statement: str, now: datetime) -> None:
    if row.answered_at is not None and not row.refusal:
        raise NotAnswerable("dispute: is answered already, and the bank takes one answer")
    if row.state not in Dispute.ANSWERABLE:
        raise NotAnswerable(f"dispute: can't be answered, {row.get_state_display().lower()}")
    if row.answer_by is not None and row.answer_by <= now:
        raise NotAnswerable(f"dispute: was to be answered by {row.answer_by:%Y-%m-%d %H:%M} UTC")
    if not statement:
        raise NotAnswerable("statement: say in a few sentences why the payment is right")
    if len(statement) > LONGEST_STATEMENT:
        raise NotAnswerable(f"statement: has {len(statement)} characters, the bank takes {LONGEST_STATEMENT}")


def pack(dispute: Dispute) -> bytes:
    """The evidence pack as PDF: the frozen one of an answered dispute, else as it would be now."""
    frozen = dispute.evidence
    shown = frozen or dispute_evidence.snapshot(dispute, dispute.statement, timezone.now())
    return _typeset(shown)


def _typeset(evidence: Snapshot) -> bytes:
    from billing.typesetting import typeset  # Pango and WeasyPrint take a second to load

    return typeset(render_to_string("billing/pdf/evidence.html", page_of(evidence)))


def send(row: Dispute) -> None:
    """Upload the frozen evidence and hand it in, always with the same keys."""
    evidence = row.evidence
    if row.answered_at is None or evidence is None or row.submitted_at is not None or row.refusal:
        return
    _keep(row, sent_at=timezone.now())
    try:
        file_id = row.file_id or _upload(row, evidence)
        told = stripe_calls.answer_dispute(
            row.dispute_id, _fields(row, evidence, file_id), f"evidence-{_key(row)}"
        )
    except StripeUnreachable:
        return
    except StripeRefused as refusal:
        _refused(row, str(refusal))
        return
    _keep(row, submitted_at=timezone.now())
    disputes.observe(row.organisation_id, row.payment_id, told)


def _refused(row: Dispute, why: str) -> None:
    """Keys are forgotten after a day: an answer that had arrived before is then refused as a second one."""
    try:
        told = stripe_calls.retrieve_dispute(row.dispute_id)
    except (StripeUnreachable, StripeRefused):
        return  # the sweep asks again
    if row.file_id and told["evidence"].get("service_documentation") == row.file_id:
        _keep(row, submitted_at=timezone.now())
    else:
        _keep(row, refusal=why[:300])
    disputes.observe(row.organisation_id, row.payment_id, told)


def _upload(row: Dispute, evidence: Snapshot) -> str:
    made = _typeset(evidence)
    file = stripe_calls.upload_evidence("evidence.pdf", made, f"evidence-file-{_key(row)}")
    file_id: str = file["id"]
    _keep(row, file_id=file_id, evidence_sha256=hashlib.sha256(made).hexdigest())
    return file_id


def _key(row: Dispute) -> str:
    """A further answer, after a refused one, is a further request."""
    return f"{row.pk}-{row.answered_at:%Y%m%dT%H%M%S%f}"


def _fields(row: Dispute, evidence: Snapshot, file_id: str) -> dict[str, str]:
    """What Stripe asks for, as far as it is known."""
    sessions = evidence["sessions"]
    driver = sessions[0]["driver"] if sessions else {"name": "", "email": row.payment.email}
    energy_wh = sum(session["energy_wh"] for session in sessions)
    fields = {
        "uncategorized_text": row.statement,
        "service_documentation": file_id,
        "product_description": f"Charging of an electric vehicle, {len(sessions)} sessions, {energy_wh} Wh",
        "service_date": sessions[0]["started_at"][:10] if sessions else "",
        "customer_name": driver["name"],
        "customer_email_address": driver["email"],
        "access_activity_log": "\n".join(_told(session) for session in sessions),
    }
    return {name: value for name, value in fields.items() if value}


def _told(session: Snapshot) -> str:
    return (
        f"{session['started_at']} to {session['ended_at']}: {session['station']}, {session['site']},"
        f" {session['energy_wh']} Wh, identified by {session['identified_by'] or 'the payment page'}"
    )


def _keep(row: Dispute, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))


def sweep(limit: int = 10) -> int:
    """Hand in answers that were never sent or never acknowledged; returns how many."""
    waiting = Dispute.objects.filter(
        answered_at__isnull=False, submitted_at__isnull=True, refusal=""
    ).exclude(sent_at__gt=timezone.now() - SEND_AGAIN_AFTER)
    rows = list(waiting.select_related("payment", "organisation").order_by("answered_at")[:limit])
    for row in rows:
        send(row)
    return len(rows)
