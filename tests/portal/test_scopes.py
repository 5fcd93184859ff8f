"""Every view says who may see it, and a tenant sees only its own."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import ApiKey, Organisation, Role
from charging.models import ChargingSession, OcppMessage
from portal.scopes import OUTSIDE, scope_of
from revenue.dynamic.switching import rule_set_for
from revenue.models import Experiment, Feed, PriceRule, ShareLink
from stations.models import EVSE, Site, Station
from tests.builders import (
    connector_of,
    make_candidate,
    make_dispute,
    make_exclusion,
    make_member,
    make_organisation,
    make_session,
    make_site,
    make_station,
    make_tariff,
    make_window,
    make_work_order,
)

pytestmark = pytest.mark.django_db
KINDS = {"public", "guest_link", "driver", "member", "staff", "signed", "api_key"}


def views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern, path)
        else:
            yield path, pattern


ALL_VIEWS = list(views(get_resolver()))
TENANT_PATHS = [(path, view) for path, view in ALL_VIEWS if "<slug:organisation>" in path]


def test_every_view_declares_a_scope() -> None:
    assert len(ALL_VIEWS) > 50
    naked = [f"{path} ({view.callback})" for path, view in ALL_VIEWS if scope_of(view.callback) is None]
    assert not naked, f"decorate with a scope of portal.scopes: {naked}"
    assert {scope.kind for _path, view in ALL_VIEWS if (scope := scope_of(view.callback))} <= KINDS


def test_a_view_without_a_scope_is_found() -> None:
    def naked(request: object) -> HttpResponse:
        return HttpResponse()

    assert scope_of(naked) is None


def test_the_packages_that_carry_their_own_checks_are_a_closed_list() -> None:
    assert set(OUTSIDE) <= {
        "allauth",
        "api.urls",
        "billing.webhooks",
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.staticfiles",
        "django.views.i18n",
        "django.views.static",
        "django_rq",
        "djstripe",
        "ninja",
        "unfold",
    }


def share_of(tenant: Organisation) -> object:
    owner, later = make_member(tenant).user, timezone.now() + timedelta(days=1)
    return ShareLink.objects.create(organisation=tenant, name="x", made_by=owner, expires_at=later).pk


def rule_of(tenant: Organisation) -> PriceRule:
    """A rule of the prices at the tenant's one site."""
    found: PriceRule | None = PriceRule.objects.of(tenant).first()
    if found is not None:
        return found
    site = Site.objects.of(tenant).get()
    make_tariff(organisation=tenant, site=site)
    rule_set = rule_set_for(site)
    made: PriceRule = PriceRule.objects.create(
        organisation=tenant, rule_set=rule_set, position=0, name="r", amount=0
    )
    return made


def experiment_of(tenant: Organisation) -> Experiment:
    """An experiment that the tenant registered."""
    made: Experiment = Experiment.objects.get_or_create(
        organisation=tenant,
        name="e",
        defaults={
            "low_percent": -20,
            "high_percent": 20,
            "starts_on": date(2030, 1, 7),
            "seed": 1,
            "power": 0,
        },
    )[0]
    return made


OWN: dict[str, Callable[[Organisation], object]] = {
    "session_id": lambda tenant: ChargingSession.objects.of(tenant).get().pk,
    "key_id": lambda tenant: ApiKey.issue(tenant, "Fleet system")[0].pk,
    "message_id": lambda tenant: OcppMessage.objects.of(tenant).get().id,
    "way": lambda _tenant: "reset",
    "station_id": lambda tenant: Station.objects.of(tenant).get().pk,
    "evse_id": lambda tenant: EVSE.objects.of(tenant).get().pk,
    "order_id": lambda tenant: make_work_order(Station.objects.of(tenant).get()).pk,
    "window_id": lambda tenant: make_window(Station.objects.of(tenant).get()).pk,
    "exclusion_id": lambda tenant: make_exclusion(Station.objects.of(tenant).get()).pk,
    "share_id": share_of,
    "dispute_id": lambda tenant: make_dispute(tenant).pk,
    "day": lambda _tenant: "2026-05-04",
    "candidate_id": lambda tenant: make_candidate(tenant).pk,
    "site_id": lambda tenant: Site.objects.of(tenant).get().pk,
    "experiment_id": lambda tenant: experiment_of(tenant).pk,
    "rule_id": lambda tenant: rule_of(tenant).pk,
    "feed_id": lambda tenant: Feed.objects.get_or_create(organisation=tenant, name="day ahead")[0].pk,
}
"""By the name of a URL's variable: the id of a row of the tenant, made if it isn't there."""

NAMES_A_ROW = OWN.keys() - {"day"}
SEEN = (200, 302, 405)  # a page, a download's redirect, a page that takes POST only


@pytest.fixture
def tenant() -> Organisation:
    """An organisation with one station and one session."""
    organisation = make_organisation()
    station = make_station(make_site(organisation))
    make_session(connector_of(station))
    OcppMessage.objects.create(
        organisation=organisation, station=station, at=timezone.now(), direction="in", action="Heartbeat"
    )
    return organisation


def tenant_url(view: URLPattern, tenant: Organisation) -> str:
    """The URL of a tenant's view with the tenant's own ids in it."""
    kwargs: dict[str, object] = {"organisation": tenant.slug}
    for name in view.pattern.converters:
        if name in OWN:
            kwargs[name] = OWN[name](tenant)
        elif name != "organisation":
            pytest.fail(f"{view.pattern}: say in OWN which row of a tenant {name} stands for")
    return reverse(f"portal:{view.name}", kwargs=kwargs)


@pytest.mark.parametrize(("path", "view"), TENANT_PATHS, ids=[path for path, _view in TENANT_PATHS])
class TestTenantPages:
    def test_a_stranger_with_the_right_ids_gets_404(
        self, client: Client, tenant: Organisation, path: str, view: URLPattern
    ) -> None:
        stranger = make_member(make_organisation())
        client.force_login(stranger.user)
        assert client.get(tenant_url(view, tenant)).status_code == 404

    def test_foreign_ids_under_ones_own_organisation_are_404(
        self, client: Client, tenant: Organisation, path: str, view: URLPattern
    ) -> None:
        stranger = make_member(make_organisation())
        client.force_login(stranger.user)
        foreign = tenant_url(view, tenant)
        own = foreign.replace(f"/{tenant.slug}/", f"/{stranger.organisation.slug}/")
        expected = (404, 405) if NAMES_A_ROW & set(view.pattern.converters) else SEEN
        assert client.get(own).status_code in expected

    def test_nobody_is_sent_to_the_log_in(
        self, client: Client, tenant: Organisation, path: str, view: URLPattern
    ) -> None:
        url = tenant_url(view, tenant)
        response = client.get(url)
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/?next=")

    @pytest.mark.parametrize("role", Role.values)
    def test_a_member_sees_it_as_its_roles_say(
        self, client: Client, tenant: Organisation, path: str, view: URLPattern, role: str
    ) -> None:
        client.force_login(make_member(tenant, role).user)
        scope = scope_of(view.callback)
        assert scope is not None
        allowed = not scope.roles or role in scope.roles
        assert client.get(tenant_url(view, tenant)).status_code in (SEEN if allowed else (403,))


def test_a_site_of_another_organisation_does_not_filter(client: Client, tenant: Organisation) -> None:
    other = make_site(make_organisation(), name="Somewhere else entirely")
    client.force_login(make_member(tenant).user)
    page = client.get(reverse("portal:today", args=[tenant.slug]), {"site": str(other.pk)})
    assert page.status_code == 200
    assert "Somewhere else entirely" not in page.content.decode()


def test_members_without_a_second_factor_are_sent_to_add_one_where_it_is_asked_for(
    client: Client, tenant: Organisation, settings: object
) -> None:
    settings.SECOND_FACTOR_FOR_MEMBERS = True  # type: ignore[attr-defined]  # pytest-django's settings take anything
    client.force_login(make_member(tenant).user)
    response = client.get(reverse("portal:today", args=[tenant.slug]))
    assert response.status_code == 302
    assert response["Location"] == reverse("mfa_index")
