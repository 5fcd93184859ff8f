"""What stands on monthly invoices and is credited off them is in the rollups as it is in the ledger."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accounts.models import Fleet, FleetMember
from billing import invoicing, refunds
from billing.models import Document, DocumentKind, Payment
from revenue import rollups
from tests.billing.journeys import charge_at, euros, make_place, settle
from tests.builders import make_driver, make_organisation
from tests.revenue.rollup_world import ROLLUPS, total


@pytest.mark.django_db(transaction=True)
def test_an_invoiced_and_credited_session_ties_to_the_ledger() -> None:
    organisation = make_organisation(legal_name="Stroom BV", country="NL", time_zone="Europe/Amsterdam")
    place, driver = make_place(organisation), make_driver()
    fleet = Fleet.objects.create(organisation=organisation, name="Firm", email="a@firm.example")
    FleetMember.objects.create(organisation=organisation, fleet=fleet, driver=driver)
    first, _second = (charge_at(place, driver, start=datetime(2026, 10, day, tzinfo=UTC)) for day in (3, 4))
    settle()
    issued = list(invoicing.run(organisation, date(2026, 10, 1), datetime(2026, 11, 2, tzinfo=UTC)))
    assert [document.kind for batch in issued for document in batch] == [DocumentKind.INVOICE]
    rollups.sweep()
    assert [total(model, organisation, "refund_net") for model in ROLLUPS] == [0, 0]
    refunds.credit(Payment.objects.get(session=first), euros("2.40"), "The cable was broken")
    assert Document.objects.of(organisation).filter(kind=DocumentKind.CREDIT_NOTE).count() == 1
    rollups.sweep()
    assert [str(one) for one in rollups.check(organisation.pk)] == []
    for model in ROLLUPS:
        assert total(model, organisation, "charged_net") == Decimal(10)
        assert total(model, organisation, "charged_tax") == Decimal(2)
        assert total(model, organisation, "refund_net") == Decimal(2)
        assert total(model, organisation, "refund_tax") == Decimal("0.40")
