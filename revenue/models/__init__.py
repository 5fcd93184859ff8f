"""Rows of revenue management."""

from revenue.models.dynamic import (
    Feed,
    FeedValue,
    PlannedPrice,
    PriceDecision,
    PriceRule,
    RuleSet,
    RuleSetEvent,
)

__all__ = [
    "Feed",
    "FeedValue",
    "PlannedPrice",
    "PriceDecision",
    "PriceRule",
    "RuleSet",
    "RuleSetEvent",
]
