"""OCPP 1.6: what each call of a station means, and its answer."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
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
    SignedValue,
    Started,
    StatusReported,
    Stopped,
    TagShown,
)
from charging.ingest.starts import transaction_number
from gateway import guessing, last_tags
from gateway.decoding import (
    OCPP_16,
    OFFLINE,
    clock_doubts,
    decoded,
    instant,
    now_text,
    or_empty,
    register_in_range,
    unknown_connector,
)
from gateway.measurands import BadValue, measured
from gateway.options import Options
from gateway.privacy import hashed
from gateway.schemas import requests
from gateway.work import Received, Refused, Work, json

VERSION = OCPP_16
OCMF = "OCMF|"
Handler = Callable[[Reporter, Any, Received], Work]


def handle(reporter: Reporter, received: Received, payload: Raw) -> Work:
    """Facts and answer of one call. Raises Refused with the OCPP-J error code."""
    handler, schema = HANDLERS.get(received.action), requests(VERSION).get(received.action)
    if schema is None:
        raise Refused("NotImplemented", f"{received.action[:60]!r} is no action of OCPP 1.6")
    if handler is None:
        raise Refused("NotSupported", f"{received.action} is sent by the central system")
    return handler(reporter, decoded(VERSION, schema, payload, is_fact=received.action in FACTS), received)


def boot(reporter: Reporter, request: Any, received: Received) -> Work:
    fact = Booted(
        reporter,
        received.at,
        vendor=request.chargePointVendor,
        model=request.chargePointModel,
        serial_number=or_empty(request.chargePointSerialNumber) or or_empty(request.chargeBoxSerialNumber),
        firmware_version=or_empty(request.firmwareVersion),
    )
    interval = Options.from_settings().heartbeat_interval_s
    return Work([fact], json({"status": "Accepted", "currentTime": now_text(received), "interval": interval}))


def heartbeat(_reporter: Reporter, _request: Any, received: Received) -> Work:
    return Work(answer=json({"currentTime": now_text(received)}))


def status(reporter: Reporter, request: Any, received: Received) -> Work:
    if request.connectorId == 0:  # the station as a whole: its connectors speak for themselves
        return Work()
    connector_id = reporter.connectors.get(request.connectorId)
    if connector_id is None:
        return Work([unknown_connector(reporter, "connectorId", request.connectorId, received)])
    fact = StatusReported(
        reporter,
        connector_id,
        request.status,
        at=received.at if request.timestamp is UNSET else instant(request.timestamp),
        received_at=received.at,
        error_code="" if request.errorCode == "NoError" else request.errorCode,
        info=or_empty(request.info) or or_empty(request.vendorErrorCode),
    )
    return Work([fact])


def authorize(reporter: Reporter, request: Any, _received: Received) -> Work:
    return Work([TagShown(reporter, request.idTag)], partial(_tag_answer, reporter))


def start(reporter: Reporter, request: Any, received: Received) -> Work:
    at = instant(request.timestamp)
    tag = Token.hash_of(request.idTag)[:24]
    place = f"{reporter.identity}/{str(request.connectorId)[:20]}"
    key = f"{place}/{tag}/{at.isoformat()}/{str(request.meterStart)[:30]}"
    connector_id = reporter.connectors.get(request.connectorId)
    if connector_id is None:
        refused = {"transactionId": transaction_number(key), "idTagInfo": {"status": "Invalid"}}
        return Work(
            [unknown_connector(reporter, "connectorId", request.connectorId, received)], json(refused)
        )
    last_tags.remember(reporter.station_id, connector_id, request.idTag)
    register, doubts = register_in_range(request.meterStart)
    doubts += clock_doubts(at, received)
    raw = hashed(received.text)
    offline = received.at - at > OFFLINE
    reservation = None if request.reservationId is UNSET else request.reservationId
    fact = Started(
        reporter, connector_id, key, request.idTag, at, register, raw, doubts, offline, reservation
    )
    misfits = [Misfit(reporter, doubt, "start of a transaction", raw) for doubt in doubts]
    return Work([fact, *misfits], partial(_start_answer, reporter))


def meter_values(reporter: Reporter, request: Any, received: Received) -> Work:
    """Readings of a transaction; those of none (transactionId absent or 0) are kept in the log alone."""
    if request.transactionId is UNSET or request.transactionId == 0:
        return Work()
    return Work(_readings(reporter, str(request.transactionId), request.meterValue, received))


def stop(reporter: Reporter, request: Any, received: Received) -> Work:
    at = instant(request.timestamp)
    register, doubts = register_in_range(request.meterStop)
    number = str(request.transactionId)
    facts: list[Any] = []
    if request.transactionData is not UNSET:
        facts += _readings(reporter, number, request.transactionData, received)
    raw = hashed(received.text)
    reason = "Local" if request.reason is UNSET else request.reason  # what the specification says of none
    facts.append(Stopped(reporter, number, at, register, reason, raw, doubts + clock_doubts(at, received)))
    if request.idTag is UNSET:
        return Work(facts)
    return Work([TagShown(reporter, request.idTag), *facts], partial(_tag_answer, reporter))


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
        facts += _signed(reporter, number, at, value.sampledValue)
    return facts


def _signed(reporter: Reporter, number: str, at: datetime, samples: Sequence[Any]) -> Iterator[SignedValue]:
    """1.6 says "SignedData"; what is inside, e.g. OCMF, says itself."""
    for sample in samples:
        if sample.format == "SignedData" or sample.value.startswith(OCMF):
            encoding = "OCMF" if sample.value.startswith(OCMF) else ""
            context = "" if sample.context is UNSET else sample.context
            yield SignedValue(reporter, number, at, context, sample.value, encoding, "", "")


def _tag_answer(reporter: Reporter, outcomes: Sequence[Outcome]) -> bytes:
    guessing.note(reporter.station_id, outcomes[0].verdict)
    return json({"idTagInfo": _tag_info(outcomes[0])})


def _start_answer(reporter: Reporter, outcomes: Sequence[Outcome]) -> bytes:
    opened = outcomes[0]
    guessing.note(reporter.station_id, opened.verdict)
    return json({"transactionId": opened.transaction_id, "idTagInfo": _tag_info(opened)})


def _tag_info(outcome: Outcome) -> dict[str, str]:
    """IdTagInfo: the verdict, and for a good tag the group whose tags may stop its sessions."""
    return {"status": str(outcome.verdict)} | ({"parentIdTag": outcome.group} if outcome.group else {})
