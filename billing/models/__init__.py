"""Ledger, charges, payments, documents, Stripe's inbox, and the drivers' history."""

from billing.models.charge import ChargeLine, SessionCharge
from billing.models.debt import Debtor, DebtPolicy
from billing.models.dispute import Dispute
from billing.models.document import Document, DocumentCounter, DocumentFile, DocumentKind, InvoiceLine, Mail
from billing.models.history import DriverHistoryEntry
from billing.models.ledger import Account, Entry, Journal
from billing.models.payment import BankTransfer, Payment, PaymentAttempt, Refund
from billing.models.stripe import PaymentProfile, StripeEventInbox
from billing.models.tax import BuyerTax, SellerTax

__all__ = [
    "Account",
    "BankTransfer",
    "BuyerTax",
    "ChargeLine",
    "DebtPolicy",
    "Debtor",
    "Dispute",
    "Document",
    "DocumentCounter",
    "DocumentFile",
    "DocumentKind",
    "DriverHistoryEntry",
    "Entry",
    "InvoiceLine",
    "Journal",
    "Mail",
    "Payment",
    "PaymentAttempt",
    "PaymentProfile",
    "Refund",
    "SellerTax",
    "SessionCharge",
    "StripeEventInbox",
]
