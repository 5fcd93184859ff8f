"""TransactionEvent and MeterValues of OCPP 2: one transaction, told in numbered events of any order."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET

from charging.ingest import (
    Fact,
    Metered,
    Misfit,
    Outcome,
    Reporter,
    SignedValue,
    StatusReported,
    Stopped,
    TransactionSeen,
)
from gateway import guessing, sequence
from gateway.decoding import OFFLINE, clock_doubts, instant, unknown_connector
from gateway.measurands import BadValue, Measured, measured_exactly
from gateway.privacy import hashed
from gateway.work import EMPTY, Received, Work, json, number

SESSION_STATES = {
    "Charging": "CHARGING",
    "SuspendedEV": "PARKED",
    "SuspendedEVSE": "WITHHELD",
    "EVConnected": "IDLE",
    "Idle": "IDLE",
}
STATUSES = {"Charging": "Charging", "SuspendedEV": "SuspendedEV", "SuspendedEVSE": "SuspendedEVSE"}
NOBODY = frozenset({"NoAuthorization"})  # a kind of token that is no token


class Sample(NamedTuple):
    """One meter value of an event, read."""

    at: datetime
    values: Measured
    context: str
    raw: Any


def connector_at(reporter: Reporter, evse: int, connector: int | None) -> UUID | None:
    """The connector of an EVSE; the EVSE's first where the station doesn't say which."""
    if connector is None:
        return reporter.connectors.get(evse)
    return reporter.sockets.get((evse, connector))


def transaction_event(reporter: Reporter, request: Any, received: Received) -> Work:
    """What an event tells: of the beginning, of meter values, of the end."""
    info, at = request.transactionInfo, instant(request.timestamp)
    raw = hashed(received.text)
    connector_id, facts = _place(reporter, request, received)
    samples = list(_samples(reporter, _values(request), received, facts))
    seen = TransactionSeen(
        reporter,
        connector_id,
        info.transactionId,
        at,
        begins=request.eventType == "Started",
        uid=_uid(request),
        register_wh=_first_register(samples),
        state=SESSION_STATES.get(info.chargingState, "") if info.chargingState is not UNSET else "",
        offline=bool(request.offline) if request.offline is not UNSET else received.at - at > OFFLINE,
        remote_start_id=None if info.remoteStartId is UNSET else info.remoteStartId,
        raw=raw,
        doubts=clock_doubts(at, received),
        reservation=None if request.reservationId is UNSET else request.reservationId,
    )
    facts = [seen, *facts, *_metered(reporter, info.transactionId, samples, received)]
    facts += [Misfit(reporter, doubt, "event of a transaction", raw) for doubt in seen.doubts]
    if connector_id is not None and not seen.offline:
        facts += _status(reporter, connector_id, request, at, received)
    if request.eventType == "Ended":
        facts.append(_stopped(seen, request, samples))
    remark = sequence.remark(reporter.station_id, info.transactionId, request.seqNo, request.eventType)
    return Work(facts, EMPTY if seen.begins and seen.uid is None else partial(_answer, seen, request), remark)


def meter_values(reporter: Reporter, request: Any, received: Received) -> Work:
    """Values of an EVSE outside of transactions: kept in the log; those in one come in its events."""
    for value in request.meterValue:
        instant(value.timestamp)
    return Work()


def _place(reporter: Reporter, request: Any, received: Received) -> tuple[UUID | None, list[Fact]]:
    """Where it happens, as far as the event says: only the first one has to."""
    if request.evse is UNSET:
        return next(iter(reporter.connectors.values())) if len(reporter.connectors) == 1 else None, []
    number = None if request.evse.connectorId is UNSET else request.evse.connectorId
    found = connector_at(reporter, request.evse.id, number) or reporter.connectors.get(request.evse.id)
    if found is None:
        return None, [unknown_connector(reporter, "evse.id", request.evse.id, received)]
    return found, []


def _uid(request: Any) -> str | None:
    if request.idToken is UNSET or request.idToken.type in NOBODY:
        return None
    return str(request.idToken.idToken)


def _values(request: Any) -> Sequence[Any]:
    return () if request.meterValue is UNSET else request.meterValue


def _samples(
    reporter: Reporter, values: Iterable[Any], received: Received, facts: list[Fact]
) -> Iterator[Sample]:
    """The values that can be read; the others go to `facts` as misfits."""
    for value in values:
        try:
            at, found = instant(value.timestamp), measured_exactly(value.sampledValue)
        except BadValue as error:
            facts.append(Misfit(reporter, "bad_value", str(error), received.text))
            continue
        contexts = {sample.context for sample in value.sampledValue if sample.context is not UNSET}
        context = next((c for c in ("Transaction.Begin", "Transaction.End") if c in contexts), "")
        yield Sample(at, found, context, value.sampledValue)


def _first_register(samples: Iterable[Sample]) -> int | None:
    known = [sample for sample in samples if sample.values.register_wh is not None]
    first = min(known, key=lambda s: (s.context != "Transaction.Begin", s.at), default=None)
    return None if first is None else first.values.register_wh


def _last_register(samples: Iterable[Sample]) -> int | None:
    known = [sample for sample in samples if sample.values.register_wh is not None]
    last = max(known, key=lambda s: (s.context == "Transaction.End", s.at), default=None)
    return None if last is None or last.context == "Transaction.Begin" else last.values.register_wh


def _metered(
    reporter: Reporter, number: str, samples: Iterable[Sample], received: Received
) -> Iterator[Fact]:
    for at, values, _context, raw in samples:
        sampled = msgspec.json.encode(raw).decode()
        yield Metered(
            reporter, number, at, values.register_wh, values.power_w, values.current_ma,
            values.soc_percent, sampled, received.text,
        )  # fmt: skip
        for sample in raw:
            if sample.signedMeterValue is not UNSET:
                yield _signed(reporter, number, at, sample)


def _signed(reporter: Reporter, number: str, at: datetime, sample: Any) -> SignedValue:
    value = sample.signedMeterValue
    return SignedValue(
        reporter,
        number,
        at,
        context="" if sample.context is UNSET else sample.context,
        data=value.signedMeterData,
        encoding=value.encodingMethod,
        signing="" if value.signingMethod is UNSET else value.signingMethod,
        public_key="" if value.publicKey is UNSET else value.publicKey,
    )


def _status(
    reporter: Reporter, connector_id: UUID, request: Any, at: datetime, received: Received
) -> list[Fact]:
    """2.x says no more of a connector than Occupied; the charging state says the rest."""
    told = request.transactionInfo.chargingState
    status = STATUSES.get(told, "") if told is not UNSET else ""
    if told == "EVConnected":
        status = "Preparing" if request.eventType == "Started" else "Finishing"
        if request.triggerReason in ("Authorized", "CablePluggedIn", "RemoteStart", "EVDetected"):
            status = "Preparing"
    return [StatusReported(reporter, connector_id, status, at, received.at)] if status else []


def _stopped(seen: TransactionSeen, request: Any, samples: Sequence[Sample]) -> Stopped:
    told = request.transactionInfo.stoppedReason
    reason = "Local" if told is UNSET else told  # what part 2 says of none
    register = _last_register(samples)
    return Stopped(seen.reporter, seen.transaction_id, seen.at, register, reason, seen.raw, seen.doubts)


def _answer(seen: TransactionSeen, request: Any, outcomes: Sequence[Outcome]) -> bytes:
    """The verdict on the tag, if one was shown, and the cost as far as it is known.

    With the last event only the final cost is told: a station may print it on a receipt.
    """
    outcome, told = outcomes[0], dict[str, Any]()
    if outcome.verdict is not None:
        guessing.note(seen.reporter.station_id, outcome.verdict)
        told["idTokenInfo"] = token_info(outcome)
    if outcome.cost is not None and (outcome.cost.is_final or request.eventType == "Updated"):
        told["totalCost"] = number(f"{outcome.cost.amount:f}")
    return json(told)


def token_info(outcome: Outcome) -> dict[str, Any]:
    """IdTokenInfoType: the verdict, and for a good tag the group whose tags may stop its sessions."""
    told: dict[str, Any] = {"status": str(outcome.verdict)}
    if outcome.group:
        told["groupIdToken"] = {"idToken": outcome.group, "type": "Central"}
    return told
