"""HTML to PDF by WeasyPrint, which may fetch nothing but `data:` URLs and our own fonts."""

import os
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from weasyprint import HTML, Attachment
from weasyprint.document import Document
from weasyprint.pdf.metadata import DocumentMetadata
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

os.environ.setdefault("SOURCE_DATE_EPOCH", "1577836800")  # fonts are embedded with a date
OWN_FILES = ("static:fonts/inter-document-400.woff2", "static:fonts/inter-document-600.woff2")


class OwnFilesOnly(URLFetcher):  # type: ignore[misc]  # weasyprint has no types
    """Fetches `data:` URLs and our own fonts by name; anything else is refused before it is opened."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=("data",), allow_redirects=False)

    def fetch(self, url: str, headers: Any = None) -> Any:
        if url in OWN_FILES:
            return URLFetcherResponse(url, _static(url.removeprefix("static:")))
        if not url.startswith("data:"):
            raise ValueError(f"a document may not fetch {url!r}")  # it is left out, and the log says so
        return super().fetch(url, headers)


@cache
def _static(name: str) -> bytes:
    path = finders.find(name)
    if not isinstance(path, str):
        raise FileNotFoundError(f"static/{name} is missing, and documents are set in it")
    return Path(path).read_bytes()


@cache
def _fonts() -> FontConfiguration:
    return FontConfiguration()


def typeset(html: str) -> bytes:
    """The PDF of a page; the same bytes each time, from the same fonts and library."""
    made: bytes = laid_out(html).write_pdf()
    return made


def typeset_with_invoice(html: str, xml: bytes, name: str, level: str, made_at: datetime) -> bytes:
    """As PDF/A-3b with the electronic invoice `xml` attached as its alternative; the same bytes each time."""
    page = laid_out(html)
    page.metadata.attachments = [
        Attachment(string=xml.decode(), name=name, relationship="Alternative", created=made_at,
                   modified=made_at, description="Factur-X invoice", url_fetcher=OwnFilesOnly())
    ]  # fmt: skip
    page.metadata = _WithInvoice(**vars(page.metadata))
    page.metadata.factur_x = render_to_string("billing/pdf/factur_x.xmp", {"name": name, "level": level})
    made: bytes = page.write_pdf(finisher=_attached_once, pdf_variant="pdf/a-3b")
    return made


def _attached_once(_document: Document, pdf: Any) -> None:
    """WeasyPrint 70 names an attachment twice among the associated files."""
    pdf.catalog["AF"] = type(pdf.catalog["AF"])(dict.fromkeys(pdf.catalog["AF"]))


class _WithInvoice(DocumentMetadata):  # type: ignore[misc]  # weasyprint has no types
    """Says, within the one rdf:RDF that XMP allows, which attachment is the invoice."""

    factur_x = ""

    def generate_rdf_metadata(self, *variant: Any) -> bytes:
        made: bytes = super().generate_rdf_metadata(*variant)
        return made.replace(b"</rdf:RDF>", self.factur_x.encode() + b"</rdf:RDF>")


def laid_out(html: str) -> Document:
    """The page's boxes as they will be printed."""
    for name in OWN_FILES:
        _static(name.removeprefix("static:"))  # a missing font must not become another one in silence
    page = HTML(string=html, url_fetcher=OwnFilesOnly(), base_url=None)
    return page.render(font_config=_fonts())
