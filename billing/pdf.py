"""A document's PDF, made from its snapshot alone and kept with its hash."""

import hashlib
import logging

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string

from billing.document_page import page_of
from billing.models import Document, DocumentFile

log = logging.getLogger(__name__)


def render(document: Document) -> bytes:
    """The PDF of a document; the same bytes each time, from the same fonts and library."""
    from billing.typesetting import typeset  # Pango and WeasyPrint take a second to load

    return typeset(render_to_string("billing/pdf/document.html", page_of(document)))


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
                organisation_id=document.organisation_id,
                document=document,
                sha256=digest,
                size=len(made),
                name=name,
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
