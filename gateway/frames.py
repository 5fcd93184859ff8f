"""OCPP-J frames: what is a call, an answer or an error, and how ours are written (OCPP-J 1.6, chapter 4)."""

import re
from typing import Any

import msgspec
from msgspec import Raw, Struct

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
SEND = 6  # OCPP 2.1: a call that wants no answer
NO_ID = "-1"  # for a frame whose message id can't be read
LONGEST_ID = 64

_call = msgspec.json.Decoder(tuple[int, str, str, Raw])
_any = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)
_number = msgspec.json.Decoder(int)
_object = msgspec.json.Decoder(dict[str, Any])
BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what decoding raises
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
encode = msgspec.json.encode


class BadFrame(Exception):
    """A frame that is no OCPP-J message; answered with an error where it can be."""

    def __init__(self, code: str, description: str, message_id: str = NO_ID) -> None:
        super().__init__(description)
        self.code, self.description, self.message_id = code, description, message_id

    def code_in(self, version: str) -> str:
        """What `version` calls a broken frame: OCPP 2 knows it from a broken payload."""
        return self.code if version == "ocpp1.6" else "RpcFrameworkError"


class Call(Struct, gc=False):
    message_id: str
    action: str
    payload: Raw
    wants_answer: bool = True


class CallResult(Struct, gc=False):
    message_id: str
    payload: Raw


class CallError(Struct, gc=False):
    message_id: str
    code: str
    description: str


def parse(frame: bytes) -> Call | CallResult | CallError | None:
    """What the frame says; None for a message type that OCPP tells servers to ignore. Raises BadFrame."""
    try:
        kind, message_id, action, payload = _call.decode(frame)
    except BROKEN:
        return _parse_other(frame)
    if kind not in (CALL, SEND):
        return _parse_other(frame)
    if not 0 < len(message_id) <= LONGEST_ID or "\0" in message_id:
        raise BadFrame("FormationViolation", f"messageId: 1 to {LONGEST_ID} characters, no NUL")
    return Call(message_id, action, payload, wants_answer=kind == CALL)


def _parse_other(frame: bytes) -> CallResult | CallError | None:
    try:
        parts = _any.decode(frame)
    except BROKEN as error:
        raise BadFrame("FormationViolation", f"not a JSON array: {error}") from None
    kind, message_id = _head(parts)
    try:
        if kind == CALL_RESULT and len(parts) == 3:
            return CallResult(message_id, parts[2])
        if kind == CALL_ERROR and len(parts) in (4, 5):
            return CallError(message_id, _text.decode(parts[2]), _text.decode(parts[3]))
    except BROKEN as error:
        raise BadFrame("FormationViolation", str(error), message_id) from None
    if kind not in (CALL, CALL_RESULT, CALL_ERROR):
        return None
    shape = {CALL: "[2, id, action, payload]", CALL_RESULT: "[3, id, payload]"}.get(
        kind, "[4, id, code, description, details]"
    )
    raise BadFrame("FormationViolation", f"expected {shape}", message_id)


def _head(parts: list[Raw]) -> tuple[int, str]:
    try:
        return _number.decode(parts[0]), _text.decode(parts[1])[:LONGEST_ID].replace("\0", "")
    except (IndexError, *BROKEN):
        raise BadFrame("FormationViolation", "expected [type, id, ...]: a number, then a text") from None


def call(message_id: str, action: str, payload: dict[str, Any]) -> bytes:
    return encode((CALL, message_id, action, payload))


def result(message_id: str, payload: bytes) -> bytes:
    """`payload` is JSON already."""
    return b"[3,%b,%b]" % (encode(message_id), payload)


def error(message_id: str, code: str, description: str) -> bytes:
    """Descriptions hold at most 255 characters (OCPP-J 1.6, section 4.2.3)."""
    return encode((CALL_ERROR, message_id, code, description[:255], {}))


def as_object(payload: Raw) -> dict[str, Any]:
    return _object.decode(payload)


def poison(frame: bytes) -> str:
    """Why PostgreSQL could not store this frame's texts, or nothing."""
    if b"\\" in frame and NUL.search(frame):
        return "a text contains NUL (\\u0000), which can't be stored"
    return ""
