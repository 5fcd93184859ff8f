"""The maintenance pages: what to mend first and why, by whom, and when ports are back."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from moneyed import Money

from accounts.models import Membership, Role
from portal.owner.repair_words import sentence_of, together
from stations.models import PlannedWindow, Station, WorkOrder
from tests.builders import (
    make_member,
    make_organisation,
    make_site,
    make_station,
    make_user,
    make_window,
    make_work_order,
)
from tests.portal.test_driver import text_of

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
EUR14 = Money("14.20", "EUR")


@pytest.fixture
def station() -> Station:
    site = make_site(make_organisation(), name="Harbour", time_zone="Europe/Berlin")
    return make_station(site, name="Quay", evses=2)


@pytest.fixture
def member(client: Client, station: Station) -> Membership:
    user = make_user("tess@example.test", name="Tess Ohm")
    found = make_member(station.organisation, Role.TECHNICIAN, user)
    client.force_login(found.user)
    return found


def url(name: str, station: Station, *args: object) -> str:
    return reverse(f"portal:{name}", args=[station.organisation.slug, *args])


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


class TestSentences:
    def test_it_says_what_where_since_when_how_much_and_on_what(self, station: Station) -> None:
        now = timezone.now()
        order = make_work_order(station, now - timedelta(days=2), 2, EUR14, kind="silent")
        day = f"{(now - timedelta(days=2)).astimezone(BERLIN):%A}"
        said = plain(sentence_of(order, now))
        assert said.startswith(f"Port 2 of Quay at Harbour has been silent since {day}")
        assert said.endswith("that costs about 14 EUR a day, measured on 212 sessions in 56 days.")

    def test_without_a_basis_there_is_no_number(self, station: Station) -> None:
        said = sentence_of(make_work_order(station), timezone.now())
        assert "Port 1 of Quay at Harbour has been down since 1 Jan 2024 (GroundFailure)" in said
        assert "what it costs is not known" in said

    def test_a_weak_port_and_failing_starts_say_how_they_know(self, station: Station) -> None:
        now = timezone.now()
        weak = {"usual_w": 50_000, "now_w": 22_000, "sessions": 14}
        order = make_work_order(station, kind="derated", evidence=weak, loss_per_day=Money("3.50", "EUR"))
        assert "has given at most 22 kW since 1 Jan 2024, where 50 kW was usual" in plain(
            sentence_of(order, now)
        )
        assert "about 3.50 EUR a day" in plain(sentence_of(order, now))
        failing = {"failed": 7, "attempts": 12, "days": 14, "codes": ["Other"]}
        order = make_work_order(station, kind="starts", evidence=failing)
        assert "7 of 12 starts at Port 1 of Quay at Harbour failed in 14 days" in plain(
            sentence_of(order, now)
        )

    def test_losses_together_count_only_the_measured(self, station: Station) -> None:
        orders = [make_work_order(station, loss_per_day=EUR14), make_work_order(station, number=2)]
        assert plain(together(orders)) == "1 order with a measured loss costs about 14 EUR a day."


def test_what_costs_most_comes_first(client: Client, station: Station, member: Membership) -> None:
    make_work_order(station, number=1)
    make_work_order(station, number=2, loss_per_day=EUR14)
    make_work_order(station, number=1, loss_per_day=Money("90", "EUR"), kind="silent")
    page = client.get(url("maintenance", station))
    losses = [row.order.loss_per_day and row.order.loss_per_day.amount for row in page.context["rows"]]
    assert losses == [Decimal(90), Decimal("14.20"), None]
    assert "2 orders with a measured loss cost about 104 EUR a day together." in text_of(page)


def test_lists_show_open_mine_and_closed(client: Client, station: Station, member: Membership) -> None:
    mine = make_work_order(station, assignee=member.user)
    closed = make_work_order(station, number=2, closed_at=timezone.now(), close_reason="repaired")
    shown = {
        show: [row.order for row in client.get(url("maintenance", station), {"show": show}).context["rows"]]
        for show in ("open", "mine", "closed", "nonsense")
    }
    assert shown == {"open": [mine], "mine": [mine], "closed": [closed], "nonsense": [mine]}


def test_the_list_asks_as_often_for_many_orders_as_for_one(
    client: Client, station: Station, member: Membership
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(url("maintenance", station))
        return len(asked)

    make_work_order(station)
    few = queries()
    for _ in range(20):
        make_work_order(make_station(station.site), loss_per_day=EUR14)
    assert queries() == few <= 10


class TestWorking:
    def act(self, client: Client, order: WorkOrder, **said: str) -> str:
        station = order.evse.station
        return text_of(client.post(url("work-order-act", station, order.pk), said, follow=True))

    def test_take_note_and_close_leave_their_marks(
        self, client: Client, station: Station, member: Membership
    ) -> None:
        order = make_work_order(station)
        assert "Tess Ohm" in self.act(client, order, action="take")
        assert "fuse blown" in self.act(client, order, action="note", text="fuse blown")
        page = self.act(client, order, action="close", reason="replaced", text="new fuse")
        assert "Part replaced: new fuse" in page
        order.refresh_from_db()
        assert (order.assignee, order.close_reason, order.is_open) == (member.user, "replaced", False)
        assert list(order.entries.values_list("action", flat=True)) == [
            "opened",
            "assigned",
            "note",
            "closed",
        ]

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            ({"action": "note", "text": ""}, "Write what you saw or did"),
            ({"action": "close", "reason": "x"}, "Say what the outcome was"),
            ({"action": "assign", "assignee": "x"}, "Choose who works on it"),
            ({"action": "dance"}, "Choose what to do"),
        ],
    )
    def test_what_is_missing_is_said(
        self, client: Client, station: Station, member: Membership, said: dict[str, str], told: str
    ) -> None:
        order = make_work_order(station)
        assert told in self.act(client, order, **said)
        assert order.entries.count() == 1

    def test_what_was_written_survives_a_mistake(
        self, client: Client, station: Station, member: Membership
    ) -> None:
        assert "fuse blown" in self.act(
            client, make_work_order(station), action="close", reason="x", text="fuse blown"
        )

    def test_strangers_and_viewers_may_not(self, client: Client, station: Station) -> None:
        order, window = make_work_order(station), make_window(station)
        for member, status in (
            (make_member(make_organisation()), 404),
            (make_member(station.organisation, Role.VIEWER), 403),
        ):
            client.force_login(member.user)
            assert (
                client.post(url("work-order-act", station, order.pk), {"action": "take"}).status_code
                == status
            )
            assert client.post(url("window-cancel", station, window.pk)).status_code == status
            assert client.post(url("windows", station), {}).status_code == status
        own = make_station()
        client.force_login(make_member(own.organisation).user)
        assert client.post(url("work-order-act", own, order.pk), {"action": "take"}).status_code == 404
        assert client.post(url("window-cancel", own, window.pk)).status_code == 404
        order.refresh_from_db()
        assert order.assignee is None


class TestWindows:
    def form(self, station: Station, hours: float = 3, **said: str) -> dict[str, str]:
        """Local times of the site, as the browser sends them."""
        begin = timezone.now().astimezone(BERLIN) + HOUR
        return {
            "port": str(station.evses.get(number=2).pk),
            "breadth": "port",
            "since": f"{begin:%Y-%m-%dT%H:%M}",
            "until": f"{begin + hours * HOUR:%Y-%m-%dT%H:%M}",
            "words": "We fit longer cables.",
            **said,
        }

    def test_a_planned_window_is_read_by_drivers_with_its_local_end(
        self, client: Client, station: Station, member: Membership
    ) -> None:
        client.post(url("windows", station), self.form(station))
        window = PlannedWindow.objects.get()
        assert timedelta(minutes=59) <= window.since - timezone.now() <= HOUR
        page = text_of(client.get(reverse("portal:station", args=[station.public_code])))
        assert "Port 2 is closed for maintenance from" in page
        assert "We fit longer cables." in page
        PlannedWindow.objects.update(since=timezone.now() - HOUR)
        page = text_of(client.get(reverse("portal:station", args=[station.public_code])))
        assert "Port 2 is closed for maintenance, back at" in page
        client.post(url("window-cancel", station, window.pk))
        page = text_of(client.get(reverse("portal:station", args=[station.public_code])))
        assert "closed for maintenance" not in page

    def test_other_stations_say_nothing_of_it(
        self, client: Client, station: Station, member: Membership
    ) -> None:
        client.post(url("windows", station), self.form(station, breadth="station"))
        other = make_station(station.site)
        assert "maintenance" not in text_of(client.get(reverse("portal:station", args=[other.public_code])))
        client.post(url("windows", station), self.form(station, breadth="site"))
        assert "maintenance" in text_of(client.get(reverse("portal:station", args=[other.public_code])))

    def test_nonsense_is_said_beside_the_form(
        self, client: Client, station: Station, member: Membership
    ) -> None:
        page = text_of(client.post(url("windows", station), self.form(station, hours=-3)))
        assert "The end has to come after the beginning" in page
        foreign = make_station().evses.get()
        page = text_of(client.post(url("windows", station), self.form(station, port=str(foreign.pk))))
        assert "Select a valid choice" in page
        assert not PlannedWindow.objects.exists()


@pytest.mark.parametrize("by", ["port", "site", "model", "firmware", "nonsense"])
def test_reliability_is_grouped_as_asked(
    client: Client, station: Station, member: Membership, by: str
) -> None:
    page = client.get(url("reliability", station), {"by": by})
    assert page.status_code == 200
    assert len(page.context["rows"]) == (2 if by in ("port", "nonsense") else 1)
    assert "Silence can't be monitored here" in text_of(page)
    file = client.get(url("reliability", station), {"by": by, "format": "csv"})
    assert file["Content-Type"].startswith("text/csv")
