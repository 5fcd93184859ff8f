"""The command line: `python -m pricing rate | lint | quote`. Every output line is JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from pricing import fields
from pricing.engine import price
from pricing.errors import PricingError
from pricing.lint import lint
from pricing.planned import quote
from pricing.rounding import HALF_UP, POLICIES, Policy
from pricing.session import Session
from pricing.tariff import Tariff
from pricing.timetable import zone_of

READER_LEFT = 128 + 13  # SIGPIPE


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run one command; 0 when it could be done, 1 when the input can't be used, 2 for wrong usage.

    141 when whoever read the answers has left, as `head` does: what a shell says of any tool ended so.
    """
    options = _parser().parse_args(arguments)
    written = out or sys.stdout
    try:
        code = _run(options, written)
        written.flush()
    except BrokenPipeError:
        # What is still unwritten goes nowhere, or it would break the same pipe again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), written.fileno())
        return READER_LEFT
    return code


def _run(options: argparse.Namespace, out: TextIO) -> int:
    try:
        return int(options.run(options, out))
    except BrokenPipeError:
        raise
    except PricingError as error:
        _write(out, _error(error))
    except (OSError, UnicodeError) as error:
        _write(out, {"error": str(error)})
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pricing", description="Price EV charging sessions exactly."
    )
    commands = parser.add_subparsers(required=True)
    rate = commands.add_parser("rate", help="price sessions")
    rate.add_argument("--batch", metavar="CASES.jsonl", help="one case a line; - reads standard input")
    rate.add_argument("--tariff", metavar="T.json")
    source = rate.add_mutually_exclusive_group()
    source.add_argument("--session", metavar="S.json")
    source.add_argument("--cdr", metavar="C.json")
    rate.add_argument("--timezone", metavar="ZONE")
    rate.add_argument("--reservation-expired", action="store_true")
    rate.add_argument("--policy", choices=sorted(POLICIES), default=HALF_UP.name)
    rate.add_argument("--explain", action="store_true", help="say which elements were passed over, and why")
    rate.set_defaults(run=_rate)
    quote_ = commands.add_parser("quote", help="price a planned session")
    quote_.add_argument("--tariff", metavar="T.json", required=True)
    quote_.add_argument("--energy-kwh", required=True, metavar="KWH")
    quote_.add_argument("--power-kw", required=True, metavar="KW")
    quote_.add_argument("--parked-minutes", default="0", metavar="MIN")
    quote_.add_argument("--start", required=True, metavar="TIME", help="such as 2026-11-22T18:00:00+01:00")
    quote_.add_argument("--timezone", required=True, metavar="ZONE")
    quote_.add_argument("--evse-kind", choices=["AC", "DC"])
    quote_.add_argument("--explain", action="store_true")
    quote_.set_defaults(run=_quote)
    lint_ = commands.add_parser("lint", help="warn about what a tariff probably doesn't mean")
    lint_.add_argument("tariff", metavar="T.json")
    lint_.add_argument("--evse-kind", choices=["AC", "DC"])
    lint_.add_argument("--power-kw", metavar="KW")
    lint_.set_defaults(run=_lint)
    return parser


def _rate(options: argparse.Namespace, out: TextIO) -> int:
    policy = POLICIES[options.policy]
    if options.batch:
        for answer in rate_lines(_lines(options.batch), policy, explain=options.explain):
            _write(out, answer)
        return 0
    case = {
        "tariff": _load(options.tariff, "tariff"),
        "timezone": options.timezone,
        "reservation_expired": options.reservation_expired,
    }
    if options.session or not options.cdr:
        case["session"] = _load(options.session, "session")
    else:
        case["cdr"] = _load(options.cdr, "cdr")
    _write(out, rate_case(case, policy, explain=options.explain), indent=2)
    return 0


def _quote(options: argparse.Namespace, out: TextIO) -> int:
    priced = quote(
        Tariff.from_json(_load(options.tariff, "tariff")),
        zone_of(options.timezone),
        fields.moment(options.start, "start"),
        energy_wh=_thousandths(options.energy_kwh, "energy_kwh"),
        power_w=_thousandths(options.power_kw, "power_kw"),
        parked_s=fields.integer(options.parked_minutes, "parked_minutes") * 60,
        evse_kind=options.evse_kind,
    )
    _write(out, priced.to_json(explain=options.explain), indent=2)
    return 0


def _thousandths(text: str, field: str) -> int:
    scaled = fields.number(text, field) * 1000
    if scaled.denominator != 1:
        raise PricingError(field, "has more than three decimals")
    return scaled.numerator


def _lint(options: argparse.Namespace, out: TextIO) -> int:
    tariff = Tariff.from_json(_load(options.tariff, "tariff"))
    power = None if options.power_kw is None else int(fields.number(options.power_kw, "power_kw"))
    findings = lint(tariff, evse_kind=options.evse_kind, power_kw=power)
    _write(out, {"findings": [finding.to_json() for finding in findings]}, indent=2)
    return 0


def rate_lines(
    lines: Iterator[str], policy: Policy = HALF_UP, *, explain: bool = False
) -> Iterator[dict[str, Any]]:
    """Answer each JSON line with a priced session or {"id", "error"}; blank lines are passed over."""
    for line in lines:
        if not line.strip():
            continue
        identity: Any = None
        try:
            case = fields.mapping(_parse(line, "case"), "case")
            identity = case.get("id")
            yield {"id": identity, **rate_case(case, policy, explain=explain)}
        except PricingError as error:
            yield {"id": identity, **_error(error)}
        except RecursionError:
            yield {"id": identity, "error": "case: is nested too deeply", "field": "case"}


def rate_case(case: Mapping[str, Any], policy: Policy = HALF_UP, *, explain: bool = False) -> dict[str, Any]:
    """Price {"tariff", "cdr" or "session", "timezone", "reservation_expired"}."""
    tariff = Tariff.from_json(case.get("tariff"))  # type: ignore[arg-type]  # None is answered by from_json
    zone = zone_of(fields.text(case.get("timezone"), "timezone"))
    expired = case.get("reservation_expired") or False
    if not isinstance(expired, bool):
        raise PricingError("reservation_expired", "must be true or false")
    priced = price(tariff, _session(case, tariff), zone, policy=policy, reservation_expired=expired)
    return priced.to_json(explain=explain)


def _session(case: Mapping[str, Any], tariff: Tariff) -> Session:
    if case.get("session") is not None:
        return Session.from_json(case["session"])
    cdr = case.get("cdr")
    if cdr is None:
        raise PricingError("session", "is missing; give a session or a cdr")
    session = Session.from_cdr(cdr)
    if cdr.get("currency", tariff.currency) != tariff.currency:
        raise PricingError("cdr.currency", f"is not the tariff's currency, {tariff.currency}")
    return session


def _lines(name: str) -> Iterator[str]:
    if name == "-":
        yield from sys.stdin
        return
    with Path(name).open(encoding="utf-8", errors="replace") as lines:
        yield from lines


def _load(name: str | None, what: str) -> Any:
    if not name:
        raise PricingError(what, f"is missing; give --{what} FILE")
    return _parse(Path(name).read_text(encoding="utf-8"), what)


def _parse(text: str, field: str) -> Any:
    """JSON with every number exact: decimals never pass through a float."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise PricingError(field, f"is not JSON: {error}") from None


def _error(error: PricingError) -> dict[str, str]:
    return {"error": str(error), "field": error.field}


def _write(out: TextIO, answer: Mapping[str, Any], indent: int | None = None) -> None:
    # Only an id can still hold a Decimal; it goes back as the text it came as.
    out.write(json.dumps(answer, indent=indent, default=str) + "\n")
