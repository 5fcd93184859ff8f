"""What every owner page shares: the shell with its rail, and the site that a filter names."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Organisation
from portal.owner.period import uuid_of
from portal.owner.rail import rail_of
from portal.scopes import DriverRequest, MemberRequest
from stations.models import Site


def owner_page(request: MemberRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """`template` inside the owner's shell; `context["here"]` names the entry of the rail."""
    shell = {
        "organisation": request.organisation,
        "rail": rail_of(request.membership),
        "membership": request.membership,
        "organisations": organisations_of(request),
        "now": timezone.now(),
    }
    return render(request, template, {**shell, **context})


def organisations_of(request: MemberRequest | DriverRequest) -> list[Organisation]:
    memberships = request.user.memberships.select_related("organisation").order_by("organisation__name")
    return [membership.organisation for membership in memberships]


def site_asked(request: MemberRequest) -> UUID | None:
    """The site of `?site=`, if it is one of the organisation's own."""
    asked = uuid_of(request.GET.get("site", ""))
    own = asked and Site.objects.of(request.organisation).filter(pk=asked).exists()
    return asked if own else None
