"""OCPP 1.6J as stations say it."""

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
    "ChangeConfiguration": "NotSupported",
    "Reset": "Accepted",
    "ChangeAvailability": "Accepted",
    "ClearCache": "Accepted",
}


class Protocol16(StationProtocol):
    """Transactions are numbered by the central system; the number comes with the answer to the start."""

    subprotocol, version = "ocpp1.6", "1.6"

    def boot(self, serial: str) -> Call:
        return "BootNotification", {
            "chargePointVendor": "evbilling",
            "chargePointModel": "Simulator",
            "chargePointSerialNumber": serial[:25],
            "firmwareVersion": "1.0",
        }

    def status(self, evse: int, status: str, at: str) -> Call:
        payload = {"connectorId": evse, "errorCode": "NoError", "status": status, "timestamp": at}
        return "StatusNotification", payload

    def authorize(self, tag: str) -> Call:
        return "Authorize", {"idTag": tag}

    def is_authorized(self, answer: Payload) -> bool:
        return bool(answer["idTagInfo"]["status"] == "Accepted")

    def start(self, transaction: Transaction, sample: Sample) -> Call:
        return "StartTransaction", {
            "connectorId": transaction.connector,
            "idTag": transaction.tag,
            "meterStart": sample.register_wh,
            "timestamp": sample.at,
        }

    def meter(self, transaction: Transaction, sample: Sample) -> Call:
        values = [
            ("Energy.Active.Import.Register", sample.register_wh, "Wh"),
            ("Power.Active.Import", sample.power_w, "W"),
            ("Current.Import", sample.power_w // 400, "A"),
            ("Voltage", 400, "V"),
            ("SoC", sample.soc_percent, "Percent"),
        ]
        sampled = [
            {"value": str(value), "measurand": kind, "unit": unit, "context": "Sample.Periodic"}
            for kind, value, unit in values
        ]
        meter_value = [{"timestamp": sample.at, "sampledValue": sampled}]
        return "MeterValues", {"connectorId": transaction.connector, "meterValue": meter_value}

    def stop(self, transaction: Transaction, sample: Sample, reason: str) -> Call:
        return "StopTransaction", {
            "meterStop": sample.register_wh,
            "timestamp": sample.at,
            "reason": reason,
            "idTag": transaction.tag,
        }

    def completed(self, message: Message) -> Payload:
        if message.kind == "start":
            return message.payload
        number = message.transaction.number
        return {**message.payload, "transactionId": -1 if number is None else int(number)}

    def learn(self, message: Message, answer: Payload) -> None:
        if message.kind == "start":
            message.transaction.number = answer["transactionId"]
            message.transaction.accepted = self.is_authorized(answer)

    def asked(self, action: str, payload: Payload) -> Asked | None:
        if action == "RemoteStartTransaction":
            return StartAsked(payload.get("connectorId"), payload["idTag"])
        if action == "RemoteStopTransaction":
            return StopAsked(str(payload["transactionId"]))
        if action == "TriggerMessage" and payload["requestedMessage"] == "StatusNotification":
            return StatusAsked(payload.get("connectorId"))
        return None

    def simple_answer(self, action: str, payload: Payload) -> Payload | None:
        if action == "GetConfiguration":
            return {"configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}]}
        if action == "TriggerMessage":
            return {"status": "NotImplemented"}
        return {"status": ANSWERS[action]} if action in ANSWERS else None
