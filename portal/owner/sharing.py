"""Share links for people without an account, and each member's own e-mail reports."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Role
from billing import links
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.models import ReportSubscription, ShareLink

SHARERS = (Role.OWNER, Role.MANAGER, Role.ACCOUNTANT)
Cadence = ReportSubscription.Cadence


class ShareForm(forms.Form):
    """A new link: for whom, and for how long."""

    name = forms.CharField(label=gettext_lazy("For whom"), max_length=80)
    days = forms.TypedChoiceField(
        label=gettext_lazy("Good for"), coerce=int, initial=30,
        choices=[(7, gettext_lazy("7 days")), (30, gettext_lazy("30 days")), (90, gettext_lazy("90 days"))],
    )  # fmt: skip


@member(*SHARERS)
@require_http_methods(["GET", "HEAD", "POST"])
def sharing(request: MemberRequest) -> HttpResponse:
    """All links with their state, the form that makes one, and one's own reports."""
    form = ShareForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        ShareLink.objects.create(
            organisation=request.organisation,
            name=form.cleaned_data["name"],
            made_by=request.user,
            expires_at=timezone.now() + timedelta(days=form.cleaned_data["days"]),
        )
        messages.success(request, _("The link is ready: copy it from the list."))
        return redirect("portal:sharing", request.organisation.slug)
    own = ReportSubscription.objects.of(request.organisation).filter(membership=request.membership)
    taken = set(own.values_list("cadence", flat=True))
    return owner_page(
        request,
        "owner/sharing.html",
        {
            "here": "revenue",
            "form": form,
            "links": [_shown(request, link) for link in ShareLink.objects.of(request.organisation)],
            "reports": [(value, label, value in taken) for value, label in Cadence.choices],
        },
    )


def _shown(request: MemberRequest, link: ShareLink) -> dict[str, Any]:
    signed = links.sign(organisation=link.organisation_id, share=link.pk)
    url = request.build_absolute_uri(reverse("portal:shared", args=[signed])) if link.is_open else ""
    return {"link": link, "url": url}


@member(*SHARERS)
@require_POST
def revoke(request: MemberRequest, share_id: UUID) -> HttpResponse:
    """End a link now; a repeat changes nothing."""
    found = ShareLink.objects.of(request.organisation).filter(pk=share_id)
    if not found.exists():
        raise Http404(_("There is nothing here."))
    found.filter(revoked_at=None).update(revoked_at=timezone.now())
    messages.success(request, _("The link does not open any more."))
    return redirect("portal:sharing", request.organisation.slug)


@member(*SHARERS)
@require_POST
def report(request: MemberRequest) -> HttpResponse:
    """Subscribe to a report, or end it: `cadence` and `on` (1 or nothing)."""
    cadence = request.POST.get("cadence", "")
    if cadence not in Cadence.values:
        raise Http404(_("There is no such report."))
    wanted: dict[str, Any] = {
        "organisation": request.organisation,
        "membership": request.membership,
        "cadence": cadence,
    }
    if request.POST.get("on"):
        ReportSubscription.objects.get_or_create(**wanted)
        messages.success(request, _("The next report comes when its period has ended."))
    else:
        ReportSubscription.objects.filter(**wanted).delete()
        messages.success(request, _("No more reports of this kind."))
    return redirect("portal:sharing", request.organisation.slug)
