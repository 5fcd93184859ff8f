"""OCPP 2.0.1 and 2.1 as stations say them: one TransactionEvent for start, meter values and end."""

from demo.stations.outbox import Message, Transaction
from demo.stations.protocol import (
    Asked,
    Call,
    Payload,
    Sample,
    StartAsked,
    StationProtocol,
    StatusAsked,
    StopAsked,
)

ANSWERS = {
    "UnlockConnector": "Unlocked",
    "Reset": "Accepted",
    "ChangeAvailability": "Accepted",
    "ClearCache": "Accepted",
    "GetBaseReport": "NotSupported",
    "SetDisplayMessage": "Accepted",
    "SetDefaultTariff": "Accepted",
    "ChangeTransactionTariff": "Accepted",
}
ENDS = {  # why it stopped -> what triggered the event (2.0.1, part 2, TriggerReasonEnumType)
    "Remote": "RemoteStop",
    "EVDisconnected": "EVDeparted",
    "DeAuthorized": "Deauthorized",
    "Local": "StopAuthorized",
}


class Protocol201(StationProtocol):
    """Transactions are named by the station, and their events numbered from 0."""

    subprotocol, version = "ocpp2.0.1", "2.0.1"

    def boot(self, serial: str) -> Call:
        station = {"vendorName": "evbilling", "model": "Simulator", "serialNumber": serial[:25]}
        return "BootNotification", {
            "reason": "PowerUp",
            "chargingStation": {**station, "firmwareVersion": "1.0"},
        }

    def status(self, evse: int, status: str, at: str) -> Call:
        plugged = status not in ("Available", "Unavailable", "Faulted", "Reserved")
        return "StatusNotification", {
            "timestamp": at,
            "connectorStatus": "Occupied" if plugged else status,
            "evseId": evse,
            "connectorId": 1,
        }

    def authorize(self, tag: str) -> Call:
        return "Authorize", {"idToken": _token(tag)}

    def is_authorized(self, answer: Payload) -> bool:
        return bool(answer["idTokenInfo"]["status"] == "Accepted")

    def start(self, transaction: Transaction, sample: Sample) -> Call:
        by_remote = transaction.remote_id is not None
        event = self._event(transaction, sample, "Started", "RemoteStart" if by_remote else "Authorized")
        if by_remote:
            event["transactionInfo"]["remoteStartId"] = transaction.remote_id
        event |= {"idToken": _token(transaction.tag), "meterValue": [_values(sample, "Transaction.Begin")]}
        return "TransactionEvent", event

    def meter(self, transaction: Transaction, sample: Sample) -> Call:
        event = self._event(transaction, sample, "Updated", "MeterValuePeriodic")
        event["meterValue"] = [_values(sample, "Sample.Periodic", detailed=True)]
        return "TransactionEvent", event

    def stop(self, transaction: Transaction, sample: Sample, reason: str) -> Call:
        event = self._event(transaction, sample, "Ended", ENDS.get(reason, "StopAuthorized"))
        event["transactionInfo"] |= {"chargingState": "Idle", "stoppedReason": reason}
        event["meterValue"] = [_values(sample, "Transaction.End")]
        return "TransactionEvent", event

    def learn(self, message: Message, answer: Payload) -> None:
        if message.kind == "start":
            message.transaction.accepted = "idTokenInfo" not in answer or self.is_authorized(answer)

    def asked(self, action: str, payload: Payload) -> Asked | None:
        if action == "RequestStartTransaction":
            return StartAsked(payload.get("evseId"), payload["idToken"]["idToken"], payload["remoteStartId"])
        if action == "RequestStopTransaction":
            return StopAsked(payload["transactionId"])
        if action == "TriggerMessage" and payload["requestedMessage"] == "StatusNotification":
            return StatusAsked(payload.get("evse", {}).get("id"))
        return None

    def simple_answer(self, action: str, payload: Payload) -> Payload | None:
        if action == "SetVariables":
            return {"setVariableResult": [_unknown(one) for one in payload["setVariableData"]]}
        if action == "GetVariables":
            return {"getVariableResult": [_unknown(one) for one in payload["getVariableData"]]}
        if action == "CostUpdated":
            return {}
        if action == "TriggerMessage":
            return {"status": "NotImplemented"}
        return {"status": ANSWERS[action]} if action in ANSWERS else None

    @staticmethod
    def _event(transaction: Transaction, sample: Sample, kind: str, trigger: str) -> Payload:
        return {
            "eventType": kind,
            "timestamp": sample.at,
            "triggerReason": trigger,
            "seqNo": transaction.next_number(),
            "transactionInfo": {"transactionId": transaction.name, "chargingState": sample.state},
            "evse": {"id": transaction.connector, "connectorId": 1},
        }


class Protocol21(Protocol201):
    """What this station says is the same in 2.1."""

    subprotocol, version = "ocpp2.1", "2.1"


def _token(tag: str) -> Payload:
    return {"idToken": tag, "type": "ISO14443"}


def _values(sample: Sample, context: str, *, detailed: bool = False) -> Payload:
    values = [("Energy.Active.Import.Register", sample.register_wh, "Wh")]
    if detailed:
        values += [
            ("Power.Active.Import", sample.power_w, "W"),
            ("Current.Import", sample.power_w // 400, "A"),
            ("Voltage", 400, "V"),
            ("SoC", sample.soc_percent, "Percent"),
        ]
    sampled = [
        {"value": value, "measurand": kind, "context": context, "unitOfMeasure": {"unit": unit}}
        for kind, value, unit in values
    ]
    return {"timestamp": sample.at, "sampledValue": sampled}


def _unknown(asked: Payload) -> Payload:
    kept: Payload = {
        name: asked[name] for name in ("component", "variable", "attributeType") if name in asked
    }
    return {**kept, "attributeStatus": "UnknownVariable"}
