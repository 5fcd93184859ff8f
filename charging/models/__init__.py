"""Charging sessions, the facts they are made of, their priced results, facts that don't fit, commands,
the message log, and what stations were asked to keep: reservations, profiles, local lists."""

from charging.models.command import StationCommand
from charging.models.curve import SessionCurve
from charging.models.display import CostNotice, StationDisplay
from charging.models.local_list import LocalList
from charging.models.message import OcppMessage
from charging.models.priced import PricedSession
from charging.models.quarantine import ImportBatch, QuarantinedFact
from charging.models.reading import Reading, SampleShape
from charging.models.reservation import ChargingProfile, Reservation
from charging.models.review import SessionReview
from charging.models.session import ChargingSession, SessionState
from charging.models.signed import SignedReading

__all__ = [
    "ChargingProfile",
    "ChargingSession",
    "CostNotice",
    "ImportBatch",
    "LocalList",
    "OcppMessage",
    "PricedSession",
    "QuarantinedFact",
    "Reading",
    "Reservation",
    "SampleShape",
    "SessionCurve",
    "SessionReview",
    "SessionState",
    "SignedReading",
    "StationCommand",
    "StationDisplay",
]
