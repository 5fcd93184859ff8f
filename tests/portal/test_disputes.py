"""The owner's disputes: those that wait come first, each is answered from its page, strangers see none."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import fakestripe
from accounts.models import Membership, Role
from billing import disputes, stripe_calls
from billing.models import Dispute, Payment
from tests.billing.conftest import stripe  # noqa: F401  the fixture
from tests.billing.journeys import charge_at, make_payer, make_place, settle
from tests.builders import make_dispute, make_member, make_organisation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner(client: Client) -> Membership:
    found = make_member(make_organisation(), Role.OWNER)
    client.force_login(found.user)
    return found


def page(client: Client, member: Membership, name: str, *ids: object) -> str:
    response = client.get(reverse(f"portal:{name}", args=[member.organisation.slug, *ids]))
    assert response.status_code == 200
    return response.content.decode()


def test_those_that_wait_for_an_answer_come_first(client: Client, owner: Membership) -> None:
    assert "No disputes" in page(client, owner, "disputes")
    make_dispute(owner.organisation, state="lost", closed_at=timezone.now(), reason="duplicate")
    make_dispute(owner.organisation, reason="fraudulent")
    make_dispute(reason="somebody_else")
    told = page(client, owner, "disputes")
    assert told.index("fraudulent") < told.index("Answered and decided") < told.index("duplicate")
    assert "somebody_else" not in told


def test_an_answer_from_the_page_reaches_the_bank(
    client: Client, stripe: fakestripe.Server  # noqa: F811
) -> None:  # fmt: skip
    charge_at(make_place(), make_payer())
    settle()
    payment = Payment.objects.get()
    charge_id = stripe_calls.retrieve_intent(payment.intent_id)["latest_charge"]["id"]
    row = disputes.look(stripe.control.open_dispute(charge_id)["id"])
    assert row is not None
    member = make_member(payment.organisation)
    client.force_login(member.user)
    assert "Send to the bank" in page(client, member, "dispute", row.pk)
    url = reverse("portal:dispute", args=[member.organisation.slug, row.pk])
    assert "required" in client.post(url, {"statement": " "}).content.decode()
    response = client.post(url, {"statement": "The car charged."}, follow=True)
    told = response.content.decode()
    assert "The bank has your answer." in told
    assert "Send to the bank" not in told
    assert (
        stripe_calls.retrieve_dispute(row.dispute_id)["evidence"]["uncategorized_text"] == "The car charged."
    )
    pdf = client.get(reverse("portal:dispute-pdf", args=[member.organisation.slug, row.pk]))
    assert pdf.content.startswith(b"%PDF-")


def test_a_stranger_can_not_answer(client: Client, owner: Membership) -> None:
    foreign = make_dispute()
    for slug in (foreign.organisation.slug, owner.organisation.slug):
        url = reverse("portal:dispute", args=[slug, foreign.pk])
        assert client.post(url, {"statement": "x"}).status_code == 404
    assert Dispute.objects.get().answered_at is None


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.VIEWER])
def test_who_has_no_business_with_money_is_refused(client: Client, role: str) -> None:
    member = make_member(make_organisation(), role)
    client.force_login(member.user)
    row = make_dispute(member.organisation)
    url = reverse("portal:dispute", args=[member.organisation.slug, row.pk])
    assert client.post(url, {"statement": "x"}).status_code == 403


def test_a_late_answer_is_not_offered(client: Client, owner: Membership) -> None:
    row = make_dispute(owner.organisation, answer_by=timezone.now())
    assert "Send to the bank" not in page(client, owner, "dispute", row.pk)
