"""Electronic invoices: what business buyers get passes EN 16931 and says what the printed page says."""

from decimal import Decimal
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from facturx import get_facturx_xml_from_pdf
from moneyed import Money
from pypdf import PdfReader

import fakestripe
from billing import einvoice_checks, facturx, pdf, refunds
from billing.models import BuyerTax, Document, Payment, SellerTax, SessionCharge
from stations.models import Connector
from tests.billing.journeys import charge_at, euros, make_place
from tests.billing.test_invoices import holds, issue, make_fleet, on
from tests.builders import connector_of, make_driver, make_organisation, make_site, make_station

pytestmark = pytest.mark.django_db(transaction=True)

SELLER_VAT, DUTCH, GERMAN = "NL004495445B01", "NL002455799B11", "DE136695976"
BAKER = {
    "legal_name": "Bakkerij Jansen BV",
    "street": "Gracht 1",
    "postal_code": "3511 AA",
    "city": "Utrecht",
    "country": "NL",
    "vat_id": DUTCH,
    "reference": "PO 7",
}


@pytest.fixture
def place(stripe: fakestripe.Server) -> Connector:
    return place_of()


def place_of(**tariff: Any) -> Connector:
    seller = make_organisation(
        legal_name="Stroom BV", street="Kade 2", postal_code="3512 BB", city="Utrecht", country="NL",
        vat_id=SELLER_VAT, email="facturen@stroom.example", time_zone="Europe/Amsterdam",
    )  # fmt: skip
    connector = make_place(seller, **tariff)
    connector.evse.station.site.country = "NL"
    connector.evse.station.site.save(update_fields=["country"])
    return connector


def invoice_to(place: Connector, **fleet: Any) -> Document:
    driver = make_driver(name="Ada <Lovelace>")
    made = make_fleet(place.organisation, driver, **{**BAKER, **fleet})
    if fleet.get("name") == "Reseller":
        BuyerTax.objects.create(organisation=place.organisation, fleet=made, resells=True)
    charge_at(place, driver, start=on(3), kwh=7)
    charge_at(place, driver, start=on(30, hour=22), kwh=13)
    (invoice,) = issue(place.organisation)
    return invoice


def text_of(document: Document) -> str:
    pages = PdfReader(BytesIO(pdf.content(document))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_a_fleets_pdf_carries_the_checked_invoice_and_both_say_the_same(place: Connector) -> None:
    invoice = invoice_to(place)
    made = pdf.render(invoice)
    name, xml = get_facturx_xml_from_pdf(made, check_xsd=True, check_schematron=False)
    assert name == "factur-x.xml"
    einvoice_checks.check(xml, invoice)
    root = fromstring(xml)
    printed = text_of(invoice)
    for path in ("TaxBasisTotalAmount", "TaxTotalAmount", "GrandTotalAmount", "LineTotalAmount"):
        for found in root.iterfind(f".//ram:{path}", facturx.SPACES):
            assert f"{Decimal(found.text or ''):.2f}" in printed
    assert root.findtext(".//ram:ActualDeliverySupplyChainEvent//udt:DateTimeString", "", facturx.SPACES) == (
        "20261031"  # the last session ends at midnight in Amsterdam
    )
    assert root.findtext(".//ram:BuyerOrderReferencedDocument/*", "", facturx.SPACES) == "PO 7"


def test_it_is_a_pdf_a_3b_that_comes_out_the_same(place: Connector) -> None:
    invoice = invoice_to(place)
    made = pdf.render(invoice)
    assert pdf.render(invoice) == made
    catalog: Any = PdfReader(BytesIO(made)).trailer["/Root"]
    said = catalog["/Metadata"].get_data().decode()
    assert said.count("<rdf:RDF") == 1
    assert 'pdfaid:part="3"' in said
    assert 'pdfaid:conformance="B"' in said
    assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in said
    assert catalog["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert [file.get_object()["/AFRelationship"] for file in catalog["/AF"]] == ["/Alternative"]


def test_a_private_buyer_and_a_seller_without_vat_id_get_a_plain_pdf(place: Connector) -> None:
    invoice = invoice_to(place)
    invoice.snapshot["seller"]["vat_id"] = ""
    assert pdf.electronic_invoice(invoice) is None
    assert b"/AF " not in pdf.render(invoice)
    invoice.snapshot["seller"]["vat_id"] = SELLER_VAT
    invoice.snapshot["buyer"]["business"] = False
    assert pdf.electronic_invoice(invoice) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<ram:GrandTotalAmount>12.00", b"<ram:GrandTotalAmount>12.01", "gross: 12.01"),
        (b"<ram:BilledQuantity unitCode=\"C62\">1<", b"<ram:BilledQuantity unitCode=\"C62\">2<", "quantity x price"),
        (b"<ram:CalculatedAmount>2.00", b"<ram:CalculatedAmount>1.99", "taxes: not those"),
        (b"<ram:CountryID>NL</ram:CountryID>", b"", "BR-09"),
        (b"<ram:InvoiceCurrencyCode>EUR", b"<ram:InvoiceCurrencyCode>EUX", "InvoiceCurrencyCode' is not allowed"),
        (b"<ram:TypeCode>380", b"<ram:TypeCodes>380", "schema"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused_by_name(place: Connector, old: bytes, new: bytes, said: str) -> None:
    invoice = invoice_to(place)
    xml = facturx.xml_of(invoice)
    assert old in xml
    broken = xml.replace(old, new, 1)
    if said == "schema":
        broken = broken.replace(b"</ram:TypeCode>", b"</ram:TypeCodes>", 1)
    with pytest.raises(einvoice_checks.NotConform, match=said):
        einvoice_checks.check(broken, invoice)


def test_tax_summed_by_session_passes_though_it_is_not_rate_times_base(stripe: fakestripe.Server) -> None:
    place = place_of(energy="0.4321", tax="21")
    driver = make_driver(name="Ada")
    make_fleet(place.organisation, driver, **BAKER)
    for day in range(1, 29):
        charge_at(place, driver, start=on(day), kwh=7)
    (invoice,) = issue(place.organisation)
    (stated,) = invoice.snapshot["taxes"]
    assert Decimal(stated["tax"]) != round(Decimal(stated["net"]) * Decimal("0.21"), 2)
    assert pdf.electronic_invoice(invoice) is not None


def test_a_credit_note_is_an_electronic_one_too(place: Connector) -> None:
    invoice = invoice_to(place)
    payment = Payment.objects.filter(charge__isnull=False).earliest("created_at")
    note = refunds.credit(payment, euros("1.00"), "The cable was broken")
    xml = pdf.electronic_invoice(note)
    assert xml is not None
    assert b"<ram:TypeCode>381<" in xml
    assert b"<ram:GrandTotalAmount>1.00<" in xml
    assert note.snapshot["taxes"] == [{"rate": "20", "tax": "0.17", "net": "0.83"}]
    assert invoice.number.encode() in xml


def test_a_reseller_abroad_owes_the_tax_itself(place: Connector) -> None:
    invoice = invoice_to(place, name="Reseller", country="DE", vat_id=GERMAN)
    assert (invoice.net, invoice.tax, invoice.gross) == (euros("10.00"), euros("0"), euros("10.00"))
    assert set(SessionCharge.objects.values_list("treatment", flat=True)) == {"reverse"}
    xml = pdf.electronic_invoice(invoice)
    assert xml is not None
    assert b"<ram:CategoryCode>AE<" in xml
    assert b"VATEX-EU-AE" in xml
    assert "Reverse charge" in text_of(invoice)
    note = refunds.credit(
        Payment.objects.filter(charge__isnull=False).earliest("created_at"), euros("1.00"), "x"
    )
    assert (note.net, note.tax) == (euros("1.00"), euros("0"))
    assert pdf.electronic_invoice(note) is not None
    assert holds()


def test_a_small_business_charges_no_vat_and_says_why(place: Connector) -> None:
    SellerTax.objects.create(organisation=place.organisation, small_business=True)
    invoice = invoice_to(place)
    assert invoice.gross == invoice.net == euros("10.00")
    xml = pdf.electronic_invoice(invoice)
    assert xml is not None
    assert b"<ram:CategoryCode>E<" in xml
    assert "small business" in text_of(invoice)
    assert holds()


def test_sessions_at_home_and_abroad_stand_on_one_invoice(place: Connector) -> None:
    seller = place.organisation
    abroad = connector_of(make_station(make_site(seller, country="DE", time_zone="Europe/Berlin")))
    driver = make_driver(name="Ada")
    make_fleet(seller, driver, **BAKER | {"country": "DE", "vat_id": GERMAN})
    charge_at(place, driver, start=on(3))
    charge_at(abroad, driver, start=on(4))
    (invoice,) = issue(seller)
    assert invoice.snapshot["taxes"] == [
        {"rate": "0", "net": "5.00", "tax": "0.00", "treatment": "reverse"},
        {"rate": "20", "net": "5.00", "tax": "1.00"},
    ]
    assert invoice.gross == Money("11.00", "EUR")
    assert pdf.electronic_invoice(invoice) is not None
    assert holds()


def test_issued_documents_from_before_keep_their_treatment(place: Connector) -> None:
    invoice = invoice_to(place)
    SellerTax.objects.create(organisation=place.organisation, small_business=True)
    again = Document.objects.get(pk=invoice.pk)
    assert again.tax == euros("2.00")
    assert pdf.electronic_invoice(again) is not None
