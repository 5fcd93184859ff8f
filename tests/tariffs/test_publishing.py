"""Publishing is the only way a price comes into force, never into the past."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from pricing import PricingError
from tariffs.models import Tariff, TariffVersion
from tariffs.publishing import BEFORE_ALL, publish, record_history
from tests.builders import make_organisation, make_tariff, make_tariff_document


def make_empty_tariff(**fields: Any) -> Tariff:
    return Tariff.objects.create(
        organisation=make_organisation(), **{"name": "Day", "currency": "EUR", **fields}
    )


@pytest.mark.django_db
class TestPublish:
    def test_versions_follow_each_other_from_now_on(self) -> None:
        tariff, before = make_empty_tariff(), timezone.now()
        first = publish(tariff, make_tariff_document("0.50"))
        second = publish(tariff, make_tariff_document("0.60"))
        assert (first.number, second.number) == (1, 2)
        assert before <= first.valid_from <= second.valid_from <= timezone.now()

    def test_what_is_in_force_already_is_not_published_again(self) -> None:
        tariff = make_empty_tariff()
        first = publish(tariff, make_tariff_document())
        assert publish(tariff, make_tariff_document()) == first

    def test_a_version_can_be_announced_and_what_holds_until_then_is_left_alone(self) -> None:
        tariff = make_empty_tariff()
        now = publish(tariff, make_tariff_document("0.50"))
        later = publish(tariff, make_tariff_document("0.60"), timezone.now() + timedelta(days=7))
        assert (now.number, later.number) == (1, 2)
        assert publish(tariff, make_tariff_document("0.50")) == now

    @pytest.mark.parametrize(
        ("document", "valid_from", "field"),
        [
            (make_tariff_document(), timezone.now() - timedelta(seconds=1), "valid_from"),
            (make_tariff_document(), datetime(2999, 1, 1), "valid_from"),  # noqa: DTZ001  the missing zone is the point
            (make_tariff_document(currency="GBP"), None, "currency"),
            (make_tariff_document(currency="QQQ"), None, "tariff.currency"),
            (make_tariff_document("-1"), None, "tariff.elements[0].price_components[0].price"),
            ({"currency": "EUR", "elements": []}, None, "tariff.elements"),
        ],
    )
    def test_what_cannot_be_a_price_is_refused_by_its_field(
        self, document: dict[str, Any], valid_from: datetime | None, field: str
    ) -> None:
        with pytest.raises(PricingError) as refused:
            publish(make_empty_tariff(), document, valid_from)
        assert refused.value.field == field
        assert not TariffVersion.objects.exists()

    def test_an_archived_tariff_gets_no_new_version(self) -> None:
        with pytest.raises(PricingError, match="archived"):
            publish(make_empty_tariff(archived_at=timezone.now()), make_tariff_document())


@pytest.mark.django_db
class TestHistory:
    def test_past_sessions_have_a_tariff_that_holds_for_all_time(self) -> None:
        organisation = make_organisation()
        version = record_history(organisation, "Import: a", make_tariff_document())
        assert version.valid_from == BEFORE_ALL
        assert record_history(organisation, "Import: a", make_tariff_document()) == version
        assert record_history(organisation, "Import: a", make_tariff_document("0.60")).number == 2

    def test_a_tariff_that_people_pay_is_never_back_dated(self) -> None:
        version = make_tariff(organisation=make_organisation())
        with pytest.raises(PricingError, match="is assigned"):
            record_history(version.organisation, version.tariff.name, make_tariff_document("9"))


@pytest.mark.django_db(transaction=True)
def test_publishing_side_by_side_numbers_each_version_once() -> None:
    tariff = make_empty_tariff()
    together = threading.Barrier(4)

    def publish_one(price: str) -> None:
        try:
            together.wait(10)
            publish(tariff, make_tariff_document(price))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish_one, args=(f"0.{n}",)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(tariff.versions.values_list("number", flat=True)) == [1, 2, 3, 4]
