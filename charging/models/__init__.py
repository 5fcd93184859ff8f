"""Charging sessions, the facts they are made of, their priced results, and facts that don't fit."""

from charging.models.priced import PricedSession
from charging.models.quarantine import ImportBatch, QuarantinedFact
from charging.models.review import SessionReview
from charging.models.session import ChargingSession, Reading, SessionState

__all__ = [
    "ChargingSession",
    "ImportBatch",
    "PricedSession",
    "QuarantinedFact",
    "Reading",
    "SessionReview",
    "SessionState",
]
