"""The gateway writes the message log, whose table is charging's, where pages and the REST api may read it."""

from charging.models import OcppMessage

__all__ = ["OcppMessage"]
