"""The load of benchmarks/gateway.py: `python -m benchmarks.ocpp.load PORT STATIONS SECONDS [RATE]`, JSON out.

Each station waits for an answer before its next call: start, 17 meter values of 7 samples, stop, status. With
a rate, all stations together make that many calls a second; without one, as many as are answered.
"""

import asyncio
import base64
import json
import random
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.ocpp.world import PASSWORD, TAG

CONNECTING_AT_ONCE = 50
STEPS, STOP, STATUS = 20, 18, 19
RESULT = ord("3")
SAMPLES = (
    b'{"value":"11040","measurand":"Power.Active.Import","unit":"W"},'
    b'{"value":"16.0","measurand":"Current.Import","phase":"L1","unit":"A"},'
    b'{"value":"16.1","measurand":"Current.Import","phase":"L2","unit":"A"},'
    b'{"value":"15.9","measurand":"Current.Import","phase":"L3","unit":"A"},'
    b'{"value":"230.1","measurand":"Voltage","phase":"L1-N","unit":"V"},'
    b'{"value":"55","measurand":"SoC","unit":"Percent"}]}]}]'
)


class Clock:
    """The time as stations write it, made once a millisecond."""

    def __init__(self) -> None:
        self._millisecond, self._text = 0, b""

    def text(self) -> bytes:
        now = time.time_ns() // 1_000_000
        if now != self._millisecond:
            at = datetime.fromtimestamp(now / 1000, UTC)
            self._millisecond, self._text = now, f"{at:%Y-%m-%dT%H:%M:%S}.{now % 1000:03}Z".encode()
        return self._text


@dataclass(slots=True)
class Course:
    """What all stations share: whether and how fast to go on, and what was measured."""

    pause_s: float = 0.0
    going: bool = True
    errors: int = 0
    latencies: list[float] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)


class LoadStation(WSListener):
    """One station."""

    def __init__(self, identity: str, course: Course) -> None:
        self.identity, self.course = identity, course
        self.transport: WSTransport | None = None
        self.step = 0
        self.register = 1000
        self.transaction = b"0"
        self.sent_at = 0.0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        course = self.course
        took = time.perf_counter() - self.sent_at
        course.latencies.append(took)
        answer = frame.get_payload_as_bytes()
        if answer[1] != RESULT:
            course.errors += 1
        elif self.step == 0:
            self.transaction = str(json.loads(answer)[2]["transactionId"]).encode()
        self.step = (self.step + 1) % STEPS
        if course.pause_s > took:
            asyncio.get_running_loop().call_later(course.pause_s - took, self.call)
        else:
            self.call()

    def call(self) -> None:
        if self.transport is not None and self.course.going:
            self.register += 3
            self.sent_at = time.perf_counter()
            self.transport.send(WSMsgType.TEXT, self.text())

    def text(self) -> bytes:
        """The call that is next."""
        now, register = self.course.clock.text(), b"%d" % self.register
        if self.step == 0:
            return (
                b'[2,"%b","StartTransaction",{"connectorId":1,"idTag":"%b","meterStart":%b,"timestamp":"%b"}]'
                % (register, TAG.encode(), register, now)
            )
        if self.step == STOP:
            return (
                b'[2,"%b","StopTransaction",{"transactionId":%b,"meterStop":%b,"timestamp":"%b",'
                b'"reason":"Local"}]' % (register, self.transaction, register, now)
            )
        if self.step == STATUS:
            return (
                b'[2,"%b","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available",'
                b'"timestamp":"%b"}]' % (register, now)
            )
        return (
            b'[2,"%b","MeterValues",{"connectorId":1,"transactionId":%b,"meterValue":[{"timestamp":"%b",'
            b'"sampledValue":[{"value":"%b","measurand":"Energy.Active.Import.Register","unit":"Wh"},%b'
            % (register, self.transaction, now, register, SAMPLES)
        )


async def load(port: int, count: int, seconds: float, rate: float) -> dict[str, float]:
    course = Course(pause_s=count / rate if rate else 0.0)
    stations = await connected(port, count, course)
    for station in stations:  # out of step with each other, as stations are
        asyncio.get_running_loop().call_later(random.uniform(0, max(course.pause_s, 0.5)), station.call)
    await asyncio.sleep(max(2.0, 2 * course.pause_s))  # warm
    course.latencies.clear()
    process, begin = psutil.Process(), time.perf_counter()
    cpu_s = sum(process.cpu_times()[:2])
    print("measuring", flush=True)
    await asyncio.sleep(seconds)
    measured, took = sorted(course.latencies), time.perf_counter() - begin
    cpu_s = sum(process.cpu_times()[:2]) - cpu_s
    print("measured", flush=True)
    course.going = False
    await asyncio.sleep(0.5)  # the last answers
    return {
        "answered": len(measured),
        "seconds": took,
        "errors": course.errors,
        "cpu_s": cpu_s,
        "p50_ms": measured[len(measured) // 2] * 1000,
        "p99_ms": measured[len(measured) * 99 // 100] * 1000,
    }


async def connected(port: int, count: int, course: Course) -> list[LoadStation]:
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(number: int) -> LoadStation:
        station = LoadStation(f"BENCH{number:06}", course)
        token = base64.b64encode(f"{station.identity}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Sec-WebSocket-Protocol": "ocpp1.6"}
        url = f"ws://127.0.0.1:{port}/ocpp/{station.identity}"
        async with gate:
            await ws_connect(lambda: station, url, extra_headers=headers, websocket_handshake_timeout=60)
        return station

    return list(await asyncio.gather(*(connect(number) for number in range(count))))


if __name__ == "__main__":
    asked = [float(word) for word in sys.argv[1:]]
    print(
        json.dumps(uvloop.run(load(int(asked[0]), int(asked[1]), asked[2], asked[3] if asked[3:] else 0.0)))
    )
