"""Charging sessions, the facts they are made of, their priced results, facts that don't fit, commands."""

from charging.models.command import StationCommand
from charging.models.display import CostNotice, StationDisplay
from charging.models.priced import PricedSession
from charging.models.quarantine import ImportBatch, QuarantinedFact
from charging.models.review import SessionReview
from charging.models.session import ChargingSession, Reading, SessionState
from charging.models.signed import SignedReading

__all__ = [
    "ChargingSession",
    "CostNotice",
    "ImportBatch",
    "PricedSession",
    "QuarantinedFact",
    "Reading",
    "SessionReview",
    "SessionState",
    "SignedReading",
    "StationCommand",
    "StationDisplay",
]
