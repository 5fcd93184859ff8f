"""Jobs of the worker: each is a nudge that does at once what a sweep would do within seconds."""

import logging
from typing import Any
from uuid import UUID

import django_rq
from django.db import transaction
from redis.exceptions import RedisError

from billing import charges, documents, inbox, mail, pdf, steps
from billing.models import Document, Payment, StripeEventInbox

log = logging.getLogger(__name__)


def nudge(job: str, *arguments: str, queue: str = "default") -> None:
    """Enqueue a job once the transaction is committed. A lost nudge costs seconds, nothing else."""

    def enqueue() -> None:
        try:
            django_rq.get_queue(queue).enqueue(job, *arguments, result_ttl=0, failure_ttl=3600)
        except RedisError as error:
            log.warning("no nudge for %s: %s", job, error)

    transaction.on_commit(enqueue)


def listen() -> None:
    """Have each priced session charged as soon as it is."""
    from charging import signals  # the apps must be loaded

    signals.session_completed.connect(_session_completed, dispatch_uid="billing.session_completed")


def _session_completed(
    sender: object, organisation_id: UUID, session_id: UUID, settled_elsewhere: bool, **_: Any
) -> None:
    if not settled_elsewhere:
        nudge("billing.jobs.charge_session", str(organisation_id), str(session_id))


def charge_session(organisation_id: str, session_id: str) -> None:
    """Charge a session, collect the money and issue the receipt."""
    charge = charges.charge_session(UUID(organisation_id), UUID(session_id))
    if charge is None:
        return
    payment = Payment.objects.of(organisation_id).get(charge=charge)
    collect(organisation_id, str(payment.pk))


def collect(organisation_id: str, payment_id: str) -> None:
    """Do what a payment needs next, and issue its receipt if that settles it."""
    steps.advance(UUID(organisation_id), UUID(payment_id))
    receipt = documents.issue_receipt(UUID(organisation_id), UUID(payment_id))
    if receipt is not None:
        nudge("billing.jobs.make_pdf", organisation_id, str(receipt.pk), queue="documents")
        mail.sweep(limit=5)


def make_pdf(organisation_id: str, document_id: str) -> None:
    pdf.content(Document.objects.of(organisation_id).get(pk=document_id))


def work_inbox(row_id: str) -> None:
    """Work off one of Stripe's events."""
    inbox.work(StripeEventInbox.objects.get(pk=row_id))
