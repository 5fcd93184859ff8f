"""Factur-X: the EN 16931 XML (UN/CEFACT CII D22B) that goes into a business buyer's PDF.

Built from the frozen document alone, so the same document gives the same bytes. Amounts are copied, never computed.
"""

from datetime import date, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring
from zoneinfo import ZoneInfo

from billing import vat
from billing.einvoice_parts import Part, TaxShare, delivered, parts, shares
from billing.models import Document, DocumentKind
from billing.snapshots import Snapshot

NAME = "factur-x.xml"
LEVEL = "en16931"
GUIDELINE = "urn:cen.eu:en16931:2017"
SPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
for prefix, space in SPACES.items():
    register_namespace(prefix, space)

TYPES = {DocumentKind.INVOICE: "380", DocumentKind.RECEIPT: "380", DocumentKind.CREDIT_NOTE: "381"}
ONE_PIECE = "C62"
CREDIT_TRANSFER, CARD = "30", "48"


def xml_of(document: Document) -> bytes:
    """The electronic invoice of `document`; its buyer is a business, and `einvoice_parts.lacks` nothing."""
    root = Element(_tag("rsm:CrossIndustryInvoice"))
    _add(root, "rsm:ExchangedDocumentContext", "ram:GuidelineSpecifiedDocumentContextParameter", "ram:ID",
         text=GUIDELINE)  # fmt: skip
    _head(root, document)
    deal = _add(root, "rsm:SupplyChainTradeTransaction")
    for number, part in enumerate(parts(document), start=1):
        _line(deal, number, part)
    _agreement(deal, document.snapshot)
    _, last = delivered(document)
    delivery = _add(deal, "ram:ApplicableHeaderTradeDelivery")
    _day(_add(delivery, "ram:ActualDeliverySupplyChainEvent", "ram:OccurrenceDateTime"), last)
    _settlement(deal, document)
    made: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return made


def _tag(name: str) -> str:
    prefix, local = name.split(":")
    return f"{{{SPACES[prefix]}}}{local}"


def _add(parent: Element, *path: str, text: str | None = None, **attributes: str) -> Element:
    """Nested elements along `path`; returns the innermost, with `text` and `attributes`."""
    element = parent
    for name in path:
        element = SubElement(element, _tag(name))
    element.text = text
    element.attrib.update(attributes)
    return element


def _day(parent: Element, day: date, kind: str = "udt") -> None:
    _add(parent, f"{kind}:DateTimeString", text=f"{day:%Y%m%d}", format="102")


def _head(root: Element, document: Document) -> None:
    head = _add(root, "rsm:ExchangedDocument")
    _add(head, "ram:ID", text=document.number)
    _add(head, "ram:TypeCode", text=TYPES[DocumentKind(document.kind)])
    _day(_add(head, "ram:IssueDateTime"), _local_day(document.snapshot))
    for note in (document.snapshot.get("reason"), document.snapshot.get("rounding")):
        if note:
            _add(head, "ram:IncludedNote", "ram:Content", text=note)


def _local_day(snapshot: Snapshot) -> date:
    """The day that the document shows."""
    zone = ZoneInfo(snapshot.get("time_zone") or "UTC")
    return datetime.fromisoformat(snapshot["issued_at"]).astimezone(zone).date()


def _line(deal: Element, number: int, part: Part) -> None:
    item = _add(deal, "ram:IncludedSupplyChainTradeLineItem")
    _add(item, "ram:AssociatedDocumentLineDocument", "ram:LineID", text=str(number))
    product = _add(item, "ram:SpecifiedTradeProduct")
    _add(product, "ram:Name", text=part.name)
    _add(product, "ram:Description", text=part.description)
    price = ("ram:SpecifiedLineTradeAgreement", "ram:NetPriceProductTradePrice", "ram:ChargeAmount")
    _add(item, *price, text=_figure(part.price))
    quantity = ("ram:SpecifiedLineTradeDelivery", "ram:BilledQuantity")
    _add(item, *quantity, text=_figure(part.quantity), unitCode=ONE_PIECE)
    settlement = _add(item, "ram:SpecifiedLineTradeSettlement")
    tax = _add(settlement, "ram:ApplicableTradeTax")
    _add(tax, "ram:TypeCode", text="VAT")
    _add(tax, "ram:CategoryCode", text=part.category)
    _add(tax, "ram:RateApplicablePercent", text=_figure(part.rate))
    total = ("ram:SpecifiedTradeSettlementLineMonetarySummation", "ram:LineTotalAmount")
    _add(settlement, *total, text=_figure(part.net))


def _figure(exact: Decimal) -> str:
    return f"{exact.normalize():f}"


def _agreement(deal: Element, snapshot: Snapshot) -> None:
    agreement = _add(deal, "ram:ApplicableHeaderTradeAgreement")
    _party(_add(agreement, "ram:SellerTradeParty"), snapshot["seller"])
    buyer = snapshot["buyer"]
    _party(_add(agreement, "ram:BuyerTradeParty"), buyer)
    if buyer.get("reference"):
        _add(agreement, "ram:BuyerOrderReferencedDocument", "ram:IssuerAssignedID", text=buyer["reference"])


def _party(party: Element, said: Snapshot) -> None:
    _add(party, "ram:Name", text=said["name"])
    address = _add(party, "ram:PostalTradeAddress")
    for element, name in (
        ("ram:PostcodeCode", "postal_code"),
        ("ram:LineOne", "street"),
        ("ram:CityName", "city"),
        ("ram:CountryID", "country"),
    ):
        if said.get(name):
            _add(address, element, text=said[name])
    if said.get("email"):
        _add(party, "ram:URIUniversalCommunication", "ram:URIID", text=said["email"], schemeID="EM")
    if said.get("vat_id"):
        _add(party, "ram:SpecifiedTaxRegistration", "ram:ID", text=said["vat_id"], schemeID="VA")


def _settlement(deal: Element, document: Document) -> None:
    snapshot = document.snapshot
    settlement = _add(deal, "ram:ApplicableHeaderTradeSettlement")
    _add(settlement, "ram:PaymentReference", text=document.number)
    _add(settlement, "ram:InvoiceCurrencyCode", text=snapshot["currency"])
    means = CARD if document.fleet_id is None else CREDIT_TRANSFER
    if document.kind == DocumentKind.INVOICE and means == CARD:
        _add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans", "ram:TypeCode", text=means)
    for share in shares(snapshot):
        _tax(settlement, share)
    _period(settlement, document)
    _terms(settlement, document)
    _totals(settlement, snapshot)
    if document.corrects is not None:
        corrected = _add(settlement, "ram:InvoiceReferencedDocument")
        _add(corrected, "ram:IssuerAssignedID", text=document.corrects.number)
        day = _local_day(document.corrects.snapshot)
        _day(_add(corrected, "ram:FormattedIssueDateTime"), day, "qdt")


def _tax(settlement: Element, share: TaxShare) -> None:
    tax = _add(settlement, "ram:ApplicableTradeTax")
    _add(tax, "ram:CalculatedAmount", text=f"{share.tax:f}")
    _add(tax, "ram:TypeCode", text="VAT")
    reason, code = vat.REASONS.get(share.category, ("", ""))
    if reason:
        _add(tax, "ram:ExemptionReason", text=reason)
    _add(tax, "ram:BasisAmount", text=f"{share.net:f}")
    _add(tax, "ram:CategoryCode", text=share.category)
    if code:
        _add(tax, "ram:ExemptionReasonCode", text=code)
    _add(tax, "ram:RateApplicablePercent", text=_figure(share.rate))


def _period(settlement: Element, document: Document) -> None:
    first, last = delivered(document)
    period = _add(settlement, "ram:BillingSpecifiedPeriod")
    _day(_add(period, "ram:StartDateTime"), first)
    _day(_add(period, "ram:EndDateTime"), last)


def _terms(settlement: Element, document: Document) -> None:
    terms = _add(settlement, "ram:SpecifiedTradePaymentTerms")
    if document.due_on is not None:
        _day(_add(terms, "ram:DueDateDateTime"), document.due_on)
    else:
        _add(terms, "ram:Description", text="Set off against the corrected document, or paid back.")


def _totals(settlement: Element, snapshot: Snapshot) -> None:
    said = snapshot["totals"]
    totals = _add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _add(totals, "ram:LineTotalAmount", text=said["net"])
    _add(totals, "ram:TaxBasisTotalAmount", text=said["net"])
    _add(totals, "ram:TaxTotalAmount", text=said["tax"], currencyID=snapshot["currency"])
    _add(totals, "ram:GrandTotalAmount", text=said["gross"])
    _add(totals, "ram:DuePayableAmount", text=said["gross"])
