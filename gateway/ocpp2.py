"""OCPP 2.0.1 and 2.1: what each call of a station means, and its answer."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET, Raw

from charging.ingest import Booted, Outcome, Reporter, StatusReported, TagShown
from gateway import guessing, vat
from gateway.decoding import decoded, instant, now_text, or_empty, unknown_connector
from gateway.ocpp2_transactions import connector_at, meter_values, token_info, transaction_event
from gateway.options import Options
from gateway.schemas import requests
from gateway.work import Received, Refused, Work, json

OCPP_201 = "ocpp2.0.1"
OCPP_21 = "ocpp2.1"
FACTS = frozenset({"TransactionEvent", "MeterValues"})
ISO_15118_MISSING = {"reasonCode": "UnsupportedRequest", "additionalInfo": "no plug-and-charge here"}
Handler = Callable[[Reporter, Any, Received], Work]


def handle(version: str, reporter: Reporter, received: Received, payload: Raw) -> Work:
    """Facts and answer of one call. Raises Refused with the error code of OCPP-J 2."""
    handler, schema = HANDLERS.get(received.action), requests(version).get(received.action)
    if schema is None:
        name = version.removeprefix("ocpp")
        raise Refused("NotImplemented", f"{received.action[:60]!r} is no action of OCPP {name}")
    if handler is None:
        raise Refused("NotSupported", f"{received.action} is sent by the central system")
    request = decoded(version, schema, payload, is_fact=received.action in FACTS)
    return handler(reporter, request, received)


def boot(reporter: Reporter, request: Any, received: Received) -> Work:
    station = request.chargingStation
    fact = Booted(
        reporter,
        received.at,
        vendor=station.vendorName,
        model=station.model,
        serial_number=or_empty(station.serialNumber),
        firmware_version=or_empty(station.firmwareVersion),
    )
    interval = Options.from_settings().heartbeat_interval_s
    return Work([fact], json({"status": "Accepted", "currentTime": now_text(received), "interval": interval}))


def heartbeat(_reporter: Reporter, _request: Any, received: Received) -> Work:
    return Work(answer=json({"currentTime": now_text(received)}))


def status(reporter: Reporter, request: Any, received: Received) -> Work:
    if request.evseId == 0:  # the station as a whole: its connectors speak for themselves
        return Work()
    connector_id = connector_at(reporter, request.evseId, request.connectorId)
    if connector_id is None:
        number = request.evseId if request.evseId not in reporter.connectors else request.connectorId
        field = "evseId" if number == request.evseId else "connectorId"
        return Work([unknown_connector(reporter, field, number, received)])
    at = instant(request.timestamp)
    return Work([StatusReported(reporter, connector_id, request.connectorStatus, at, received.at)])


def authorize(reporter: Reporter, request: Any, _received: Received) -> Work:
    """The tag decides. Contract certificates are not checked here, and we say so (C07, C08)."""
    certified = request.certificate is not UNSET or request.iso15118CertificateHashData is not UNSET

    def answer(outcomes: Sequence[Outcome]) -> bytes:
        guessing.note(reporter.station_id, outcomes[0].verdict)
        told: dict[str, Any] = {"idTokenInfo": token_info(outcomes[0])}
        if certified:
            told["idTokenInfo"] = {"status": "Invalid"}
            told["certificateStatus"] = "NoCertificateAvailable"
        return json(told)

    return Work([TagShown(reporter, request.idToken.idToken)], answer)


def noted(_reporter: Reporter, _request: Any, _received: Received) -> Work:
    """Calls that are kept in the message log and need no more."""
    return Work()


def always(**answer: Any) -> Handler:
    """A handler for calls that are kept in the log and have one answer."""
    work = json(answer)
    return lambda _reporter, _request, _received: Work(answer=work)


def certificate_chain_status(_reporter: Reporter, request: Any, received: Received) -> Work:
    """We run no OCSP cache: each certificate's status is unknown as of now."""
    statuses = [
        {
            "certificateHashData": {
                "hashAlgorithm": asked.certificateHashData.hashAlgorithm,
                "issuerNameHash": asked.certificateHashData.issuerNameHash,
                "issuerKeyHash": asked.certificateHashData.issuerKeyHash,
                "serialNumber": asked.certificateHashData.serialNumber,
            },
            "source": asked.source,
            "status": "Unknown",
            "nextUpdate": now_text(received),
        }
        for asked in request.certificateStatusRequests
    ]
    return Work(answer=json({"certificateStatus": statuses}))


def vat_number(_reporter: Reporter, request: Any, _received: Received) -> Work:
    """Right in form or not; whether a firm has it is not looked up while a driver waits."""
    valid = vat.is_well_formed(request.vatNumber)
    told: dict[str, Any] = {
        "vatNumber": request.vatNumber,
        "status": "Accepted" if valid else "Rejected",
    }
    if request.evseId is not UNSET:
        told["evseId"] = request.evseId
    if not valid:
        told["statusInfo"] = {"reasonCode": "InvalidValue", "additionalInfo": "not the form of a VAT number"}
    return Work(answer=json(told))


HANDLERS: dict[str, Handler] = {
    "Authorize": authorize,
    "BatterySwap": noted,
    "BootNotification": boot,
    "ClearedChargingLimit": noted,
    "ClosePeriodicEventStream": noted,
    "DataTransfer": always(status="UnknownVendorId"),
    "FirmwareStatusNotification": noted,
    "Get15118EVCertificate": always(status="Failed", exiResponse="", statusInfo=ISO_15118_MISSING),
    "GetCertificateChainStatus": certificate_chain_status,
    "GetCertificateStatus": always(status="Failed", statusInfo=ISO_15118_MISSING),
    "Heartbeat": heartbeat,
    "LogStatusNotification": noted,
    "MeterValues": meter_values,
    "NotifyChargingLimit": noted,
    "NotifyCustomerInformation": noted,
    "NotifyDERAlarm": noted,
    "NotifyDERStartStop": noted,
    "NotifyDisplayMessages": noted,
    "NotifyEVChargingNeeds": always(status="Rejected"),
    "NotifyEVChargingSchedule": always(status="Accepted"),
    "NotifyEvent": noted,
    "NotifyMonitoringReport": noted,
    "NotifyPeriodicEventStream": noted,
    "NotifyPriorityCharging": noted,
    "NotifyReport": noted,
    "NotifySettlement": noted,
    "NotifyWebPaymentStarted": noted,
    "OpenPeriodicEventStream": always(status="Rejected"),
    "PublishFirmwareStatusNotification": noted,
    "PullDynamicScheduleUpdate": always(status="Rejected"),
    "ReportChargingProfiles": noted,
    "ReportDERControl": noted,
    "ReservationStatusUpdate": noted,
    "SecurityEventNotification": noted,
    "SignCertificate": always(status="Rejected"),
    "StatusNotification": status,
    "TransactionEvent": transaction_event,
    "VatNumberValidation": vat_number,
}
