"""Files: https://docs.stripe.com/api/files

The bytes aren't kept, only what they were: size, type and hash (in the private part of the row).
"""

from __future__ import annotations

import json

from fakestripe.call import Call, endpoint
from fakestripe.errors import invalid
from fakestripe.ids import new_id
from fakestripe.lists import filtered, page
from fakestripe.types import Obj

MAX_EVIDENCE = 5 * 1024 * 1024


@endpoint("POST /v1/files", "file", "purpose")
def create(call: Call) -> Obj:
    told = _told(call)
    if call.get("purpose") == "dispute_evidence":
        _check_evidence(told)
    file_id = new_id("file")
    file: Obj = {
        "id": file_id,
        "object": "file",
        "created": call.now,
        "expires_at": None,
        "filename": told["filename"],
        "links": None,
        "purpose": call.get("purpose"),
        "size": told["size"],
        "title": None,
        "type": told["type"] or None,
        "url": f"{call.base_url}/v1/files/{file_id}/contents",
    }
    return call.tx.add("file", file, private={"sha256": told["sha256"]})


def _told(call: Call) -> Obj:
    try:
        told = json.loads(call.get("file") or "")
    except ValueError:
        told = None
    if not isinstance(told, dict) or "sha256" not in told:
        raise invalid("Invalid file: send it as multipart/form-data with a filename.", param="file")
    return told


def _check_evidence(told: Obj) -> None:
    if told["type"] not in ("pdf", "png", "jpg"):
        raise invalid("Dispute evidence must be a PDF, JPEG or PNG file.", param="file")
    if told["size"] > MAX_EVIDENCE:
        raise invalid("Dispute evidence may have up to 5 MB.", param="file")


@endpoint("GET /v1/files/{file}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("file", call.ids[0])


@endpoint("GET /v1/files", "created", "purpose")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "file", "purpose"), "/v1/files")


def require_evidence(call: Call, file_id: str, param: str) -> None:
    """Refuse what isn't a file that was uploaded as dispute evidence."""
    row = call.tx.find(file_id)
    if row is None or row.kind != "file" or row.obj["purpose"] != "dispute_evidence":
        raise invalid(f"No such file upload: '{file_id}' with purpose dispute_evidence.", param=param)
