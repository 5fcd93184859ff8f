"""OCPP 1.6: what each call of a station means, and its answer."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from accounts.models import Token
from charging.ingest import (
    Booted,
    Metered,
    Misfit,
    Outcome,
    Reporter,
    Started,
    StatusReported,
    Stopped,
    TagShown,
)
from charging.ingest.starts import transaction_number
from gateway import frames
from gateway.measurands import LARGEST, BadValue, measured
from gateway.options import Options
from gateway.privacy import hashed
from gateway.schemas import Schema, requests
from gateway.work import Received, Refused, Work, json

VERSION = "ocpp1.6"
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # a clock that was never set says 1970 or 2000
AHEAD = timedelta(hours=1)
Handler = Callable[[Reporter, Any, Received], Work]


def handle(reporter: Reporter, received: Received, payload: Raw) -> Work:
    """Facts and answer of one call. Raises Refused with the OCPP-J error code."""
    handler, schema = HANDLERS.get(received.action), requests(VERSION).get(received.action)
    if schema is None:
        raise Refused("NotImplemented", f"{received.action[:60]!r} is no action of OCPP 1.6")
    if handler is None:
        raise Refused("NotSupported", f"{received.action} is sent by the central system")
    return handler(reporter, _decoded(schema, payload, received), received)


def _decoded(schema: Schema, payload: Raw, received: Received) -> Any:
    reason = "malformed" if received.action in FACTS else ""
    try:
        return schema.decode(payload)
    except msgspec.ValidationError as error:
        raise Refused(error_code(str(error)), str(error), reason) from None
    except frames.BROKEN as error:
        raise Refused("FormationViolation", str(error), reason) from None


def error_code(message: str) -> str:
    """OCPP-J 1.6 table 7: which error a validation message is (the spelling is the specification's)."""
    if "missing required" in message:
        return "ProtocolError"
    if "unknown field" in message:
        return "FormationViolation"
    if "`array` of length" in message:
        return "OccurenceConstraintViolation"
    if " of length" in message or "Invalid enum" in message or "out of range" in message or "`= " in message:
        return "PropertyConstraintViolation"
    return "TypeConstraintViolation"


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


def boot(reporter: Reporter, request: Any, received: Received) -> Work:
    fact = Booted(
        reporter,
        received.at,
        vendor=request.chargePointVendor,
        model=request.chargePointModel,
        serial_number=_or_empty(request.chargePointSerialNumber) or _or_empty(request.chargeBoxSerialNumber),
        firmware_version=_or_empty(request.firmwareVersion),
    )
    interval = Options.from_settings().heartbeat_interval_s
    return Work([fact], json({"status": "Accepted", "currentTime": _now(received), "interval": interval}))


def heartbeat(_reporter: Reporter, _request: Any, received: Received) -> Work:
    return Work(answer=json({"currentTime": _now(received)}))


def status(reporter: Reporter, request: Any, received: Received) -> Work:
    if request.connectorId == 0:  # the station as a whole: its connectors speak for themselves
        return Work()
    connector_id = reporter.connectors.get(request.connectorId)
    if connector_id is None:
        return Work([_unknown_connector(reporter, request.connectorId, received)])
    fact = StatusReported(
        reporter,
        connector_id,
        request.status,
        at=received.at if request.timestamp is UNSET else instant(request.timestamp),
        received_at=received.at,
        error_code="" if request.errorCode == "NoError" else request.errorCode,
        info=_or_empty(request.info) or _or_empty(request.vendorErrorCode),
    )
    return Work([fact])


def authorize(reporter: Reporter, request: Any, _received: Received) -> Work:
    return Work([TagShown(reporter, request.idTag)], _tag_answer)


def start(reporter: Reporter, request: Any, received: Received) -> Work:
    at = instant(request.timestamp)
    tag = Token.hash_of(request.idTag)[:24]
    place = f"{reporter.identity}/{str(request.connectorId)[:20]}"
    key = f"{place}/{tag}/{at.isoformat()}/{str(request.meterStart)[:30]}"
    connector_id = reporter.connectors.get(request.connectorId)
    if connector_id is None:
        refused = {"transactionId": transaction_number(key), "idTagInfo": {"status": "Invalid"}}
        return Work([_unknown_connector(reporter, request.connectorId, received)], json(refused))
    register, doubts = _register(request.meterStart)
    doubts += _clock_doubts(at, received)
    raw = hashed(received.text)
    fact = Started(reporter, connector_id, key, request.idTag, at, register, raw, doubts)
    misfits = [Misfit(reporter, doubt, "start of a transaction", raw) for doubt in doubts]
    return Work([fact, *misfits], _start_answer)


def meter_values(reporter: Reporter, request: Any, received: Received) -> Work:
    """Readings of a transaction; those of none (transactionId absent or 0) are kept in the log alone."""
    if request.transactionId is UNSET or request.transactionId == 0:
        return Work()
    return Work(_readings(reporter, str(request.transactionId), request.meterValue, received))


def stop(reporter: Reporter, request: Any, received: Received) -> Work:
    at = instant(request.timestamp)
    register, doubts = _register(request.meterStop)
    number = str(request.transactionId)
    facts: list[Any] = []
    if request.transactionData is not UNSET:
        facts += _readings(reporter, number, request.transactionData, received)
    raw = hashed(received.text)
    reason = "Local" if request.reason is UNSET else request.reason  # what the specification says of none
    facts.append(Stopped(reporter, number, at, register, reason, raw, doubts + _clock_doubts(at, received)))
    if request.idTag is UNSET:
        return Work(facts)
    return Work([TagShown(reporter, request.idTag), *facts], _tag_answer)


def data_transfer(_reporter: Reporter, _request: Any, _received: Received) -> Work:
    return Work(answer=json({"status": "UnknownVendorId"}))


def noted(_reporter: Reporter, _request: Any, _received: Received) -> Work:
    """Calls that are kept in the message log and need no more."""
    return Work()


def sign_certificate(_reporter: Reporter, _request: Any, _received: Received) -> Work:
    return Work(answer=json({"status": "Rejected"}))


HANDLERS: dict[str, Handler] = {
    "Authorize": authorize,
    "BootNotification": boot,
    "DataTransfer": data_transfer,
    "DiagnosticsStatusNotification": noted,
    "FirmwareStatusNotification": noted,
    "Heartbeat": heartbeat,
    "LogStatusNotification": noted,
    "MeterValues": meter_values,
    "SecurityEventNotification": noted,
    "SignCertificate": sign_certificate,
    "SignedFirmwareStatusNotification": noted,
    "StartTransaction": start,
    "StatusNotification": status,
    "StopTransaction": stop,
}
FACTS = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})


def _readings(reporter: Reporter, number: str, values: Sequence[Any], received: Received) -> list[Any]:
    facts: list[Any] = []
    for value in values:
        try:
            at, found = instant(value.timestamp), measured(value.sampledValue)
        except BadValue as error:
            facts.append(Misfit(reporter, "bad_value", str(error), received.text))
            continue
        sampled = "" if found.said else msgspec.json.encode(value.sampledValue).decode()
        facts.append(
            Metered(
                reporter, number, at, found.register_wh, found.power_w, found.current_ma,
                found.soc_percent, sampled, received.text, found.shape, found.said,
            )
        )  # fmt: skip
    return facts


def _register(register: int) -> tuple[int, tuple[str, ...]]:
    """A register that fits; one out of range is pressed into it and casts doubt on the session."""
    if 0 <= register <= LARGEST:
        return register, ()
    return min(max(register, 0), LARGEST), ("register_out_of_range",)


def _clock_doubts(at: datetime, received: Received) -> tuple[str, ...]:
    return () if EARLIEST <= at <= received.at + AHEAD else ("clock_drift",)


def _unknown_connector(reporter: Reporter, number: int, received: Received) -> Misfit:
    return Misfit(
        reporter, "unknown_connector", f"connectorId: {str(number)[:30]} is not set up", hashed(received.text)
    )


def _tag_answer(outcomes: Sequence[Outcome]) -> bytes:
    return b'{"idTagInfo":{"status":"%b"}}' % str(outcomes[0].verdict).encode()


def _start_answer(outcomes: Sequence[Outcome]) -> bytes:
    opened = outcomes[0]
    return json({"transactionId": opened.transaction_id, "idTagInfo": {"status": str(opened.verdict)}})


def _or_empty(text: Any) -> str:
    return "" if text is UNSET else str(text)


def _now(received: Received) -> str:
    return f"{received.at:%Y-%m-%dT%H:%M:%S}.{received.at.microsecond // 1000:03}Z"
