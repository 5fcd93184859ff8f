"""Facts and message log of a batch of calls, in one transaction; what may be answered afterwards.

Runs in a thread of its own: everything here blocks.
"""

import logging
from collections.abc import Sequence
from struct import Struct

from django.db import InterfaceError, OperationalError, connection, transaction

from accounts.identifiers import uuid7_bytes
from charging import ingest
from charging.ingest import Misfit, Outcome
from charging.ingest.binary import copy_in, microseconds, text, word
from gateway import frames
from gateway.privacy import WITH_TAGS, masked
from gateway.work import Exchange, Refused, Work

logger = logging.getLogger(__name__)

AT_ODDS = {"40", "55"}  # SQLSTATE classes: deadlock, lock not available
AWAY = {"08", "25", "53", "57", "58"} | AT_ODDS  # connection, read-only, resources, operator, system

COPY = """
    COPY gateway_ocppmessage
        (id, at, organisation_id, station_id, direction, message_id, action, payload, answer, verdict)
    FROM STDIN (FORMAT BINARY)
"""
_head = Struct("!h i16s iq i16s i16s").pack
_length = Struct("!i").pack


class DatabaseAway(Exception):
    """The database can't be reached; nothing of the batch is written, and all of it may be repeated."""


def commit(batch: Sequence[Exchange]) -> list[bytes]:
    """Commit `batch`; returns the frame that answers each. Raises DatabaseAway.

    If the database refuses the batch, each call is committed by itself, so that a poisonous one harms
    no other: that one is answered with InternalError and quarantined.
    """
    try:
        return _commit(batch)
    except Exception as error:
        ingest.forget()
        _raise_if_away(error)
        if len(batch) == 1:
            return [_refused(batch[0], error)]
    return [frame for exchange in batch for frame in commit([exchange])]


def _commit(batch: Sequence[Exchange]) -> list[bytes]:
    with transaction.atomic():
        outcomes = ingest.commit([fact for exchange in batch for fact in exchange.work.facts])
        answers, rows, done = [], [], 0
        for exchange, row_id in zip(batch, uuid7_bytes(len(batch)), strict=True):
            own = outcomes[done : done + len(exchange.work.facts)]
            done += len(own)
            answer = exchange.work.answer
            payload = answer if isinstance(answer, bytes) else answer(own)
            answers.append(_frame(exchange, payload))
            rows.append(log_row(row_id, exchange, payload, _verdict(exchange, own)))
        copy_in(COPY, rows)
    return answers


def _verdict(exchange: Exchange, outcomes: Sequence[Outcome]) -> str:
    if exchange.refusal is not None:
        return exchange.refusal.code
    if exchange.verdict:
        return exchange.verdict
    for outcome in outcomes:
        if outcome.quarantined:
            return outcome.quarantined
    return "ok"


def _frame(exchange: Exchange, payload: bytes) -> bytes:
    if exchange.refusal is not None:
        return frames.error(exchange.message_id, exchange.refusal.code, exchange.refusal.description)
    return frames.result(exchange.message_id, payload)


def log_row(row_id: bytes, exchange: Exchange, answer: bytes, verdict: str) -> bytes:
    """The exchange as a row of the message log for COPY; tags are masked."""
    received, reporter, refusal = exchange.received, exchange.reporter, exchange.refusal
    tagged = received.action in WITH_TAGS or refusal is not None
    said = (masked(received.text) if tagged else received.text).encode()
    told = answer if refusal is None else refusal.description.replace("\0", "").encode()
    return b"".join(
        (
            _head(10, 16, row_id, 8, microseconds(received.at), 16, reporter.tenant, 16, reporter.key),
            word(exchange.direction),
            text(exchange.message_id),
            word(received.action[:64].replace("\0", "")),
            _length(len(said)),
            said,
            _length(len(told)),
            told,
            word(verdict),
        )
    )


def _refused(exchange: Exchange, error: Exception) -> bytes:
    """Set a call aside that the database would not take; a station whose row is gone can't have even that."""
    logger.error("%s of %s: %s", exchange.received.action, exchange.reporter.identity, error)
    exchange.refusal = Refused("InternalError", "this call could not be stored; it is kept for review")
    text = exchange.received.text
    exchange.work = Work([Misfit(exchange.reporter, "not_storable", str(error).replace("\0", ""), text)])
    try:
        return _commit([exchange])[0]
    except Exception as again:
        ingest.forget()
        _raise_if_away(again)
        logger.exception("%s of %s is not kept either", exchange.received.action, exchange.reporter.identity)
        exchange.refusal = Refused("InternalError", "this call could not be stored; is the station set up?")
        return _frame(exchange, b"")


def _raise_if_away(error: Exception) -> None:
    """Tell a database that is away, or at odds with another commit, from one that refuses what we say."""
    if isinstance(error, OperationalError | InterfaceError):
        state = getattr(error.__cause__, "sqlstate", None)
        if state is None or state[:2] in AWAY:
            if state is None or state[:2] not in AT_ODDS:
                connection.close()
            raise DatabaseAway(str(error)) from error
