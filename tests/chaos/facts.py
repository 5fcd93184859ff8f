"""What stations were told is safe, held against the database."""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

Fact = dict[str, Any]


def missing_facts(ledger: Path) -> list[str]:
    """One line for each acknowledged start, stop or meter value that the database lacks, or counts twice."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evbilling.settings")
    django.setup()
    from charging.models import ChargingSession, Reading

    facts = defaultdict(list)
    for line in ledger.read_text().splitlines():
        fact = json.loads(line)
        if fact["transaction"]:
            facts[fact["station"], str(fact["transaction"])].append(fact)
    lost = []
    for (identity, number), told in facts.items():
        sessions = list(ChargingSession.objects.filter(station__identity=identity, transaction_id=number))
        if len(sessions) != 1:
            lost.append(f"{identity} {number}: {len(sessions)} sessions")
            continue
        readings = Reading.objects.filter(session=sessions[0]).count()
        lost += [f"{identity} {number}: {what}" for what in _lacks(sessions[0], readings, told)]
    return lost


def _lacks(session: Any, readings: int, told: list[Fact]) -> list[str]:
    values = [fact for fact in told if fact["action"] == "MeterValues"]
    lacks = [] if readings >= len(values) else [f"{readings} of {len(values)} readings"]
    for fact in told:
        if fact["action"] == "StopTransaction" and session.meter_end_wh != fact["payload"]["meterStop"]:
            lacks.append(f"ended at {session.meter_end_wh} Wh, the stop said {fact['payload']['meterStop']}")
        if fact["action"] == "StartTransaction" and session.meter_start_wh != fact["payload"]["meterStart"]:
            lacks.append(
                f"began at {session.meter_start_wh} Wh, the start said {fact['payload']['meterStart']}"
            )
    return lacks
