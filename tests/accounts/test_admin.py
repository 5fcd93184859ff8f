"""The admin: every page opens, no list asks more questions for more rows, and nobody edits facts or money."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Token, User
from tests.admin_world import make_one_of_each
from tests.builders import make_driver, make_organisation, make_user

ROOMS = ("accounts", "stations", "tariffs", "charging")
MODELS = [
    model
    for model in admin.site._registry
    if model._meta.app_label in ROOMS or model is Group  # the rooms above test their own
]
RECORDS = [
    "accounts.ApiKey",
    "accounts.RegistryKey",
    "charging.ChargingProfile",
    "charging.ChargingSession",
    "charging.ImportBatch",
    "charging.LocalList",
    "charging.PricedSession",
    "charging.QuarantinedFact",
    "charging.Reservation",
    "charging.StationCommand",
    "stations.StatusInterval",
    "tariffs.TariffVersion",
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.test", "x"))
    return client


def url(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_model_of_these_rooms_that_people_ask_about_has_a_page() -> None:
    assert {model._meta.label for model in MODELS} >= {
        *RECORDS,
        "accounts.User",
        "auth.Group",
        "stations.Site",
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
class TestPages:
    def queries(self, client: Client, path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    def test_a_list_asks_as_many_questions_for_many_rows_as_for_few(
        self, model: type[models.Model], staff: Client
    ) -> None:
        make_one_of_each(1)
        few = self.queries(staff, url(model, "changelist"))
        for number in range(2, 5):
            make_one_of_each(number)
        assert self.queries(staff, url(model, "changelist")) <= few

    def test_search_and_filters_work(self, model: type[models.Model], staff: Client) -> None:
        make_one_of_each(1)
        assert staff.get(url(model, "changelist"), {"q": "a b"}).status_code == 200

    def test_each_row_opens(self, model: type[models.Model], staff: Client) -> None:
        make_one_of_each(1)
        for row in model._default_manager.all():
            assert staff.get(url(model, "change", row.pk)).status_code == 200

    def test_adding_opens_where_rows_are_added_by_hand(
        self, model: type[models.Model], staff: Client
    ) -> None:
        by_hand = model._meta.label not in RECORDS or model._meta.label == "tariffs.TariffVersion"
        assert staff.get(url(model, "add")).status_code == (200 if by_hand else 403)


@pytest.mark.parametrize("label", RECORDS)
def test_facts_and_money_can_be_neither_changed_nor_deleted(label: str, staff: Client) -> None:
    make_one_of_each(1)
    (model,) = [each for each in MODELS if each._meta.label == label]
    row = model._default_manager.first()
    assert row is not None
    assert staff.post(url(model, "change", row.pk), {"organisation": ""}).status_code == 403
    assert staff.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


def test_strangers_stay_out(client: Client) -> None:
    client.force_login(make_user())
    for model in MODELS:
        assert client.get(url(model, "changelist")).status_code == 302


def test_a_user_is_added_by_e_mail(staff: Client) -> None:
    answer = staff.post(
        url(User, "add"),
        {
            "email": "New@Example.test", "name": "New", "usable_password": "true",
            "password1": "correct horse 7", "password2": "correct horse 7",
        },
    )  # fmt: skip
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert User.objects.get(email="new@example.test").check_password("correct horse 7")


def test_a_token_keeps_a_hash_of_its_uid_and_is_added_once(staff: Client) -> None:
    driver = make_driver()
    form = {"uid": "04A2B3C4", "driver": driver.pk, "kind": "rfid", "label": ""}
    assert staff.post(url(Token, "add"), form).status_code == 302
    token = Token.objects.get()
    assert token.masked == "•••• B3C4"
    assert "04A2B3C4" not in str(token.__dict__)
    assert list(Token.objects.with_uid("04a2b3c4")) == [token]
    again = staff.post(url(Token, "add"), form)
    assert again.context["adminform"].form.errors["uid"] == ["This token is known already."]


def test_an_organisations_currency_is_chosen_once(staff: Client) -> None:
    organisation = make_organisation("north", currency="EUR")
    page = staff.get(url(type(organisation), "change", organisation.pk))
    assert "currency" not in page.context["adminform"].form.fields
