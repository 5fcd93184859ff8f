"""The usual way: `websockets`, the `ocpp` package with its validation, a psycopg transaction for each message.

No log-in, no message log, no idempotency: less than the gateway does. Run with DATABASE_URL set.
"""

import asyncio
import itertools
import json
import os
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from websockets.typing import Subprotocol

CONNECTIONS = 8
TABLES = """
    DROP SCHEMA IF EXISTS naive CASCADE;
    CREATE SCHEMA naive;
    CREATE TABLE naive.session (
        id bigint PRIMARY KEY, station text NOT NULL, tag text NOT NULL, started_at timestamptz NOT NULL,
        meter_start bigint NOT NULL, ended_at timestamptz, meter_stop bigint);
    CREATE TABLE naive.reading (
        id bigserial PRIMARY KEY, session_id bigint NOT NULL, at timestamptz NOT NULL, sampled jsonb NOT NULL);
    CREATE INDEX ON naive.reading (session_id, at);
    CREATE TABLE naive.status (
        id bigserial PRIMARY KEY, station text NOT NULL, at timestamptz, status text NOT NULL);
"""
numbers = itertools.count(1)


class Naive(ChargePoint):  # type: ignore[misc]  # ocpp has no types
    pool: AsyncConnectionPool[AsyncConnection[Any]]

    async def write(self, statement: Any, values: list[Any]) -> None:
        async with self.pool.connection() as connection:  # commits when it is given back
            await connection.execute(statement, values)

    @on("StartTransaction")  # type: ignore[untyped-decorator]  # ocpp has no types
    async def start_transaction(self, id_tag: str, meter_start: int, timestamp: str, **_: Any) -> Any:
        number = next(numbers)
        await self.write(
            "INSERT INTO naive.session (id, station, tag, started_at, meter_start) VALUES (%s, %s, %s, %s, %s)",
            [number, self.id, id_tag, timestamp, meter_start],
        )
        return call_result.StartTransaction(transaction_id=number, id_tag_info={"status": "Accepted"})

    @on("MeterValues")  # type: ignore[untyped-decorator]  # ocpp has no types
    async def meter_values(self, transaction_id: int, meter_value: list[Any], **_: Any) -> Any:
        await self.write(
            "INSERT INTO naive.reading (session_id, at, sampled) VALUES (%s, %s, %s)",
            [transaction_id, meter_value[0]["timestamp"], json.dumps(meter_value)],
        )
        return call_result.MeterValues()

    @on("StopTransaction")  # type: ignore[untyped-decorator]  # ocpp has no types
    async def stop(self, transaction_id: int, meter_stop: int, timestamp: str, **_: Any) -> Any:
        await self.write(
            "UPDATE naive.session SET ended_at = %s, meter_stop = %s WHERE id = %s",
            [timestamp, meter_stop, transaction_id],
        )
        return call_result.StopTransaction()

    @on("StatusNotification")  # type: ignore[untyped-decorator]  # ocpp has no types
    async def status(self, status: str, timestamp: str, **_: Any) -> Any:
        await self.write(
            "INSERT INTO naive.status (station, at, status) VALUES (%s, %s, %s)", [self.id, timestamp, status]
        )
        return call_result.StatusNotification()


async def serve() -> None:
    url = os.environ["DATABASE_URL"]
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(TABLES)

    async def connected(socket: Any) -> None:
        station = Naive(socket.request.path.rpartition("/")[2], socket)
        try:
            await station.start()
        except websockets.ConnectionClosed:
            return

    pool = AsyncConnectionPool(url, min_size=CONNECTIONS, max_size=CONNECTIONS, timeout=120, open=False)
    protocols = [Subprotocol("ocpp1.6")]
    async with (
        pool as Naive.pool,
        websockets.serve(
            connected, "127.0.0.1", 0, subprotocols=protocols, compression=None, backlog=1024
        ) as server,
    ):
        print(f"gateway at {server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
