"""Who may see a page. Every view declares exactly one scope; a view without one fails the suite.

- `public`: anybody.
- `guest_link`: whoever holds a signed link; the view gets what the link names.
- `driver`: a logged-in person, as a driver; the view sees only that driver's rows.
- `member(*roles)`: a member of the organisation in the URL. Strangers get 404, as if it did not exist;
  members whose role is not among `roles` get 403. No roles: every role.
- `staff`: the platform's own people.
- `api_key`: whoever sends an organisation's API key; tests/api/test_scopes.py walks those routes.

The organisation in the URL is looked up once, by slug *and* membership: that look-up is the tenant check.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import Driver, Membership, Organisation, Role, User
from billing import links

P = ParamSpec("P")
Request = TypeVar("Request", bound=HttpRequest)
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Scope:
    """What a view declared. `roles` only for members; empty means every role."""

    kind: str
    roles: tuple[str, ...] = ()


class UserRequest(HttpRequest):
    """A request of a logged-in person."""

    user: User


class DriverRequest(UserRequest):
    """A request of a logged-in driver."""

    driver: Driver


class MemberRequest(UserRequest):
    """A request of an organisation's member, inside that organisation."""

    organisation: Organisation
    membership: Membership


OUTSIDE = {
    "allauth": Scope("public"),
    "django.contrib.admin": Scope("staff"),
    "django.contrib.auth": Scope("staff"),
    "unfold": Scope("staff"),
    "django_rq": Scope("staff"),
    "api.urls": Scope("public"),
    "ninja": Scope("api_key"),
    "billing.webhooks": Scope("signed"),
    "djstripe": Scope("signed"),
    "django.views.i18n": Scope("public"),
    "django.views.static": Scope("public"),
    "django.contrib.staticfiles": Scope("public"),
}
"""Scopes of views that are not ours: they carry their own checks, by the package they come from."""


def scope_of(view: View) -> Scope | None:
    """The scope that `view` declared, or that of the package it comes from; None if there is none."""
    declared: Scope | None = getattr(view, "scope", None)
    if declared is not None:
        return declared
    home = getattr(getattr(view, "view_class", view), "__module__", "")
    admin_home = getattr(
        getattr(view, "model_admin", None) or getattr(view, "admin_site", None), "__module__", ""
    )
    if admin_home:
        return Scope("staff")
    return next(
        (scope for name, scope in OUTSIDE.items() if home == name or home.startswith(f"{name}.")), None
    )


def _declare(view: View, scope: Scope) -> View:
    view.scope = scope  # type: ignore[attr-defined]  # functions take attributes; typing has no word for it
    return view


def public(view: Callable[Concatenate[HttpRequest, P], HttpResponseBase]) -> View:
    """Anybody may see it."""
    return _declare(view, Scope("public"))


def guest_link(view: Callable[Concatenate[HttpRequest, dict[str, str], str, P], HttpResponseBase]) -> View:
    """Whoever holds the signed link in the URL's `signed`; the view gets what it names, or there is a 404."""

    @wraps(view)
    def checked(request: HttpRequest, signed: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return view(request, read_guest_link(signed), signed, *args, **kwargs)

    return _declare(checked, Scope("guest_link"))


def read_guest_link(signed: str) -> dict[str, str]:
    """What a link names. Raises Http404 for one that is forged or too old."""
    named = links.read(signed)
    if named is None:
        raise Http404(_("This link is not valid any more."))
    return named


def driver(view: Callable[Concatenate[Any, P], HttpResponseBase]) -> View:
    """A logged-in person, as a driver. A log-in becomes a driver when it first comes here."""

    @wraps(view)
    def checked(request: DriverRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if is_anonymous(request):
            return redirect_to_login(request.get_full_path())
        request.driver = driver_of(request.user)
        return view(request, *args, **kwargs)

    return _declare(checked, Scope("driver"))


def is_anonymous(request: HttpRequest) -> bool:
    """Whether nobody is logged in."""
    return not request.user.is_authenticated


def driver_of(user: User) -> Driver:
    """The driver of a log-in, made at its first use."""
    found, _made = Driver.objects.get_or_create(
        user=user, defaults={"email": user.email, "name": user.name, "language": user.language}
    )
    return found


def member(*roles: Role) -> Callable[[Callable[Concatenate[Any, P], HttpResponseBase]], View]:
    """A member of the organisation that the URL's `organisation` (its slug) names."""
    allowed = tuple(str(role) for role in roles)

    def wrap(view: Callable[Concatenate[Any, P], HttpResponseBase]) -> View:
        @wraps(view)
        def checked(
            request: MemberRequest, organisation: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            if is_anonymous(request):
                return redirect_to_login(request.get_full_path())
            membership = _membership(request.user, organisation)
            if allowed and membership.role not in allowed:
                raise PermissionDenied(_("Your role in this organisation does not include this page."))
            if needs_second_factor(request.user):
                return redirect("mfa_index")
            request.membership, request.organisation = membership, membership.organisation
            return view(request, *args, **kwargs)

        return _declare(checked, Scope("member", allowed))

    return wrap


def _membership(user: User, slug: str) -> Membership:
    found = (
        Membership.objects.select_related("organisation").filter(user=user, organisation__slug=slug).first()
    )
    if found is None:
        raise Http404(_("There is nothing here."))
    return found


def staff(view: Callable[Concatenate[Any, P], HttpResponseBase]) -> View:
    """The platform's own people; for all others the page does not exist."""

    @wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not (request.user.is_active and request.user.is_staff):
            raise Http404(_("There is nothing here."))
        return view(request, *args, **kwargs)

    return _declare(checked, Scope("staff"))


def needs_second_factor(user: User) -> bool:
    """Whether this person must add a second factor first (setting SECOND_FACTOR_FOR_MEMBERS)."""
    if not getattr(settings, "SECOND_FACTOR_FOR_MEMBERS", False):
        return False
    from allauth.mfa.utils import is_mfa_enabled

    return not is_mfa_enabled(user)
