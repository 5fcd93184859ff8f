"""Verdicts on tags that stations present, many at a time."""

from collections.abc import Sequence

from accounts.authorisation import authorise_all
from charging.ingest.facts import Outcome, TagShown


def judge(shown: Sequence[TagShown]) -> list[Outcome]:
    """One verdict for each tag."""
    known = authorise_all((fact.reporter.organisation_id, fact.uid) for fact in shown)
    found = [known[fact.reporter.organisation_id, fact.uid] for fact in shown]
    return [Outcome(verdict=one.verdict, group=one.group) for one in found]
