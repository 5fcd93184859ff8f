"""The start page, and the switch between light and dark."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Membership
from portal.look import THEME_COOKIE, theme_of
from portal.scopes import public

YEAR_S = 365 * 24 * 3600


@public
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Who is logged in goes where they work; all others see what this is."""
    if not request.user.is_authenticated:
        return render(request, "public/start.html")
    membership = (
        Membership.objects.filter(user=request.user)
        .select_related("organisation")
        .order_by("organisation__name")
        .first()
    )
    if membership is None:
        return redirect("portal:driver-home")
    return redirect("portal:today", membership.organisation.slug)


@public
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember light or dark for a year and go back to where the reader was."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = redirect(target)
    chosen = theme_of(request.POST.get("theme", ""))
    response.set_cookie(
        THEME_COOKIE,
        chosen,
        max_age=YEAR_S,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response
