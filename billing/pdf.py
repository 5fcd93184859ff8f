"""A document's PDF, made from its snapshot alone, with bytes that don't depend on when it is made."""

import hashlib
import logging
import os
from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from billing.document_page import page_of
from billing.models import Document, DocumentFile

log = logging.getLogger(__name__)

os.environ.setdefault("SOURCE_DATE_EPOCH", "1577836800")  # fonts are embedded with a date
OWN_FILES = {"static:fonts/inter-document-400.woff2", "static:fonts/inter-document-600.woff2"}


class OwnFilesOnly(URLFetcher):  # type: ignore[misc]  # weasyprint has no types
    """Fetches `data:` URLs and our own fonts by name; anything else is refused before it is opened."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=("data",), allow_redirects=False)

    def fetch(self, url: str, headers: Any = None) -> Any:
        if url in OWN_FILES:
            return URLFetcherResponse(url, _static(url.removeprefix("static:")))
        if not url.startswith("data:"):
            raise FatalURLFetchingError(f"a document may not fetch {url!r}")
        return super().fetch(url, headers)


@cache
def _static(name: str) -> bytes:
    path = finders.find(name)
    if not isinstance(path, str):
        raise FatalURLFetchingError(f"static file {name} is missing")
    with open(path, "rb") as file:
        return file.read()


@cache
def _fonts() -> FontConfiguration:
    return FontConfiguration()


def render(document: Document) -> bytes:
    """The PDF of a document; the same bytes each time, from the same fonts and library."""
    html = render_to_string("billing/pdf/document.html", page_of(document.snapshot))
    page = HTML(string=html, url_fetcher=OwnFilesOnly(), base_url=None)
    made: bytes = page.write_pdf(font_config=_fonts())
    return made


def content(document: Document) -> bytes:
    """The PDF as it was first made; made now if it wasn't yet.

    A file that the storage has lost is made again, and must have the hash that was kept.
    """
    kept = DocumentFile.objects.of(document.organisation_id).filter(document=document).first()
    if kept is None:
        return _make(document)
    if default_storage.exists(kept.name):
        with default_storage.open(kept.name) as file:
            found: bytes = file.read()
    else:
        found = render(document)
        default_storage.save(kept.name, ContentFile(found))
    if hashlib.sha256(found).hexdigest() != kept.sha256:
        log.error("document %s: the PDF's hash is not the one it was issued with", document.number)
    return found


def _make(document: Document) -> bytes:
    made = render(document)
    digest = hashlib.sha256(made).hexdigest()
    name = f"documents/{document.organisation_id}/{document.year}/{document.number}.pdf"
    if not default_storage.exists(name):
        name = default_storage.save(name, ContentFile(made))
    try:
        with transaction.atomic():
            DocumentFile.objects.create(
                organisation_id=document.organisation_id, document=document, sha256=digest, size=len(made), name=name
            )
    except IntegrityError:  # another worker was first; its bytes are the same
        log.info("document %s was made elsewhere at the same time", document.number)
    return made


def sweep(limit: int = 20) -> int:
    """Make the PDFs that are still to be made; returns how many."""
    files = DocumentFile.objects.filter(organisation=OuterRef("organisation"), document=OuterRef("pk"))
    waiting = list(Document.objects.filter(~Exists(files)).order_by("issued_at")[:limit])
    for document in waiting:
        _make(document)
    return len(waiting)
