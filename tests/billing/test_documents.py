"""Documents: numbers without gaps, frozen content, PDFs that fetch nothing and come out the same."""

import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction
from django.template.loader import render_to_string
from django.test import Client

import fakestripe
from accounts.models import Organisation
from billing import document_page, documents, links, numbering, pdf, typesetting
from billing.models import Document, DocumentFile
from billing.typesetting import typeset
from tests.billing.journeys import charge_at, make_payer, make_place, settle
from tests.builders import make_organisation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receipt(stripe: fakestripe.Server) -> Document:
    charge_at(make_place(flat="1.00"), make_payer(name="Ada Lovelace"))
    settle()
    return Document.objects.get()


def test_numbers_are_gapless_under_concurrency_and_aborts() -> None:
    organisation = make_organisation()
    given: list[int] = []
    threads = [threading.Thread(target=_draw, args=(organisation, seed, given)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(1, len(given) + 1))
    assert len(given) > 20


def _draw(organisation: Organisation, seed: int, given: list[int]) -> None:
    """Draw ten numbers, each in a transaction of its own, of which a third aborts."""
    dice = random.Random(seed)
    for _ in range(10):
        with transaction.atomic():
            number = numbering.next_number(organisation.pk, "receipt", 2026)
            if aborted := dice.random() < 0.33:
                transaction.set_rollback(True)
        if not aborted:
            given.append(number)
    connection.close()


def test_a_number_is_only_given_inside_a_transaction() -> None:
    with pytest.raises(RuntimeError):
        numbering.next_number(make_organisation().pk, "receipt", 2026)


def test_a_receipt_says_what_was_charged(receipt: Document) -> None:
    said = receipt.snapshot
    assert said["number"] == receipt.number == f"R-{receipt.year}-000001"
    assert said["totals"] == {"net": "6.00", "tax": "1.20", "gross": "7.20"}
    assert said["taxes"] == [{"rate": "20", "net": "6.00", "tax": "1.20"}]
    assert sorted(line["kind"] for line in said["lines"]) == ["ENERGY", "FLAT"]
    assert said["seller"]["name"] == "Stroom BV"
    assert said["buyer"]["name"] == "Ada Lovelace"
    assert said["payment"]["amount"] == "7.20"


def test_issuing_again_is_the_same_receipt(receipt: Document) -> None:
    assert receipt.charge is not None
    payment = receipt.charge.payments.get()
    again = documents.issue_receipt(payment.organisation_id, payment.pk)
    assert again == receipt
    assert Document.objects.count() == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_document SET snapshot = '{}'",
        "DELETE FROM billing_document",
        "TRUNCATE billing_document CASCADE",
        "UPDATE billing_documentfile SET sha256 = ''",
        "UPDATE billing_sessioncharge SET gross = 1, net = 1, tax = 0",
        "DELETE FROM billing_chargeline",
    ],
)
def test_what_is_issued_can_not_be_changed(receipt: Document, sql: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_pdf_comes_out_the_same_and_keeps_its_hash(receipt: Document) -> None:
    kept = DocumentFile.objects.get(document=receipt)
    first = pdf.content(receipt)
    assert first.startswith(b"%PDF-")
    assert pdf.render(receipt) == first
    default_storage.delete(kept.name)
    assert pdf.content(receipt) == first
    assert default_storage.exists(kept.name)


def test_nothing_on_a_page_sticks_out_of_its_margins(receipt: Document) -> None:
    html = render_to_string("billing/pdf/document.html", document_page.page_of(receipt))
    [page] = typesetting.laid_out(html).pages
    sheet = page._page_box
    right = sheet.content_box_x() + sheet.width
    outside = [box.text for box in sheet.descendants() if getattr(box, "text", "") and _end(box) > right + 1]
    assert outside == []


def _end(box: Any) -> float:
    return float(box.position_x + box.width)


def test_the_pdf_is_there_for_who_has_the_link_and_nobody_else(receipt: Document) -> None:
    url = links.document_url(receipt).removeprefix("http://127.0.0.1:9")
    answer = Client().get(url)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert Client().get(url.replace(".pdf", "x.pdf")).status_code == 404
    assert Client().get(f"/documents/{links.sign(payment=receipt.pk)}.pdf").status_code == 404


def test_the_receipt_is_mailed_once(receipt: Document) -> None:
    settle()
    [letter] = mail.outbox
    assert letter.to == [receipt.snapshot["buyer"]["email"]]
    assert receipt.number in letter.body
    assert "/documents/" in letter.body


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server that must not be asked, and what it was asked."""
    asked: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Trap)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()


def test_hostile_names_fetch_nothing(stripe: fakestripe.Server, trap: tuple[str, list[str]]) -> None:
    url, asked = trap
    hostile = (
        f'</p><img src={url}/a.png><link rel=stylesheet href="{url}/b.css"><style>@import "{url}/c"</style>'
    )
    organisation = make_organisation(
        legal_name=f'"><img src={url}/d.png>',
        name="'\"><object data=file:///etc/passwd>",
        street=hostile,
        country="NL",
    )
    charge_at(make_place(organisation), make_payer(name=hostile[:120]))
    settle()
    receipt = Document.objects.get()
    made = pdf.content(receipt)
    assert asked == []
    assert b"root:" not in made
    assert made.startswith(b"%PDF-")


@pytest.mark.parametrize("kind", ["img", "css", "file", "redirect"])
def test_a_page_may_fetch_nothing_but_our_own_fonts(trap: tuple[str, list[str]], kind: str) -> None:
    url, asked = trap
    html = {
        "img": f"<img src={url}/a>",
        "css": f"<style>@import '{url}/b'; body {{ background: url({url}/c) }}</style>x",
        "file": "<img src=file:///etc/passwd><a rel=attachment href=file:///etc/passwd>x</a>",
        "redirect": f"<embed src={url}/d><object data={url}/e></object><svg><image href={url}/f /></svg>",
    }[kind]
    made = typeset(html)
    assert asked == []
    assert made.startswith(b"%PDF-")
    assert b"root:" not in made


@pytest.mark.parametrize(
    ("exact", "places", "least", "shown"),
    [("0.25", 4, 2, "0.25"), ("10/3", 4, 2, "3.3333"), ("-1.5", 4, 2, "−1.50"), ("2", 6, 2, "2.00"),
     ("20", 2, 0, "20"),
     ("0.00005", 4, 2, "0.00"), ("5.125", 4, 2, "5.125")],
)  # fmt: skip
def test_figures_are_exact_as_far_as_they_go(exact: str, places: int, least: int, shown: str) -> None:
    assert document_page.figure(exact, places, least) == shown


def test_the_price_line_fills_the_bar_in_proportion() -> None:
    made = document_page.segments(
        {"energy": "6.00", "time": "0.00", "parking": "2.00", "fees": "0.00", "tax": "2.00"}
    )
    assert [(each.name, each.x, each.width) for each in made] == [
        ("energy", 0, 600), ("parking", 600, 200), ("tax", 800, 200),
    ]  # fmt: skip
