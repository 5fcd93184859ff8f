"""Disputes: what cardholders contest at their banks, the evidence that there is, and the one answer to each."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Role
from billing import dispute_answers, dispute_evidence
from billing.models import Dispute
from billing.webhooks import pdf_response
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member

READERS = (Role.OWNER, Role.MANAGER, Role.ACCOUNTANT)
PER_PAGE = 30
State = Dispute.State
LOOK_OF: dict[str, str] = {
    State.INQUIRY: "confirm",
    State.INQUIRY_REVIEW: "pending",
    State.NEEDS_RESPONSE: "confirm",
    State.UNDER_REVIEW: "pending",
    State.WON: "paid",
    State.LOST: "failed",
    State.CLOSED: "released",
}


class AnswerForm(forms.Form):
    """What the bank reads first; the pack goes with it."""

    statement = forms.CharField(
        label=gettext_lazy("Why the payment is right"),
        max_length=dispute_answers.LONGEST_STATEMENT,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("The bank takes one answer. The evidence is sent with it as PDF."),
    )


@member(*READERS)
@require_safe
def disputes(request: MemberRequest) -> HttpResponse:
    """All disputes, those that wait for an answer first."""
    own = Dispute.objects.of(request.organisation)
    waiting = own.filter(state__in=Dispute.ANSWERABLE, answered_at__isnull=True).order_by("answer_by")
    rest = own.exclude(pk__in=waiting.values("pk")).select_related("payment").order_by("-opened_at")
    page = Paginator(rest, PER_PAGE).get_page(request.GET.get("page"))
    return owner_page(
        request,
        "owner/disputes.html",
        {
            "here": "revenue",
            "waiting": [(row, LOOK_OF[row.state]) for row in waiting.select_related("payment")],
            "rest": [(row, LOOK_OF[row.state]) for row in page],
            "page": page,
        },
    )


@member(*READERS)
@require_http_methods(["GET", "HEAD", "POST"])
def dispute(request: MemberRequest, dispute_id: UUID) -> HttpResponse:
    """One dispute: what it is about, and the form of its answer while it can be given."""
    row = _own(request, dispute_id)
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            answered = dispute_answers.answer(row, form.cleaned_data["statement"])
        except dispute_answers.NotAnswerable as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _told(answered))
            return redirect("portal:dispute", request.organisation.slug, row.pk)
    row.refresh_from_db()
    return owner_page(
        request,
        "owner/dispute.html",
        {
            "here": "revenue",
            "dispute": row,
            "look": LOOK_OF[row.state],
            "form": form if _can_be_answered(row) else None,
            "charges": dispute_evidence.charges_of(row.payment)[: dispute_evidence.MOST_SESSIONS],
        },
    )


def _told(answered: Dispute) -> str:
    if answered.refusal:
        return _("Stripe did not take the answer; see why below.")
    if answered.submitted_at is None:
        return _("The answer is written down, and is sent as soon as Stripe can be reached.")
    return _("The bank has your answer.")


def _can_be_answered(row: Dispute) -> bool:
    in_time = row.answer_by is None or row.answer_by > timezone.now()
    unanswered = row.answered_at is None or bool(row.refusal)
    return row.state in Dispute.ANSWERABLE and in_time and unanswered


@member(*READERS)
@require_safe
def dispute_pdf(request: MemberRequest, dispute_id: UUID) -> HttpResponse:
    """The evidence pack: as it was sent, or as it would be sent now."""
    row = _own(request, dispute_id)
    return pdf_response(f"evidence-{row.dispute_id}", dispute_answers.pack(row))


def _own(request: MemberRequest, dispute_id: UUID) -> Dispute:
    own = Dispute.objects.of(request.organisation).select_related("payment", "organisation")
    found: Dispute | None = own.filter(pk=dispute_id).first()
    if found is None:
        raise Http404(_("There is no such dispute."))
    return found
