"""A payment that waits for its driver, by signed link: confirm it with the bank, or try again."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing import invoice_payments, recovery
from billing.invoiced_sessions import outstanding
from billing.models import Payment
from billing.stripe_client import StripeRefused, StripeUnreachable
from portal.cost import shares_of
from portal.payment_words import words_for_payment
from portal.scopes import guest_link


@guest_link
@require_GET
def pay(request: HttpRequest, named: dict[str, str], signed: str) -> HttpResponse:
    """What is owed, for what, and the one thing to do about it."""
    payment = _payment(named)
    words = words_for_payment(payment)
    owed = outstanding(payment) if payment.invoice else payment.outstanding
    context = {
        "payment": payment,
        "signed": signed,
        "words": words,
        "owed": owed,
        "cost": payment.invoice.gross if payment.invoice else payment.due,
        "can_pay": _by_checkout(payment),
        "line": shares_of(payment.charge.priced).line(title=_("Price")) if payment.charge else None,
        "can_confirm": payment.state == Payment.State.ACTION,
        "can_retry": payment.state == Payment.State.FAILED
        and payment.method != Payment.Method.GUEST
        and not _by_checkout(payment),
    }
    return render(request, "guest/pay.html", context)


@guest_link
@require_POST
def settle(request: HttpRequest, named: dict[str, str], signed: str) -> HttpResponse:
    """Confirm with the bank, or try the saved card again; a repeat does nothing twice."""
    payment = _payment(named)
    page = request.build_absolute_uri(reverse("portal:pay", args=[signed]))
    try:
        if payment.state == Payment.State.ACTION:
            return redirect(recovery.finish_on_session(payment, page))
        if _by_checkout(payment):
            return redirect(invoice_payments.open_checkout(payment, page, page))
        recovery.retry(payment)
    except (recovery.NotPayable, invoice_payments.NotRecorded):
        messages.info(request, _("There is nothing to pay here any more."))
    except StripeRefused as refusal:
        messages.error(request, str(refusal))
    except StripeUnreachable:
        messages.error(request, _("The bank does not answer. Nothing was charged; try again in a minute."))
    return redirect(page)


def _by_checkout(payment: Payment) -> bool:
    """Invoices are paid on the hosted page by whoever holds the link, unless a card is being charged."""
    return payment.method == Payment.Method.INVOICE and payment.state in (
        Payment.State.AWAITED,
        Payment.State.FAILED,
    )


def _payment(named: dict[str, str]) -> Payment:
    found: Payment | None = None
    if "payment" in named:
        found = (
            Payment.objects.of(named.get("organisation"))
            .filter(pk=named["payment"])
            .select_related("organisation", "charge__priced", "session__station__site", "invoice")
            .first()
        )
    if found is None:
        raise Http404(_("There is nothing here."))
    return found
