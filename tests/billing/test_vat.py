"""Who owes the VAT of a charging session, and which VAT ids can't be."""

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Fleet
from accounts.vat_ids import check, country_of
from billing import vat
from billing.vat import Sale, Treatment


@pytest.mark.parametrize(
    ("sale", "meant"),
    [
        (Sale("NL", "NL", ""), Treatment.STANDARD),
        (Sale("NL", "NL", "NL"), Treatment.STANDARD),
        (Sale("NL", "NL", "DE"), Treatment.STANDARD),  # electricity is taxed where it is used
        (Sale("NL", "NL", "DE", resells=True), Treatment.REVERSE_CHARGE),
        (Sale("NL", "NL", "NL", resells=True), Treatment.STANDARD),
        (Sale("NL", "NL", "", resells=True), Treatment.STANDARD),  # no valid VAT id
        (Sale("NL", "DE", "DE"), Treatment.REVERSE_CHARGE),
        (Sale("NL", "DE", "NL"), Treatment.STANDARD),
        (Sale("NL", "NL", "CH", resells=True), Treatment.STANDARD),
        (Sale("GB", "NL", "NL"), Treatment.STANDARD),
        (Sale("NL", "NL", "DE", resells=True, small_business=True), Treatment.EXEMPT),
    ],
)
def test_the_treatment_follows_seller_place_and_buyer(sale: Sale, meant: str) -> None:
    assert vat.treatment(sale) == meant


@pytest.mark.parametrize(
    ("vat_id", "country"),
    [
        ("NL004495445B01", "NL"), ("de 136 695 976", "DE"), ("EL094259216", "GR"), ("FR40303265045", "FR"),
        ("CHE-107.787.577 MWST", "CH"), ("DE136695977", ""), ("136695976", ""), ("", ""), ("XX1", ""),
    ],
)  # fmt: skip
def test_a_vat_id_tells_its_country_only_if_it_is_valid(vat_id: str, country: str) -> None:
    assert country_of(vat_id) == country


@pytest.mark.parametrize(
    ("vat_id", "country", "said"),
    [("DE136695977", "DE", "is no VAT id"), ("DE136695976", "NL", "is of DE, the address is in NL")],
)
def test_a_fleets_vat_id_that_can_not_be_is_refused_by_field(vat_id: str, country: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        Fleet(name="Firm", email="a@firm.example", country=country, vat_id=vat_id).clean()
    assert list(refused.value.message_dict) == ["vat_id"]


def test_a_valid_id_is_kept_compact_and_numbers_unknown_here_as_they_are() -> None:
    assert check("nl 0044.95.445.b01", "NL") == "NL004495445B01"
    assert check("12-3456789", "US") == "12-3456789"
    assert check("", "DE") == ""
