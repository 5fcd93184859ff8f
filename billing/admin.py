"""Admin pages of the books: to look at. Money moves by the flows alone; here one can only ask for them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from accounts.administration import BY_ORGANISATION, RecordAdmin
from billing import dispute_answers, inbox, pdf, recovery
from billing.models import (
    Account,
    BankTransfer,
    BuyerTax,
    ChargeLine,
    DebtPolicy,
    Dispute,
    Document,
    DriverHistoryEntry,
    Entry,
    Journal,
    Mail,
    Payment,
    PaymentAttempt,
    PaymentProfile,
    Refund,
    SellerTax,
    SessionCharge,
    StripeEventInbox,
)
from billing.webhooks import pdf_response


class RecordInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """Rows shown beneath what they belong to; never edited."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PlatformRecordAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Rows of the platform, to look at."""

    list_filter_submit = True
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(RecordAdmin):
    list_display = ("kind", "driver", "tax_rate", "currency", "organisation")
    list_filter = (BY_ORGANISATION, "kind", "currency")
    list_select_related = ("driver", "organisation")


@admin.register(Journal)
class JournalAdmin(RecordAdmin):
    list_display = ("booked_at", "cause", "description", "idempotency_key", "organisation")
    list_filter = (BY_ORGANISATION, "cause")
    list_select_related = ("organisation",)
    search_fields = ("idempotency_key", "cause_id")
    fields = (
        "organisation",
        "booked_at",
        "cause",
        "cause_id",
        "description",
        "idempotency_key",
        "reverses",
        "entries",
    )
    readonly_fields = ("entries",)

    def entries(self, journal: Journal) -> str:
        """The journal's two or more lines; entries have a composite key, which inlines can't show."""
        rows = Entry.objects.filter(
            organisation=journal.organisation_id, journal=journal, booked_at=journal.booked_at
        ).select_related("account")
        lines = format_html_join(
            "", "<li>{} <b>{}</b></li>", ((entry.account, entry.amount) for entry in rows)
        )
        return format_html("<ul>{}</ul>", lines)


class LineInline(RecordInline):
    model = ChargeLine
    fields = ("component", "tax_rate", "amount")


@admin.register(SessionCharge)
class SessionChargeAdmin(RecordAdmin):
    list_display = ("charged_at", "session", "driver", "net", "tax", "gross", "organisation")
    list_filter = (BY_ORGANISATION,)
    list_select_related = ("session", "driver", "organisation")
    search_fields = ("session__id",)
    inlines = (LineInline,)


class AttemptInline(RecordInline):
    model = PaymentAttempt
    fields = ("created_at", "kind", "amount", "state", "sent", "failure_code", "failure_message", "intent_id")
    readonly_fields = ("created_at",)


class RefundInline(RecordInline):
    model = Refund
    fields = ("created_at", "amount", "reason", "state", "credit_note", "refund_id")
    readonly_fields = ("created_at",)


@admin.register(Payment)
class PaymentAdmin(RecordAdmin):
    list_display = ("created_at", "method", "state", "due", "captured", "refunded", "driver", "organisation")
    list_filter = (BY_ORGANISATION, "state", "method")
    list_select_related = ("driver", "organisation")
    search_fields = ("id", "intent_id", "checkout_id", "email", "session__id")
    inlines = (AttemptInline, RefundInline)
    actions_detail = ("retry",)

    @action(description="Try again")  # type: ignore[untyped-decorator]  # unfold has no types
    def retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        payment = get_object_or_404(Payment, pk=object_id)
        try:
            recovery.retry(payment)
        except recovery.NotPayable as refusal:
            messages.error(request, str(refusal))
        else:
            messages.info(request, f"The payment is {payment.get_state_display().lower()}.")
        return redirect(reverse("admin:billing_payment_change", args=[object_id]))


@admin.register(Refund)
class RefundAdmin(RecordAdmin):
    list_display = ("created_at", "amount", "reason", "state", "credit_note", "organisation")
    list_filter = (BY_ORGANISATION, "state")
    list_select_related = ("credit_note", "organisation")


@admin.register(Dispute)
class DisputeAdmin(RecordAdmin):
    list_display = ("opened_at", "amount", "reason", "state", "answer_by", "submitted_at", "organisation")
    list_filter = (BY_ORGANISATION, "state")
    list_select_related = ("organisation",)
    search_fields = ("dispute_id", "charge_id", "payment__id")
    exclude = ("evidence",)
    actions_detail = ("show_evidence",)

    @action(description="Evidence pack")  # type: ignore[untyped-decorator]  # unfold has no types
    def show_evidence(self, request: HttpRequest, object_id: str) -> HttpResponse:
        dispute = get_object_or_404(Dispute, pk=object_id)
        return pdf_response(f"evidence-{dispute.dispute_id}", dispute_answers.pack(dispute))


@admin.register(Document)
class DocumentAdmin(RecordAdmin):
    list_display = ("number", "kind", "issued_at", "driver", "net", "tax", "gross", "organisation")
    list_filter = (BY_ORGANISATION, "kind", "year")
    list_select_related = ("driver", "organisation")
    search_fields = ("number",)
    actions_detail = ("show_pdf",)

    @action(description="PDF")  # type: ignore[untyped-decorator]  # unfold has no types
    def show_pdf(self, request: HttpRequest, object_id: str) -> HttpResponse:
        document = get_object_or_404(Document, pk=object_id)
        return pdf_response(document.number, pdf.content(document))


@admin.register(Mail)
class MailAdmin(RecordAdmin):
    list_display = ("created_at", "kind", "email", "sent_at", "tries", "organisation")
    list_filter = (BY_ORGANISATION, "kind")
    list_select_related = ("organisation",)


@admin.register(DriverHistoryEntry)
class DriverHistoryEntryAdmin(PlatformRecordAdmin):
    list_display = ("started_at", "driver", "place", "gross", "paid", "payment_state", "receipt_number")
    list_filter = ("payment_state",)
    list_select_related = ("driver",)


@admin.register(PaymentProfile)
class PaymentProfileAdmin(PlatformRecordAdmin):
    list_display = ("driver", "card_brand", "card_last4", "card_expires", "changed_at")
    list_select_related = ("driver",)
    search_fields = ("customer_id", "driver__email")


@admin.register(StripeEventInbox)
class StripeEventInboxAdmin(PlatformRecordAdmin):
    list_display = ("received_at", "type", "object_id", "state", "tries", "error")
    list_filter = ("state", "type")
    search_fields = ("event_id", "object_id")
    exclude = ("payload",)
    actions = ("replay",)

    @admin.action(description="Work off again")
    def replay(self, request: HttpRequest, queryset: QuerySet[StripeEventInbox]) -> None:
        done = sum(inbox.replay(row) for row in queryset)
        messages.info(request, f"{done} events were worked off.")


@admin.register(SellerTax)
class SellerTaxAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """The one place where a seller becomes a small business; holds for sessions charged from then on."""

    list_display = ("organisation", "small_business")
    list_filter = (BY_ORGANISATION,)
    list_select_related = ("organisation",)


@admin.register(BuyerTax)
class BuyerTaxAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Which fleets resell; holds for sessions charged from then on."""

    list_display = ("fleet", "resells", "organisation")
    list_filter = (BY_ORGANISATION,)
    list_select_related = ("fleet", "organisation")


@admin.register(DebtPolicy)
class DebtPolicyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """When an organisation tries again, reminds and blocks; without a row the defaults hold."""

    list_display = ("organisation", "block_at_count", "block_at_total", "block_after_days")
    list_filter = (BY_ORGANISATION,)
    list_select_related = ("organisation",)


@admin.register(BankTransfer)
class BankTransferAdmin(RecordAdmin):
    list_display = ("received_on", "amount", "reference", "recorded_by", "organisation")
    list_filter = (BY_ORGANISATION,)
    list_select_related = ("recorded_by", "organisation")
    search_fields = ("reference",)
