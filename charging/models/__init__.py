"""Charging sessions, the facts they are made of, their priced results, facts that don't fit, commands."""

from charging.models.command import StationCommand
from charging.models.curve import SessionCurve
from charging.models.priced import PricedSession
from charging.models.quarantine import ImportBatch, QuarantinedFact
from charging.models.reading import Reading, SampleShape
from charging.models.review import SessionReview
from charging.models.session import ChargingSession, SessionState
from charging.models.signed import SignedReading

__all__ = [
    "ChargingSession",
    "ImportBatch",
    "PricedSession",
    "QuarantinedFact",
    "Reading",
    "SampleShape",
    "SessionCurve",
    "SessionReview",
    "SessionState",
    "SignedReading",
    "StationCommand",
]
