"""A document's PDF, made from its snapshot alone and kept with its hash."""

import hashlib
import logging

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.template.loader import render_to_string

from billing import einvoice_parts, facturx
from billing.document_page import page_of
from billing.models import Document, DocumentFile

log = logging.getLogger(__name__)


def render(document: Document) -> bytes:
    """The PDF of a document; the same bytes each time, from the same fonts and library.

    A business buyer's is a PDF/A-3b that carries the electronic invoice, once that has passed all checks.
    """
    from billing.typesetting import (  # Pango and WeasyPrint take a second to load
        typeset,
        typeset_with_invoice,
    )

    html = render_to_string("billing/pdf/document.html", page_of(document))
    xml = electronic_invoice(document)
    if xml is None:
        return typeset(html)
    return typeset_with_invoice(html, xml, facturx.NAME, "EN 16931", document.issued_at)


def electronic_invoice(document: Document) -> bytes | None:
    """The checked Factur-X XML of a business buyer's document; None, and a word in the log, if it can't be one.

    Such a document goes out as a plain PDF: what breaks a rule is never attached.
    """
    if not document.snapshot["buyer"].get("business"):
        return None
    missing = einvoice_parts.lacks(document)
    if missing:
        log.warning("document %s is no electronic invoice, it lacks: %s", document.number, ", ".join(missing))
        return None
    from billing import einvoice_checks  # loads Saxon, which takes a while

    xml = facturx.xml_of(document)
    try:
        einvoice_checks.check(xml, document)
    except einvoice_checks.NotConform as refused:
        log.error("%s, so it is no electronic invoice", refused)  # noqa: TRY400  the rules are named, no trace wanted
        return None
    return xml


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
