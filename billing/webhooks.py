"""Where Stripe's events come in: verify, write down, answer. The work is done elsewhere."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from billing import jobs, links, pdf, stripe_archive, stripe_client
from billing.models import StripeEventInbox
from billing.stripe_client import Obj

MAX_BYTES = 1_000_000


@csrf_exempt
@require_POST
@transaction.non_atomic_requests
def stripe_webhook(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """400, and no row, for what Stripe did not sign for this endpoint and mode; 200 once it is written."""
    secret = stripe_archive.secret_of(uuid)
    payload = request.body if int(request.headers.get("content-length") or 0) <= MAX_BYTES else b""
    event = (
        stripe_client.event_of(payload, request.headers.get("stripe-signature", ""), secret)
        if secret
        else None
    )
    if event is None or bool(event.get("livemode")) != stripe_client.is_live():
        return HttpResponseBadRequest("not signed for this endpoint")
    receive(event)
    return HttpResponse(status=200)


def receive(event: Obj) -> StripeEventInbox:
    """Write a verified event into the inbox, once, and nudge the worker."""
    about = event["data"]["object"]
    row, created = StripeEventInbox.objects.get_or_create(
        event_id=event["id"],
        defaults={
            "type": event["type"],
            "object_id": about.get("id") or "",
            "livemode": event["livemode"],
            "event_created_at": datetime.fromtimestamp(event["created"], UTC),
            "payload": event,
        },
    )
    if created:
        jobs.nudge("billing.jobs.work_inbox", str(row.pk))
    return row


@require_GET
def document(request: HttpRequest, signed: str) -> HttpResponseBase:
    """A document's PDF, for whoever holds the signed link to it."""
    found = links.document_of(signed)
    if found is None:
        return HttpResponseNotFound("This link is not valid any more.")
    return pdf_response(found.number, pdf.content(found))


def pdf_response(number: str, content: bytes) -> HttpResponse:
    """A PDF to be shown in the browser and saved under its number."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{number}.pdf"'
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "private, max-age=0, no-store"
    return response
