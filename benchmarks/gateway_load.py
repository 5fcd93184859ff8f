"""The load of benchmarks/gateway.py: `python -m benchmarks.gateway_load PORT STATIONS SECONDS` prints JSON."""

import asyncio
import base64
import json
import sys
import time
from datetime import UTC, datetime

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.gateway_world import PASSWORD, TAG

CONNECTING_AT_ONCE = 50


class LoadStation(WSListener):
    """Calls, waits for the answer, calls again: start, 17 meter values, stop, status."""

    def __init__(self, identity: str, latencies: list[float]) -> None:
        self.identity, self.latencies = identity, latencies
        self.transport: WSTransport | None = None
        self.going = False
        self.step = 0
        self.register = 1000
        self.transaction = 0
        self.errors = 0
        self.sent_at = 0.0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        self.latencies.append(time.perf_counter() - self.sent_at)
        answer = frame.get_payload_as_bytes()
        if answer[1] != 51:  # "3"
            self.errors += 1
        elif self.step == 0:
            self.transaction = json.loads(answer)[2]["transactionId"]
        self.step = (self.step + 1) % 20
        if self.going:
            self.call()

    def call(self) -> None:
        assert self.transport is not None
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.register += 3
        self.sent_at = time.perf_counter()
        self.transport.send(WSMsgType.TEXT, self._text(now))

    def _text(self, now: str) -> str:
        if self.step == 0:
            return (
                f'[2,"{self.register}","StartTransaction",{{"connectorId":1,"idTag":"{TAG}",'
                f'"meterStart":{self.register},"timestamp":"{now}"}}]'
            )
        if self.step == 18:
            return (
                f'[2,"{self.register}","StopTransaction",{{"transactionId":{self.transaction},'
                f'"meterStop":{self.register},"timestamp":"{now}","reason":"Local"}}]'
            )
        if self.step == 19:
            return (
                f'[2,"{self.register}","StatusNotification",{{"connectorId":1,"errorCode":"NoError",'
                f'"status":"Available","timestamp":"{now}"}}]'
            )
        return (
            f'[2,"{self.register}","MeterValues",{{"connectorId":1,"transactionId":{self.transaction},'
            f'"meterValue":[{{"timestamp":"{now}","sampledValue":['
            f'{{"value":"{self.register}","measurand":"Energy.Active.Import.Register","unit":"Wh"}},'
            '{"value":"11040","measurand":"Power.Active.Import","unit":"W"},'
            '{"value":"16.0","measurand":"Current.Import","phase":"L1","unit":"A"},'
            '{"value":"16.1","measurand":"Current.Import","phase":"L2","unit":"A"},'
            '{"value":"15.9","measurand":"Current.Import","phase":"L3","unit":"A"},'
            '{"value":"230.1","measurand":"Voltage","phase":"L1-N","unit":"V"},'
            '{"value":"55","measurand":"SoC","unit":"Percent"}]}]}]'
        )


async def load(port: int, count: int, seconds: float) -> dict[str, float]:
    latencies: list[float] = []
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connected(number: int) -> LoadStation:
        station = LoadStation(f"BENCH{number:06}", latencies)
        token = base64.b64encode(f"{station.identity}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Sec-WebSocket-Protocol": "ocpp1.6"}
        url = f"ws://127.0.0.1:{port}/ocpp/{station.identity}"
        async with gate:
            await ws_connect(lambda: station, url, extra_headers=headers, websocket_handshake_timeout=60)
        return station

    stations = await asyncio.gather(*(connected(number) for number in range(count)))
    for station in stations:
        station.going = True
        station.call()
    await asyncio.sleep(min(2.0, seconds / 2))  # warm
    latencies.clear()
    print("measuring", flush=True)
    before = time.perf_counter()
    await asyncio.sleep(seconds)
    measured, took = sorted(latencies), time.perf_counter() - before
    print("measured", flush=True)
    for station in stations:
        station.going = False
    return {
        "answered": len(measured),
        "seconds": took,
        "errors": sum(station.errors for station in stations),
        "p50_ms": measured[len(measured) // 2] * 1000,
        "p99_ms": measured[len(measured) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(load(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
