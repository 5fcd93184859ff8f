"""Uploads: evidence is a PDF or picture of at most 5 MB, and disputes take only what was uploaded as evidence."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest

import fakestripe
from tests.fakestripe.builders import Stripe, pay, refused

PDF = b"%PDF-1.7\r\n\x00\xff--boundary\r\n%%EOF"


def upload(stripe: Stripe, content: bytes = PDF, key: str = "k", **fields: Any) -> Any:
    params: Any = {"purpose": "dispute_evidence", "file": BytesIO(content), **fields}
    return stripe.files.create(params, {"idempotency_key": key})


def test_a_file_is_told_by_its_bytes_and_kept_by_its_hash(server: fakestripe.Server, stripe: Stripe) -> None:
    file = upload(stripe)
    assert (file.type, file.size, file.purpose) == ("pdf", len(PDF), "dispute_evidence")
    assert stripe.files.retrieve(file.id).size == len(PDF)
    assert server.control._api.store.rows[file.id].private["sha256"] == sha256(PDF).hexdigest()


def test_the_same_key_and_bytes_are_the_same_file(stripe: Stripe) -> None:
    assert upload(stripe).id == upload(stripe).id
    with refused(400) as error:
        upload(stripe, PDF + b"x")
    assert "Keys for idempotent requests" in str(error.error)
    assert len(stripe.files.list().data) == 1


@pytest.mark.parametrize("content", [b"<html>", b"", b"%PDF-" + b"x" * (5 * 1024 * 1024)])
def test_what_is_no_evidence_is_refused(stripe: Stripe, content: bytes) -> None:
    with refused(400, param="file"):
        upload(stripe, content)


def test_evidence_names_a_file_that_was_uploaded(stripe: Stripe) -> None:
    intent = pay(stripe, 1000, payment_method="pm_card_createDispute")
    (dispute,) = stripe.disputes.list({"payment_intent": intent.id}).data
    with refused(400, param="evidence[receipt]"):
        stripe.disputes.update(dispute.id, {"evidence": {"receipt": "file_none"}, "submit": False})
    file_id = upload(stripe).id
    kept = stripe.disputes.update(dispute.id, {"evidence": {"receipt": file_id}, "submit": False})
    assert kept.evidence.receipt == file_id
