"""A charging station of OCPP 2.0.1 or 2.1 that does what a test says."""

import itertools
from datetime import datetime
from typing import Any

from tests.gateway.station import ScriptedStation, stamp

_transactions = itertools.count(1)


class ScriptedStation2(ScriptedStation):
    """`event` tells one TransactionEvent; numbers are counted for each transaction."""

    def __init__(
        self, url: str, identity: str, password: str | None = "secret", subprotocol: str | None = "ocpp2.0.1"
    ) -> None:
        super().__init__(url, identity, password, subprotocol)
        self._seq: dict[str, int] = {}

    def boot(self) -> dict[str, Any]:
        station = {"vendorName": "Acme", "model": "Two", "serialNumber": "S1", "firmwareVersion": "2.1"}
        return self.call("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    def status(self, status: str, connector: int = 1, at: datetime | None = None) -> dict[str, Any]:
        payload = {"timestamp": stamp(at), "connectorStatus": status, "evseId": connector, "connectorId": 1}
        return self.call("StatusNotification", payload)

    def authorize(self, tag: str, **more: Any) -> dict[str, Any]:
        return self.call("Authorize", {"idToken": token(tag), **more})

    def event(
        self,
        kind: str,
        transaction: str,
        at: datetime | None = None,
        *,
        wh: float | None = None,
        tag: str | None = None,
        state: str | None = None,
        evse: int | None = 1,
        seq: int | None = None,
        context: str = "Sample.Periodic",
        trigger: str = "ChargingStateChanged",
        info: dict[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """The answer to one event; what is None is left out."""
        number = self._seq.get(transaction, 0) if seq is None else seq
        self._seq[transaction] = number + 1
        about = {"transactionId": transaction, **(info or {})}
        if state is not None:
            about["chargingState"] = state
        payload: dict[str, Any] = {
            "eventType": kind,
            "timestamp": stamp(at),
            "triggerReason": trigger,
            "seqNo": number,
            "transactionInfo": about,
            **more,
        }
        if evse is not None:
            payload["evse"] = {"id": evse, "connectorId": 1}
        if tag is not None:
            payload["idToken"] = token(tag)
        if wh is not None:
            sampled = [{"value": wh, "context": context}]
            payload["meterValue"] = [{"timestamp": stamp(at), "sampledValue": sampled}]
        return self.call("TransactionEvent", payload)


def token(tag: str) -> dict[str, str]:
    return {"idToken": tag, "type": "ISO14443"}


def new_transaction() -> str:
    """An id that no other test uses."""
    return f"tx-{next(_transactions):08}"
