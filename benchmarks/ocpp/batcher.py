"""The batcher alone: meter values that were decoded before, committed batch by batch. Prints JSON.

Run with DATABASE_URL set, after benchmarks.ocpp.world: `python -m benchmarks.ocpp.batcher STATIONS SECONDS`.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta

import django
from msgspec import Raw

SAMPLES = 7


def main(count: int, seconds: float) -> None:
    from benchmarks.ocpp.load import Course, LoadStation
    from charging.ingest import Reporter
    from gateway.committing import commit
    from gateway.logins import connectors_of
    from gateway.versions import HANDLERS
    from gateway.work import Exchange, Received
    from stations.models import Station

    def said(reporter: Reporter, station: LoadStation, at: datetime) -> Exchange:
        station.register += 3
        _, message_id, action, _ = json.loads(station.text())
        text = station.text().decode().partition(f'"{action}",')[2][:-1]
        text = text.replace(station.course.clock.text().decode(), at.isoformat())
        received = Received(at, action, text)
        work = HANDLERS["ocpp1.6"](reporter, received, Raw(text.encode()))
        return Exchange(None, message_id, received, work, reporter)

    rows = list(Station.objects.filter(identity__startswith="BENCH").order_by("identity")[:count])
    plugs = connectors_of([row.pk for row in rows])
    pairs = []
    for row in rows:
        reporter = Reporter(row.organisation_id, row.pk, row.identity, plugs[row.pk])
        pairs.append((reporter, LoadStation(row.identity, Course())))
    at = datetime.now(UTC)
    answers = commit([said(reporter, station, at) for reporter, station in pairs])
    for (_, station), answer in zip(pairs, answers, strict=True):
        station.step, station.transaction = 1, str(json.loads(answer)[2]["transactionId"]).encode()
    messages, took = 0, 0.0
    while took < seconds:
        at += timedelta(milliseconds=10)
        batch = [said(reporter, station, at) for reporter, station in pairs]
        begin = time.perf_counter()
        answers = commit(batch)
        took += time.perf_counter() - begin
        messages += sum(answer.startswith(b"[3") for answer in answers)
    print(json.dumps({"samples_per_s": messages * SAMPLES / took}))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evbilling.settings")
    django.setup()
    main(int(sys.argv[1]), float(sys.argv[2]))
