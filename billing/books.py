"""Do the books hold? Each check looks at everything and names what is wrong, by row."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection
from django.utils import timezone

SHOWN = 10
IN_PROGRESS_FOR = timedelta(minutes=10)


@dataclass(slots=True)
class Finding:
    """What one check looked at, and the rows that fail it."""

    check: str
    looked_at: int
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.wrong


Check = tuple[str, str, str]

JOURNALS_ZERO = (
    "journals sum to zero per currency",
    "SELECT count(*) FROM billing_journal",
    """
    SELECT 'journal ' || j.id || ': ' || coalesce(sum(e.amount)::text || ' ' || e.currency, 'no entries')
    FROM billing_journal j
    LEFT JOIN billing_entry e
      ON e.organisation_id = j.organisation_id AND e.journal_id = j.id AND e.booked_at = j.booked_at
    GROUP BY j.organisation_id, j.id, e.currency HAVING coalesce(sum(e.amount), 1) <> 0
    """,
)
ENTRIES_FIT = (
    "entries have their account's currency and organisation",
    "SELECT count(*) FROM billing_entry",
    """
    SELECT 'entry ' || e.id || ': ' || e.amount || ' ' || e.currency FROM billing_entry e
    LEFT JOIN billing_account a ON a.id = e.account_id
      AND a.organisation_id = e.organisation_id AND a.currency = e.currency
    WHERE a.id IS NULL
    """,
)
CHARGED_ONCE = (
    "one charge per session, of its priced amounts",
    "SELECT count(*) FROM billing_sessioncharge",
    """
    SELECT 'session ' || c.session_id || ': charged ' || count(*) || ' times' FROM billing_sessioncharge c
    GROUP BY c.organisation_id, c.session_id HAVING count(*) > 1
    UNION ALL
    SELECT 'charge ' || c.id || ': ' || c.gross || ' ' || c.currency
      || ', priced ' || p.gross || ' ' || p.currency
    FROM billing_sessioncharge c JOIN charging_pricedsession p ON p.id = c.priced_id
    WHERE (c.net, c.tax, c.gross, c.currency, c.session_id)
      IS DISTINCT FROM (p.net, CASE c.treatment WHEN 'standard' THEN p.tax ELSE 0 END,
                        CASE c.treatment WHEN 'standard' THEN p.gross ELSE p.net END, p.currency, p.session_id)
    """,
)
LINES_SUM = (
    "charge lines sum to the charge",
    "SELECT count(*) FROM billing_chargeline",
    """
    SELECT 'charge ' || c.id || ': lines ' || coalesce(sum(l.amount), 0) || ', gross ' || c.gross
    FROM billing_sessioncharge c
    LEFT JOIN billing_chargeline l ON l.organisation_id = c.organisation_id AND l.charge_id = c.id
    GROUP BY c.id HAVING coalesce(sum(l.amount), 0) <> c.gross
      OR coalesce(sum(l.amount) FILTER (WHERE l.component = 'tax'), 0) <> c.tax
    """,
)
CHARGES_BOOKED = (
    "charges are booked as receivables",
    "SELECT count(*) FROM billing_sessioncharge WHERE gross > 0",
    """
    SELECT 'charge ' || c.id || ': ' || c.gross || ', receivable ' || coalesce(sum(e.amount), 0)
    FROM billing_sessioncharge c
    LEFT JOIN billing_journal j ON j.organisation_id = c.organisation_id
      AND j.cause = 'session_charged' AND j.cause_id = c.id
    LEFT JOIN billing_entry e ON e.organisation_id = j.organisation_id AND e.journal_id = j.id
      AND e.account_id IN (SELECT id FROM billing_account WHERE kind = 'driver_receivable')
    GROUP BY c.id HAVING coalesce(sum(e.amount), 0) <> c.gross
    """,
)
ALL_CHARGED = (
    "every priced session of ours is charged, or is about to be",
    """SELECT count(*) FROM charging_chargingsession
    WHERE state = 'priced' AND NOT settled_elsewhere AND quality IN ('good', 'released')""",
    """
    SELECT 'session ' || s.id || ': priced at ' || min(p.priced_at) FROM charging_chargingsession s
    JOIN charging_pricedsession p ON p.organisation_id = s.organisation_id AND p.session_id = s.id
    WHERE s.state = 'priced' AND NOT s.settled_elsewhere AND s.quality IN ('good', 'released')
      AND NOT EXISTS (SELECT FROM billing_sessioncharge c
                      WHERE c.organisation_id = s.organisation_id AND c.session_id = s.id)
    GROUP BY s.id HAVING min(p.priced_at) < %(in_progress_since)s
    """,
)
ALL_PAYABLE = (
    "every charge has one payable, of its amount",
    "SELECT count(*) FROM billing_sessioncharge",
    """
    SELECT 'charge ' || c.id || ': ' || count(p.id) || ' payables, due ' || coalesce(min(p.due), 0)
    FROM billing_sessioncharge c
    LEFT JOIN billing_payment p ON p.organisation_id = c.organisation_id AND p.charge_id = c.id
      AND p.currency = c.currency
    GROUP BY c.id HAVING count(p.id) <> 1 OR min(p.due) <> c.gross
    """,
)
PAYMENTS_BOOKED = (
    "what payments received is what journals say",
    "SELECT count(*) FROM billing_payment WHERE captured > 0",
    """
    WITH paid AS (
        SELECT organisation_id, coalesce(carried_into_id, id) AS id, sum(captured) AS captured
        FROM billing_payment GROUP BY 1, 2
    ), booked AS (
        SELECT j.organisation_id, j.cause_id AS id, sum(e.amount) AS amount FROM billing_journal j
        JOIN billing_entry e ON e.organisation_id = j.organisation_id AND e.journal_id = j.id
        JOIN billing_account a ON a.id = e.account_id AND a.kind IN ('stripe_clearing', 'bank')
        WHERE j.cause IN ('capture', 'transfer_received') GROUP BY 1, 2
    )
    SELECT 'payment ' || id || ': captured ' || coalesce(captured, 0) || ', booked ' || coalesce(amount, 0)
    FROM paid FULL JOIN booked USING (organisation_id, id)
    WHERE coalesce(captured, 0) <> coalesce(amount, 0)
    """,
)
PAID_ONCE = (
    "no payment took more than is due or was authorised",
    "SELECT count(*) FROM billing_payment",
    """
    SELECT 'payment ' || id || ': due ' || due || ', authorised ' || authorised || ', captured ' || captured
      || ', refunded ' || refunded
    FROM billing_payment
    WHERE captured + credited > due OR refunded > captured OR (method = 'guest' AND captured > authorised)
    UNION ALL
    SELECT 'payment ' || payment_id || ': ' || count(*) || ' successful charges' FROM billing_paymentattempt
    WHERE state = 'succeeded' AND kind IN ('charge', 'capture')
    GROUP BY organisation_id, payment_id HAVING count(*) > 1
    """,
)
STATES_FIT = (
    "payment states fit their amounts",
    "SELECT count(*) FROM billing_payment",
    """
    SELECT 'payment ' || id || ': ' || state || ', due ' || due || ', captured ' || captured
    FROM billing_payment
    WHERE (state = 'paid' AND due - captured - credited >= 0.01)
       OR (state = 'short' AND captured >= due)
       OR (state IN ('nothing_due', 'released', 'expired', 'checkout', 'held', 'carried') AND captured > 0)
       OR (state = 'nothing_due' AND due > 0)
    """,
)
REFUNDS_BOOKED = (
    "refunds have credit notes, and both are booked",
    "SELECT count(*) FROM billing_refund",
    """
    SELECT 'refund ' || r.id || ': ' || r.amount || ', credit note ' || d.gross FROM billing_refund r
    JOIN billing_document d ON d.id = r.credit_note_id
    WHERE r.amount <> d.gross OR r.currency <> d.currency OR d.kind <> 'credit_note'
    UNION ALL
    SELECT 'payment ' || p.id || ': refunded ' || p.refunded || ', refunds ' || coalesce(sum(r.amount), 0)
    FROM billing_payment p
    LEFT JOIN billing_refund r ON r.organisation_id = p.organisation_id AND r.payment_id = p.id
    GROUP BY p.id HAVING p.refunded <> coalesce(sum(r.amount), 0)
    UNION ALL
    SELECT 'refund ' || r.id || ': ' || r.state || ', booked ' || coalesce(sum(e.amount), 0)
    FROM billing_refund r
    LEFT JOIN billing_journal j
      ON j.organisation_id = r.organisation_id AND j.cause = 'refund' AND j.cause_id = r.id
    LEFT JOIN billing_entry e ON e.organisation_id = j.organisation_id AND e.journal_id = j.id
      AND e.account_id IN (SELECT id FROM billing_account WHERE kind = 'driver_receivable')
    GROUP BY r.id HAVING coalesce(sum(e.amount), 0) <> CASE r.state WHEN 'succeeded' THEN r.amount ELSE 0 END
    """,
)
NUMBERS_GAPLESS = (
    "document numbers have no gaps",
    "SELECT count(*) FROM billing_document",
    """
    SELECT d.kind || ' ' || d.year || ' of ' || d.organisation_id || ': ' || count(*)
      || ' documents, last number ' || max(d.sequence) || ', counter ' || coalesce(max(c.last), 0)
    FROM billing_document d
    LEFT JOIN billing_documentcounter c USING (organisation_id, kind, year)
    GROUP BY d.organisation_id, d.kind, d.year
    HAVING count(*) <> max(d.sequence) OR min(d.sequence) <> 1 OR max(c.last) IS DISTINCT FROM max(d.sequence)
    """,
)
DOCUMENTS_SUM = (
    "documents say what was charged",
    "SELECT count(*) FROM billing_document",
    """
    SELECT 'document ' || d.number || ': ' || d.gross || ', charge ' || coalesce(c.gross, 0) FROM billing_document d
    LEFT JOIN billing_sessioncharge c ON c.id = d.charge_id
    WHERE (d.kind = 'receipt'
           AND (d.net, d.tax, d.gross, d.currency) IS DISTINCT FROM (c.net, c.tax, c.gross, c.currency))
       OR (d.snapshot->'totals'->>'gross')::numeric <> d.gross
       OR (d.snapshot->'totals'->>'net')::numeric <> d.net
       OR d.snapshot->>'number' <> d.number
    UNION ALL
    SELECT 'document ' || d.number || ': tax ' || d.tax
      || ', by rate ' || coalesce(sum((t->>'tax')::numeric), 0)
    FROM billing_document d LEFT JOIN jsonb_array_elements(d.snapshot->'taxes') t ON true
    GROUP BY d.id HAVING coalesce(sum((t->>'tax')::numeric), 0) <> d.tax
    UNION ALL
    SELECT r.kind || ' ' || r.number || ': ' || r.gross || ', credited ' || sum(n.gross)
    FROM billing_document r JOIN billing_document n ON n.corrects_id = r.id
    GROUP BY r.id HAVING sum(n.gross) > r.gross
    """,
)
INVOICES_SUM = (
    "invoices are the sums of their lines, and lines say what was charged",
    "SELECT count(*) FROM billing_document WHERE kind = 'invoice'",
    """
    SELECT 'invoice ' || d.number || ': ' || d.gross || ', lines ' || coalesce(sum(l.gross), 0)
    FROM billing_document d
    LEFT JOIN billing_invoiceline l ON l.organisation_id = d.organisation_id AND l.document_id = d.id
    WHERE d.kind = 'invoice' GROUP BY d.id
    HAVING (d.net, d.tax, d.gross) IS DISTINCT FROM (sum(l.net), sum(l.tax), sum(l.gross))
      OR count(*) FILTER (WHERE l.currency <> d.currency) > 0
    UNION ALL
    SELECT 'invoice line ' || l.id || ': ' || l.gross || ', charge ' || c.gross FROM billing_invoiceline l
    JOIN billing_sessioncharge c ON c.id = l.charge_id
    WHERE (l.net, l.tax, l.gross, l.currency) IS DISTINCT FROM (c.net, c.tax, c.gross, c.currency)
    """,
)
INVOICES_COLLECTED = (
    "every invoice has one payment, paid when nothing of it is owed",
    "SELECT count(*) FROM billing_document WHERE kind = 'invoice'",
    """
    SELECT 'invoice ' || d.number || ': ' || count(p.id) || ' payments' FROM billing_document d
    LEFT JOIN billing_payment p ON p.organisation_id = d.organisation_id AND p.invoice_id = d.id
    WHERE d.kind = 'invoice' GROUP BY d.id HAVING count(p.id) <> 1
    UNION ALL
    SELECT 'invoice ' || d.number || ': ' || p.state || ', owed ' || sum(s.due - s.captured - s.credited)
    FROM billing_document d
    JOIN billing_payment p ON p.organisation_id = d.organisation_id AND p.invoice_id = d.id
    JOIN billing_invoiceline l ON l.organisation_id = d.organisation_id AND l.document_id = d.id
    JOIN billing_payment s ON s.organisation_id = l.organisation_id AND s.charge_id = l.charge_id
    GROUP BY d.id, p.id HAVING (p.state = 'paid') <> (sum(s.due - s.captured - s.credited) = 0)
    """,
)
PAID_HAVE_RECEIPTS = (
    "every settled payment has its receipt, or is about to",
    "SELECT count(*) FROM billing_payment WHERE state IN ('paid', 'short')",
    """
    SELECT 'payment ' || p.id || ': settled at ' || p.paid_at FROM billing_payment p
    WHERE p.state IN ('paid', 'short') AND p.paid_at < %(in_progress_since)s
      AND p.method NOT IN ('account', 'invoice')
      AND NOT EXISTS (SELECT FROM billing_document d WHERE d.organisation_id = p.organisation_id
                      AND d.charge_id = p.charge_id AND d.kind = 'receipt')
    """,
)
HISTORY_AGREES = (
    "the drivers' history agrees with the payments",
    "SELECT count(*) FROM billing_driverhistoryentry",
    """
    SELECT 'session ' || p.session_id || ': ' || p.state || ' ' || p.captured || ', history '
      || coalesce(h.payment_state || ' ' || h.paid, 'nothing')
    FROM billing_payment p
    LEFT JOIN billing_driverhistoryentry h ON h.driver_id = p.driver_id AND h.session_id = p.session_id
    WHERE p.charge_id IS NOT NULL AND p.driver_id IS NOT NULL
      AND (h.payment_state, h.gross, h.paid, h.refunded)
        IS DISTINCT FROM (p.state, p.due, p.captured, p.refunded)
    """,
)
DISPUTES_BOOKED = (
    "disputes are booked, and decided ones leave nothing in reserve",
    "SELECT count(*) FROM billing_dispute",
    """
    WITH reserved AS (
        SELECT j.organisation_id, j.cause_id AS id, sum(e.amount) AS amount,
          count(DISTINCT j.id) FILTER (WHERE j.idempotency_key NOT LIKE 'dispute-decided:%%') AS movements
        FROM billing_journal j
        JOIN billing_entry e ON e.organisation_id = j.organisation_id AND e.journal_id = j.id
        JOIN billing_account a ON a.id = e.account_id AND a.kind = 'dispute_reserve'
        WHERE j.cause = 'dispute' GROUP BY 1, 2
    )
    SELECT 'dispute ' || coalesce(d.dispute_id, r.id::text) || ': ' || coalesce(d.state, 'is not here')
      || ', in reserve ' || coalesce(r.amount, 0) || ', movements booked ' || coalesce(r.movements, 0)
    FROM billing_dispute d FULL JOIN reserved r ON r.organisation_id = d.organisation_id AND r.id = d.id
    WHERE d.id IS NULL OR coalesce(r.movements, 0) <> d.movements
       OR (d.state IN ('lost', 'closed', 'inquiry', 'inquiry_review') AND coalesce(r.amount, 0) <> 0)
       OR (d.state = 'won' AND d.closed_at < %(in_progress_since)s AND coalesce(r.amount, 0) <> 0)
    """,
)
DISPUTED_NOT_REFUNDED = (
    "nothing was refunded while disputed, nor beyond what disputes left",
    "SELECT count(*) FROM billing_dispute",
    """
    WITH back AS (
        SELECT r.*, coalesce(p.carried_into_id, p.id) AS payer_id FROM billing_refund r
        JOIN billing_payment p ON p.organisation_id = r.organisation_id AND p.id = r.payment_id
        WHERE r.state <> 'failed'
    )
    SELECT 'refund ' || r.id || ': ' || r.amount || ' while dispute ' || d.dispute_id || ' was open'
    FROM back r JOIN billing_dispute d ON d.organisation_id = r.organisation_id AND d.payment_id = r.payer_id
    WHERE r.created_at > d.recorded_at AND (d.closed_at IS NULL OR r.created_at < d.closed_at)
    UNION ALL
    SELECT 'payment ' || s.payer_id || ': captured ' || s.captured || ', refunded ' || s.refunded
      || ', lost ' || l.lost
    FROM (
        SELECT organisation_id, coalesce(carried_into_id, id) AS payer_id, sum(captured) AS captured,
          sum(refunded) AS refunded FROM billing_payment GROUP BY 1, 2
    ) s
    JOIN (
        SELECT organisation_id, payment_id, sum(amount) AS lost, min(closed_at) AS lost_at
        FROM billing_dispute WHERE state = 'lost' GROUP BY 1, 2
    ) l ON l.organisation_id = s.organisation_id AND l.payment_id = s.payer_id
    WHERE s.refunded + l.lost > s.captured
      AND EXISTS (SELECT FROM back r WHERE r.payer_id = s.payer_id AND r.created_at > l.lost_at)
    """,
)

CHECKS: tuple[Check, ...] = (
    JOURNALS_ZERO,
    ENTRIES_FIT,
    CHARGED_ONCE,
    LINES_SUM,
    CHARGES_BOOKED,
    ALL_CHARGED,
    ALL_PAYABLE,
    PAYMENTS_BOOKED,
    PAID_ONCE,
    STATES_FIT,
    REFUNDS_BOOKED,
    DISPUTES_BOOKED,
    DISPUTED_NOT_REFUNDED,
    NUMBERS_GAPLESS,
    DOCUMENTS_SUM,
    INVOICES_SUM,
    INVOICES_COLLECTED,
    PAID_HAVE_RECEIPTS,
    HISTORY_AGREES,
)


def verify(
    more: Iterator[Callable[[], Finding]] | tuple[Callable[[], Finding], ...] = (),
) -> Iterator[Finding]:
    """Run each check over the whole database, then those in `more`."""
    for check in CHECKS:
        yield _run(check)
    for further in more:
        yield further()


def _run(check: Check) -> Finding:
    name, count, wrong = check
    about = {"in_progress_since": timezone.now() - IN_PROGRESS_FOR}
    with connection.cursor() as cursor:
        cursor.execute(count)
        looked_at = int(cursor.fetchone()[0])
        cursor.execute(wrong, about)
        return Finding(name, looked_at, [row[0] for row in cursor.fetchall()])
