"""Tell stations what a session costs: CostUpdated, or the DataTransfer that California asked for in 1.6.

What it costs is priced elsewhere; here it is only said in the station's words (OCPP & California Pricing
Requirements, OCA 2020).
"""

import asyncio
import logging
import zlib
from datetime import datetime
from typing import Any

import msgspec
from django.db import DatabaseError

from charging import running_cost
from charging.models import CostNotice
from gateway import last_tags
from gateway.connection import CallFailed, Connection
from gateway.database import Database
from gateway.decoding import OCPP_16
from gateway.presence import Presence
from gateway.work import number

logger = logging.getLogger(__name__)
SWEEP_S = 1.0
VENDOR = "org.openchargealliance.costmsg"
NEVER = {"NotImplemented", "NotSupported", "UnknownVendorId", "UnknownMessageId"}
Message = tuple[str, dict[str, Any]]


class CostTeller:
    """Claims the notices of the stations connected here; one is in flight for a station."""

    def __init__(self, presence: Presence, database: Database) -> None:
        self.presence, self.database = presence, database
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Tell until cancelled; the database being away only delays."""
        while True:
            await asyncio.sleep(SWEEP_S)
            if not self.presence.by_station:
                continue
            try:
                notices = await self.database.run(running_cost.claim, set(self.presence.by_station))
            except DatabaseError as error:
                logger.warning("costs are not told: %s", error)
                continue
            by_station: dict[Any, list[CostNotice]] = {}
            for notice in notices:
                by_station.setdefault(notice.station_id, []).append(notice)
            for mine in by_station.values():
                task = asyncio.get_running_loop().create_task(self._tell_all(mine))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _tell_all(self, notices: list[CostNotice]) -> None:
        for notice in notices:
            connection = self.presence.by_station.get(notice.station_id)
            try:
                if connection is None:
                    await self.database.run(running_cost.untold, notice)
                else:
                    await self._tell(notice, connection)
            except DatabaseError:
                logger.exception("what came of telling the cost of %s is not kept", notice.session_id)

    async def _tell(self, notice: CostNotice, connection: Connection) -> None:
        try:
            if notice.price_told_at is None and (message := price_message(connection.version, notice)):
                await self._said(connection, message)  # a display that knows no prices may know costs
            refusal = await self._said(connection, cost_message(connection.version, notice))
        except (TimeoutError, ConnectionError):
            await self.database.run(running_cost.untold, notice)
            return
        if refusal in NEVER:
            await self.database.run(running_cost.refused, notice, refusal)
        else:
            await self.database.run(running_cost.told, notice)

    async def _said(self, connection: Connection, message: Message) -> str:
        """What the station has against it, or nothing."""
        try:
            answer = await connection.call(*message)
        except CallFailed as error:
            return error.code
        status = str(answer.get("status", ""))
        return "" if status == "Accepted" else status


def cost_message(version: str, notice: CostNotice) -> Message:
    """The cost so far, or the final one; amounts are written as decimals, never as floats."""
    cost = number(f"{notice.cost.amount:f}")
    transaction = notice.session.transaction_id or ""
    if version != OCPP_16:
        return "CostUpdated", {"totalCost": cost, "transactionId": transaction}
    if notice.kind == CostNotice.Kind.FINAL:
        text = f"{notice.cost.amount.normalize():f} {notice.cost.currency}, tax included"
        return _transfer("FinalCost", {"transactionId": int(transaction), "cost": cost, "priceText": text})
    told = {
        "transactionId": int(transaction),
        "timestamp": _stamp(notice.as_of),
        "meterValue": notice.meter_wh,
        "cost": cost,
        "state": "Charging" if notice.charging_state == "CHARGING" else "Idle",
        "chargingPrice": _prices(notice, kWhPrice="ENERGY", hourPrice="TIME", flatFee="FLAT"),
    }
    if idle := _prices(notice, hourPrice="PARKING_TIME"):
        told["idlePrice"] = idle
    return _transfer("RunningCost", told)


def price_message(version: str, notice: CostNotice) -> Message | None:
    """What the driver pays here; None where it can't be said: 1.6 names the driver's tag, which we don't keep."""
    text = str(notice.price.get("text", ""))
    if not text:
        return None
    if version != OCPP_16:
        content = {"format": "UTF8", "language": "en", "content": text}
        transaction = notice.session.transaction_id or ""
        told = {"id": _message_id(transaction), "priority": "NormalCycle", "message": content}
        return "SetDisplayMessage", {"message": {**told, "transactionId": transaction}}
    tag = last_tags.shown_at(notice.station_id, notice.session.connector_id)
    return None if tag is None else _transfer("SetUserPrice", {"idToken": tag, "priceText": text})


def _transfer(message: str, data: dict[str, Any]) -> Message:
    text = msgspec.json.encode(data).decode()
    return "DataTransfer", {"vendorId": VENDOR, "messageId": message, "data": text}


def _prices(notice: CostNotice, **names: str) -> dict[str, msgspec.Raw]:
    return {ours: number(notice.price[theirs]) for ours, theirs in names.items() if theirs in notice.price}


def _message_id(transaction: str) -> int:
    return zlib.crc32(transaction.encode()) & 0x7FFFFFFF


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
