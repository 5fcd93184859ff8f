"""What stations were told is safe, held against the database. `python -m tests.chaos.facts LEDGER` lists gaps."""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

Fact = dict[str, Any]


def gaps(ledger: Path) -> list[str]:
    """One line for each acknowledged fact that the database lacks or holds twice, or energy not billed once."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evbilling.settings")
    django.setup()
    from charging.models import ChargingSession, Reading

    facts: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for line in ledger.read_text().splitlines():
        fact = json.loads(line)
        if fact["transaction"]:
            facts[fact["station"], str(fact["transaction"])].append(fact)
    found = []
    for (identity, number), told in facts.items():
        sessions = list(ChargingSession.objects.filter(station__identity=identity, transaction_id=number))
        if len(sessions) != 1:
            found.append(f"{identity} {number}: {len(sessions)} sessions")
            continue
        readings = Reading.objects.filter(session=sessions[0]).count()
        wrong = [*_lacks(sessions[0], readings, told), *_billed(sessions[0], told)]
        found += [f"{identity} {number}: {what}" for what in wrong]
    return found


def _lacks(session: Any, readings: int, told: list[Fact]) -> list[str]:
    values = _of("meter", told)
    lacks = [] if readings >= len(values) else [f"{readings} of {len(values)} readings"]
    for kind, register in (("start", session.meter_start_wh), ("stop", session.meter_end_wh)):
        lacks += [
            f"{kind} at {register} Wh, the station said {fact['register_wh']}"
            for fact in _of(kind, told)
            if fact["register_wh"] != register
        ]
    return lacks


def _billed(session: Any, told: list[Fact]) -> list[str]:
    """The energy of a finished session is in the books once; a held one waits for a person instead."""
    if not _of("stop", told) or not _of("start", told):
        return []
    if session.quality != "good":
        return [f"is {session.quality}: {session.hold_reasons}"]
    energy = _of("stop", told)[0]["register_wh"] - _of("start", told)[0]["register_wh"]
    billed = [charge.priced.energy_wh for charge in session.charges.select_related("priced")]
    return [] if billed == [energy] else [f"{energy} Wh were charged, billed were {billed}"]


def _of(kind: str, told: list[Fact]) -> list[Fact]:
    return [fact for fact in told if fact["kind"] == kind]


def main() -> int:
    found = gaps(Path(sys.argv[1]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
