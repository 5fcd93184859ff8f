"""Bodies as text: forms as they are, uploads (RFC 7578) as a form that describes each file."""

from __future__ import annotations

import json
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from hashlib import sha256
from urllib.parse import urlencode


def text_of(body: bytes, content_type: str) -> str:
    """The body as a form; a file in it becomes JSON of filename, size, sha256 and type."""
    if not content_type.startswith("multipart/form-data"):
        return body.decode("utf-8", "replace")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
    return urlencode([(_name(part), _value(part)) for part in parts])


def _name(part: Message) -> str:
    return str(part.get_param("name", "", header="content-disposition"))


def _value(part: Message) -> str:
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    filename = part.get_filename()
    if filename is None:
        return content.decode("utf-8", "replace")
    told = {
        "filename": filename,
        "size": len(content),
        "sha256": sha256(content).hexdigest(),
        "type": _type(content),
    }
    return json.dumps(told, sort_keys=True)


def _type(content: bytes) -> str:
    """By the first bytes, as Stripe tells it; "" for what it takes as no evidence."""
    kinds = {b"%PDF-": "pdf", b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}
    return next((kind for start, kind in kinds.items() if content.startswith(start)), "")
