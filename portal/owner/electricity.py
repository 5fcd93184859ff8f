"""What a kWh costs the owner: a price per site from a day on. The rollups of those days follow by themselves."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from moneyed import Money

from accounts.models import Organisation, Role
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.models import ElectricityPrice
from stations.models import Site

EDITORS = (Role.OWNER, Role.MANAGER, Role.ACCOUNTANT)


class PriceForm(forms.Form):
    """A new price; the currency is the organisation's."""

    site = forms.ModelChoiceField(Site.objects.none(), label=gettext_lazy("Site"))
    valid_from = forms.DateField(
        label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )  # fmt: skip
    per_kwh = forms.DecimalField(
        label=gettext_lazy("Price per kWh"), min_value=0, max_value=1_000_000, decimal_places=4,
    )  # fmt: skip

    def __init__(self, organisation: Organisation, data: Any = None) -> None:
        super().__init__(data)
        self.organisation = organisation
        self.fields["site"].queryset = Site.objects.of(organisation)  # type: ignore[attr-defined]  # its own kind

    def save(self) -> bool:
        """Keep the price; False, with the reason beside the field, if that day has one already."""
        given = self.cleaned_data
        try:
            with transaction.atomic():
                ElectricityPrice.objects.create(
                    organisation=self.organisation, site=given["site"], valid_from=given["valid_from"],
                    per_kwh=Money(given["per_kwh"], self.organisation.currency),
                )  # fmt: skip
        except IntegrityError:
            self.add_error(
                "valid_from", _("This site has a price from that day already: choose another day.")
            )
            return False
        return True


@member(Role.OWNER, Role.MANAGER, Role.ACCOUNTANT, Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def electricity(request: MemberRequest) -> HttpResponse:
    """All prices, and the form that adds one."""
    may_edit = request.membership.role in EDITORS
    form = PriceForm(request.organisation, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not may_edit:
            raise PermissionDenied(_("Your role in this organisation does not include this page."))
        if form.is_valid() and form.save():
            messages.success(request, _("Saved. The figures follow within a minute."))
            return redirect("portal:electricity", request.organisation.slug)
    prices = ElectricityPrice.objects.of(request.organisation).select_related("site")
    return owner_page(
        request,
        "owner/electricity.html",
        {
            "here": "revenue",
            "form": form if may_edit else None,
            "prices": prices.order_by("site__name", "-valid_from"),
        },
    )
