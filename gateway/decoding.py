"""What the versions of OCPP read alike: payloads into structs, times, registers, doubts about both."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from charging.ingest import Misfit, Reporter
from gateway import frames
from gateway.measurands import LARGEST
from gateway.privacy import hashed
from gateway.schemas import Schema
from gateway.work import Received, Refused

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # a clock that was never set says 1970 or 2000
AHEAD = timedelta(hours=1)
OFFLINE = timedelta(minutes=2)  # what is told later than this was not asked about when it happened
OCPP_16 = "ocpp1.6"


def decoded(version: str, schema: Schema, payload: Raw, *, is_fact: bool) -> Any:
    """The payload as a struct. Raises Refused with the code of `version`; broken facts are kept."""
    reason = "malformed" if is_fact else ""
    try:
        return schema.decode(payload)
    except msgspec.ValidationError as error:
        raise Refused(error_code(str(error), version), str(error), reason) from None
    except frames.BROKEN as error:
        raise Refused(in_words_of(version, "FormationViolation"), str(error), reason) from None


def error_code(message: str, version: str = OCPP_16) -> str:
    """OCPP-J 1.6 table 7, 2.0.1 part 4 table 8: which error a validation message is."""
    if "missing required" in message:
        return "ProtocolError" if version == OCPP_16 else "OccurrenceConstraintViolation"
    if "unknown field" in message:
        return in_words_of(version, "FormationViolation")
    if "`array` of length" in message:
        return in_words_of(version, "OccurenceConstraintViolation")
    limits = (" of length", "Invalid enum", "out of range", "`= ", " >= ", " <= ", "multiple of")
    if any(word in message for word in limits):
        return "PropertyConstraintViolation"
    return "TypeConstraintViolation"


NEW_WORDS = {
    "FormationViolation": "FormatViolation",
    "OccurenceConstraintViolation": "OccurrenceConstraintViolation",  # 1.6 has it with one r
}


def in_words_of(version: str, code: str) -> str:
    """The name that `version` has for an error code of OCPP-J 1.6."""
    return code if version == OCPP_16 else NEW_WORDS.get(code, code)


def instant(text: str, field: str = "timestamp") -> datetime:
    """An ISO 8601 time in UTC; one without a zone is taken as UTC."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is UTC:
            return at
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(
            "PropertyConstraintViolation",
            f"{field}: {text[:40]!r} is no time such as 2026-01-31T12:00:00Z",
            "bad_timestamp",
        ) from None


def register_in_range(register: int) -> tuple[int, tuple[str, ...]]:
    """A register that fits; one out of range is pressed into it and casts doubt on the session."""
    if 0 <= register <= LARGEST:
        return register, ()
    return min(max(register, 0), LARGEST), ("register_out_of_range",)


def clock_doubts(at: datetime, received: Received) -> tuple[str, ...]:
    return () if EARLIEST <= at <= received.at + AHEAD else ("clock_drift",)


def unknown_connector(reporter: Reporter, field: str, number: int, received: Received) -> Misfit:
    detail = f"{field}: {str(number)[:30]} is not set up"
    return Misfit(reporter, "unknown_connector", detail, hashed(received.text))


def or_empty(text: Any) -> str:
    return "" if text is UNSET else str(text)


def now_text(received: Received) -> str:
    return f"{received.at:%Y-%m-%dT%H:%M:%S}.{received.at.microsecond // 1000:03}Z"
