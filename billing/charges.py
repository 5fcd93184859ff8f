"""Taking a priced session into the books: charge, lines, journal and payable, in one transaction."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from moneyed import Money

from accounts.models import BillingPreference, FleetMember, Token
from billing import history, ledger, payments, vat
from billing.ledger import Cause, Posting
from billing.minor_units import below_minimum, zero
from billing.models import Account, ChargeLine, Journal, Payment, SessionCharge
from charging.models import ChargingSession, PricedSession

RATE_STEP = Decimal("0.0001")
SHARES = ("energy", "time", "parking", "fees")


def to_charge(priced_within: timedelta | None = None) -> QuerySet[ChargingSession]:
    """Priced sessions that are ours to charge, fit to be, and not charged yet.

    `priced_within` bounds the look back, so that the frequent sweep doesn't read all history.
    """
    charged = SessionCharge.objects.filter(organisation=OuterRef("organisation"), session=OuterRef("pk"))
    sessions: QuerySet[ChargingSession] = ChargingSession.objects.filter(
        ~Exists(charged),
        state=ChargingSession.State.PRICED,
        settled_elsewhere=False,
        quality__in=(ChargingSession.Quality.GOOD, ChargingSession.Quality.RELEASED),
    )
    if priced_within is not None:
        since = timezone.now() - priced_within
        recent = PricedSession.objects.filter(
            organisation=OuterRef("organisation"), session=OuterRef("pk"), priced_at__gte=since
        )
        sessions = sessions.filter(Exists(recent))
    return sessions.order_by("ended_at")


def sweep(limit: int = 200, priced_within: timedelta | None = None) -> list[SessionCharge]:
    """Charge up to `limit` sessions that wait for it; those another process holds are left to it."""
    waiting = to_charge(priced_within).values_list("organisation_id", "pk")[:limit]
    made = (charge_session(organisation_id, session_id) for organisation_id, session_id in list(waiting))
    return [charge for charge in made if charge is not None]


@transaction.atomic
def charge_session(organisation_id: UUID, session_id: UUID) -> SessionCharge | None:
    """Charge one session by its latest pricing. None if charged already, not ours, or being charged."""
    session = (
        to_charge()
        .filter(organisation=organisation_id, pk=session_id)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("token", "organisation", "connector__evse__station__site")
        .first()
    )
    # the query's snapshot may be older than the lock: ask again now that nobody else can charge it
    if session is None or SessionCharge.objects.of(organisation_id).filter(session=session).exists():
        return None
    priced = PricedSession.objects.of(organisation_id).filter(session=session).order_by("-revision")[0]
    charge = _book(session, priced)
    payment = _payable(session, charge)
    history.project(payment)
    return charge


def _book(session: ChargingSession, priced: PricedSession) -> SessionCharge:
    member = _fleet_member(session)
    treatment = vat.treatment_of(session, member.fleet if member else None)
    taxed = treatment == SessionCharge.Treatment.STANDARD
    charge = SessionCharge(
        organisation_id=session.organisation_id,
        session=session,
        priced=priced,
        driver_id=session.driver_id,
        fleet_id=member.fleet_id if member else None,
        cost_centre=member.cost_centre if member else "",
        treatment=treatment,
        net=priced.net,
        tax=priced.tax if taxed else zero(str(priced.net.currency)),
        gross=priced.gross if taxed else priced.net,
        charged_at=timezone.now(),
    )
    lines = list(_lines(charge))
    if charge.gross.amount:
        charge.journal = _post(charge, lines)
    charge.save(force_insert=True)
    ChargeLine.objects.bulk_create(lines)
    return charge


def _fleet_member(session: ChargingSession) -> FleetMember | None:
    """By whom the session is paid instead of its driver: as one of its tokens, or whatever it shows."""
    member: FleetMember | None = (
        FleetMember.objects.of(session.organisation_id)
        .select_related("fleet")
        .filter(Q(token=session.token_id) | Q(token__isnull=True), driver=session.driver_id)
        .filter(fleet__closed_at__isnull=True)
        .order_by(F("token").asc(nulls_last=True))
        .first()
    )
    return member


def taxes_of(priced: PricedSession) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
    """(rate in percent, net, tax) of each rate that the pricing states; what is not taxed is left out."""
    for stated in priced.result.get("taxes", ()):
        if stated["percent"] is not None:
            fraction = Fraction(stated["percent"])
            rate = (Decimal(fraction.numerator) / Decimal(fraction.denominator)).quantize(RATE_STEP)
            yield rate, Decimal(stated["net"]), Decimal(stated["tax"])


def charged_taxes(charge: SessionCharge) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
    """As `taxes_of`, of what was charged: the whole net at no tax where the treatment is not the standard one."""
    if charge.treatment == SessionCharge.Treatment.STANDARD:
        yield from taxes_of(charge.priced)
    else:
        yield Decimal(0), charge.net.amount, Decimal(0)


def _lines(charge: SessionCharge) -> Iterator[ChargeLine]:
    """The non-zero components of the pricing; they sum to its gross, or the pricing is refused."""
    priced, currency = charge.priced, str(charge.gross.currency)
    amounts: list[tuple[str, Decimal | None, Money]] = [
        (name, None, getattr(priced, name)) for name in SHARES
    ]
    amounts += [("tax", rate, Money(tax, currency)) for rate, _, tax in charged_taxes(charge)]
    total = sum((amount.amount for _, _, amount in amounts), Decimal(0))
    if total != charge.gross.amount:
        raise ValueError(
            f"priced session {priced.pk}: lines sum to {total}, its gross is {charge.gross.amount}"
        )
    for component, rate, amount in amounts:
        if amount.amount:
            yield ChargeLine(
                organisation_id=charge.organisation_id,
                charge=charge,
                session_id=charge.session_id,
                component=component,
                tax_rate=rate,
                amount=amount,
            )


def _post(charge: SessionCharge, lines: list[ChargeLine]) -> Journal:
    postings = [
        ledger.receivable(charge, charge.gross),
        Posting(Account.Kind.REVENUE, -charge.net),
        *(
            Posting(Account.Kind.TAX_PAYABLE, -line.amount, tax_rate=line.tax_rate)
            for line in lines
            if line.component == ChargeLine.Component.TAX
        ),
    ]
    cause = Cause(Journal.Cause.SESSION_CHARGED, charge.pk, f"Session {charge.session_id}")
    return ledger.post(charge.organisation_id, f"charge:{charge.session_id}", cause, postings)


def _payable(session: ChargingSession, charge: SessionCharge) -> Payment:
    """The guest's hold that this session used, or a new payable of its driver."""
    if session.token is not None and session.token.kind == Token.Kind.GUEST:
        held = (
            Payment.objects.of(session.organisation_id)
            .select_for_update()
            .filter(token=session.token_id, state=Payment.State.HELD)
            .first()
        )
        if held is not None and held.charge_id is None:
            state = Payment.State.DUE if charge.gross.amount else Payment.State.RELEASING
            payments.move(held, state, charge=charge, session=session, due=charge.gross)
            return held
    return _new_payable(session, charge)


def _new_payable(session: ChargingSession, charge: SessionCharge) -> Payment:
    nothing = zero(str(charge.gross.currency))
    method, state, failure = _terms(session, charge)
    payment: Payment = Payment.objects.create(
        organisation_id=charge.organisation_id,
        method=method,
        state=state,
        driver_id=charge.driver_id,
        fleet_id=charge.fleet_id,
        charge=charge,
        session=session,
        email=session.driver.email if session.driver else "",
        due=charge.gross,
        authorised=nothing,
        captured=nothing,
        refunded=nothing,
        credited=nothing,
        failure_code=failure,
        failure_message=FAILURES.get(failure, ""),
    )
    return payment


FAILURES = {
    "no_driver": "Nobody is known to have charged here.",
    "no_card": "No card is saved.",
    "below_minimum": "The amount is too small to be charged to a card.",
}


def _terms(session: ChargingSession, charge: SessionCharge) -> tuple[str, str, str]:
    """Method, first state and failure code of a payable that no hold covers."""
    method, state = Payment.Method, Payment.State
    if not charge.gross.amount:
        return method.CARD, state.NOTHING_DUE, ""
    if session.driver is None:
        return method.CARD, state.FAILED, "no_driver"
    if charge.fleet_id is not None or session.driver.billing_preference != BillingPreference.PER_SESSION:
        return method.ACCOUNT, state.ON_ACCOUNT, ""
    if below_minimum(charge.gross + _carried(charge)):
        return method.CARD, state.CARRIED, ""
    return method.CARD, state.DUE, ""


def _carried(charge: SessionCharge) -> Money:
    """What the driver still owes of small amounts, waiting for a payment to go with."""
    currency = str(charge.gross.currency)
    carried = Payment.objects.of(charge.organisation_id).filter(
        driver=charge.driver_id, state=Payment.State.CARRIED, currency=currency, carried_into__isnull=True
    )
    return Money(carried.aggregate(total=Sum("due"))["total"] or Decimal(0), currency)
